"""From a published summary S to what the views show: each function reads the store, publishes one result.

A result that is made of others asks for them with :func:`_given`, which computes what is not there yet: each
is published under its own key, so that it is computed once, whoever needs it first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
import torch

from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.arrays import BitArray, IntArray, chunks
from channelexplorer_dash.core.channels import channel_statistics
from channelexplorer_dash.core.jaccard import (
    active_frequencies,
    class_jaccard,
    expected_overlap,
    image_jaccard,
)
from channelexplorer_dash.core.moments import (
    ClassMoments,
    MomentsAccumulator,
    normalised_moments,
    scaling_of,
)
from channelexplorer_dash.core.normalise import Scaling, apply_scaling
from channelexplorer_dash.core.pca import principal_components
from channelexplorer_dash.core.placing import place_new
from channelexplorer_dash.core.projection import COMPONENTS, project
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.extraction.plan import FITTED_TO_SOME, Derivation, DerivationName
from channelexplorer_dash.extraction.samples import (
    pack_scaling,
    read_scaling,
    readable_sample,
    sample_moments,
)
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, schema


def publish_derivation(store: Store, plan: Derivation) -> None:
    """Compute a plan's result and publish it; a result that is there already is left as it is."""
    if not store.has(plan.result, plan.key):
        _FUNCTIONS[plan.name](store, plan)


def _given(store: Store, plan: Derivation, name: DerivationName, *parameters: str) -> str:
    """Return the key of another result of the same sample, which shares some of the plan's parameters."""
    shared = {parameter: plan.parameters[parameter] for parameter in parameters}
    needed = Derivation(name, plan.layer, plan.source, plan.sample, shared)
    publish_derivation(store, needed)
    return needed.key


def _sample(store: Store, plan: Derivation) -> tuple[IntArray, IntArray]:
    return readable_sample(store, plan.source, plan.sample)


def _scaling_given(store: Store, plan: Derivation) -> Scaling:
    key = _given(store, plan, "scaling", "normalisation")
    return read_scaling(store, key, plan.parameters["normalisation"])


def _active_given(store: Store, plan: Derivation) -> BitArray:
    return store.array(Kind.ARRAY, _given(store, plan, "active", "normalisation", "top_fraction"))


def _scaling(store: Store, plan: Derivation) -> None:
    moments = sample_moments(store, plan.source, *_sample(store, plan))
    scaling = scaling_of(moments, plan.parameters["normalisation"])
    store.publish_array(Kind.ARRAY, plan.key, pack_scaling(scaling))


def _active(store: Store, plan: Derivation) -> None:
    """Publish the active sets in the order of the sample: uint64 (n, words)."""
    ids, _ = _sample(store, plan)
    values = store.array(Kind.SUMMARY, plan.source)
    sets = active_sets(
        values, plan.parameters["top_fraction"], _scaling_given(store, plan), ids, torch.get_num_threads()
    )
    store.publish_array(Kind.ARRAY, plan.key, sets)


def _frequencies(store: Store, plan: Derivation) -> tuple[IntArray, IntArray]:
    """Return int64 (K,) images and (K, C) active ones of each class."""
    _, labels = _sample(store, plan)
    channels = store.array(Kind.SUMMARY, plan.source).shape[1]
    _, active = active_frequencies(_active_given(store, plan), labels, channels)
    return np.unique(labels, return_counts=True)[1], active


def _statistics(store: Store, plan: Derivation) -> None:
    ids, labels = _sample(store, plan)
    _, active = _frequencies(store, plan)
    scaling = _scaling_given(store, plan)
    if scaling.method == "image_l1":
        moments = _normalised_rows(store, plan, ids, labels, scaling)
    else:
        moments = normalised_moments(sample_moments(store, plan.source, ids, labels), scaling)
    statistics = channel_statistics(moments, active)
    table = pl.DataFrame(
        {
            schema.CHANNEL: np.arange(active.shape[1]),
            schema.VARIANCE: statistics.variance,
            schema.PAIRWISE: statistics.pairwise,
            schema.COUNT: statistics.count,
        }
    )
    store.publish_table(plan.key, table, schema.CHANNEL_STATISTICS)


def _normalised_rows(
    store: Store, plan: Derivation, ids: IntArray, labels: IntArray, scaling: Scaling
) -> ClassMoments:
    """Return the moments of rows that are normalised each by itself."""
    values = store.array(Kind.SUMMARY, plan.source)
    accumulator = MomentsAccumulator(np.unique(labels), values.shape[1])
    for part in chunks(len(ids), 8 * values.shape[1]):
        accumulator.add(apply_scaling(values[ids[part]], scaling), labels[part])
    return accumulator.moments()


def _class_overlap(store: Store, plan: Derivation) -> None:
    counts, active = _frequencies(store, plan)
    store.publish_array(Kind.ARRAY, plan.key, expected_overlap(active / counts[:, None]))


def _class_jaccard(store: Store, plan: Derivation) -> None:
    _, labels = _sample(store, plan)
    sets = _active_given(store, plan)
    similarity = class_jaccard(sets, labels, np.unique(labels), torch.get_num_threads())
    store.publish_array(Kind.ARRAY, plan.key, similarity)


def _image_jaccard(store: Store, plan: Derivation) -> None:
    """Publish the similarities of a stratified draw of the sample, float32 (m, m), in the sample's order."""
    _, labels = _sample(store, plan)
    drawn = stratified(labels, plan.parameters["images"], plan.parameters["seed"])
    store.publish_array(Kind.ARRAY, plan.key, image_jaccard(_active_given(store, plan)[drawn]))


def _components(store: Store, plan: Derivation) -> None:
    """Publish the first principal components of the normalised rows, float32 (n, 50)."""
    ids, _ = _sample(store, plan)
    values = store.array(Kind.SUMMARY, plan.source)
    found = principal_components(values, COMPONENTS, _scaling_given(store, plan), ids)
    store.publish_array(Kind.ARRAY, plan.key, found.scores.astype(np.float32))


def _projection(store: Store, plan: Derivation) -> None:
    scores = store.array(Kind.ARRAY, _given(store, plan, "components", "normalisation"))
    method, seed = plan.parameters["method"], plan.parameters["seed"]
    if method not in FITTED_TO_SOME or len(scores) <= (limit := plan.parameters["images"]):
        store.publish_array(Kind.ARRAY, plan.key, project(scores, method, seed))
        return
    chosen = np.zeros(len(scores), np.bool_)
    chosen[stratified(_sample(store, plan)[1], limit, seed)] = True
    positions = np.empty((len(scores), 2), np.float32)
    positions[chosen] = project(scores[chosen], method, seed)
    positions[~chosen] = place_new(scores[chosen], positions[chosen], scores[~chosen], method)
    store.publish_array(Kind.ARRAY, plan.key, positions)


def _knn(store: Store, plan: Derivation) -> None:
    ids, labels = _sample(store, plan)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    neighbours, queries = plan.parameters["neighbours"], plan.parameters["queries"]
    store.publish_record(plan.key, asdict(loo_knn_accuracy(rows, labels, neighbours, "cosine", queries)))


def _kernel_norms(store: Store, plan: Derivation) -> None:
    from channelexplorer_dash.extraction.layers import kernel_norms

    layer = _layer(store, plan)
    norms = kernel_norms(_model(plan), layer.name, layer.channels)
    store.publish_array(Kind.ARRAY, plan.key, np.zeros(0) if norms is None else norms)


def _overlay(store: Store, plan: Derivation) -> None:
    from channelexplorer_dash.extraction.maps import activation_map
    from channelexplorer_dash.extraction.shards import loaded_dataset

    dataset = loaded_dataset(
        DatasetSpec.model_validate(plan.parameters["_dataset"]),
        plan.parameters["dataset_digest"],
        plan.parameters["_max_image_pixels"],
    )
    image = dataset.image(plan.parameters["image_id"])
    drawn = activation_map(_model(plan), image, _layer(store, plan), plan.parameters["channel"])
    store.publish_array(Kind.ARRAY, plan.key, drawn)


def _model(plan: Derivation) -> Any:
    from channelexplorer_dash.extraction.shards import loaded_model

    return loaded_model(ModelSpec.model_validate(plan.parameters["_model"]), plan.parameters["_identity"])


def _layer(store: Store, plan: Derivation) -> Any:
    return ModelDescription.from_json(store.record(plan.source)).layer(plan.layer)


_FUNCTIONS: Mapping[DerivationName, Callable[[Store, Derivation], None]] = {
    "scaling": _scaling,
    "active": _active,
    "statistics": _statistics,
    "class_overlap": _class_overlap,
    "class_jaccard": _class_jaccard,
    "image_jaccard": _image_jaccard,
    "components": _components,
    "projection": _projection,
    "knn": _knn,
    "kernel_norms": _kernel_norms,
    "overlay": _overlay,
}
