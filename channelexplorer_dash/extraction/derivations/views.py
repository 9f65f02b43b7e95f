"""From a published summary S to what the views show: each function reads the store, publishes one result."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.arrays import IntArray, chunks
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
from channelexplorer_dash.extraction.derivations.registry import (
    active_given,
    derives,
    given,
    sample_of,
    scaling_given,
)
from channelexplorer_dash.extraction.plan import FITTED_TO_SOME, Derivation
from channelexplorer_dash.extraction.samples import (
    pack_scaling,
    sample_moments,
)
from channelexplorer_dash.store import Kind, Store, schema


@derives("scaling")
def _scaling(store: Store, plan: Derivation) -> None:
    moments = sample_moments(store, plan.source, *sample_of(store, plan))
    scaling = scaling_of(moments, plan.parameters["normalisation"])
    store.publish_array(Kind.ARRAY, plan.key, pack_scaling(scaling))


@derives("active")
def _active(store: Store, plan: Derivation) -> None:
    """Publish the active sets in the order of the sample: uint64 (n, words)."""
    ids, _ = sample_of(store, plan)
    values = store.array(Kind.SUMMARY, plan.source)
    sets = active_sets(
        values, plan.parameters["top_fraction"], scaling_given(store, plan), ids, torch.get_num_threads()
    )
    store.publish_array(Kind.ARRAY, plan.key, sets)


def _frequencies(store: Store, plan: Derivation) -> tuple[IntArray, IntArray]:
    """Return int64 (K,) images and (K, C) active ones of each class."""
    _, labels = sample_of(store, plan)
    channels = store.array(Kind.SUMMARY, plan.source).shape[1]
    _, active = active_frequencies(active_given(store, plan), labels, channels, torch.get_num_threads())
    return np.unique(labels, return_counts=True)[1], active


@derives("statistics")
def _statistics(store: Store, plan: Derivation) -> None:
    ids, labels = sample_of(store, plan)
    _, active = _frequencies(store, plan)
    scaling = scaling_given(store, plan)
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


@derives("class_overlap")
def _class_overlap(store: Store, plan: Derivation) -> None:
    _, labels = sample_of(store, plan)
    overlap = expected_overlap(active_given(store, plan), labels, torch.get_num_threads())
    store.publish_array(Kind.ARRAY, plan.key, overlap)


@derives("class_jaccard")
def _class_jaccard(store: Store, plan: Derivation) -> None:
    _, labels = sample_of(store, plan)
    sets = active_given(store, plan)
    similarity = class_jaccard(sets, labels, np.unique(labels), torch.get_num_threads())
    store.publish_array(Kind.ARRAY, plan.key, similarity)


@derives("image_jaccard")
def _image_jaccard(store: Store, plan: Derivation) -> None:
    """Publish the similarities of a stratified draw of the sample, float32 (m, m), in the sample's order."""
    _, labels = sample_of(store, plan)
    drawn = stratified(labels, plan.parameters["images"], plan.parameters["seed"])
    store.publish_array(Kind.ARRAY, plan.key, image_jaccard(active_given(store, plan)[drawn]))


@derives("components")
def _components(store: Store, plan: Derivation) -> None:
    """Publish the first principal components of the normalised rows, float32 (n, 50), and their axes."""
    ids, _ = sample_of(store, plan)
    values = store.array(Kind.SUMMARY, plan.source)
    found = principal_components(values, COMPONENTS, scaling_given(store, plan), ids)
    store.publish_array(Kind.ARRAY, plan.key, found.scores.astype(np.float32))
    axes = Derivation("axes", plan.layer, plan.source, plan.sample, dict(plan.parameters))
    store.publish_array(Kind.ARRAY, axes.key, np.vstack([found.mean, found.loadings.T]))


@derives("axes")
def _axes(store: Store, plan: Derivation) -> None:
    """Publish float64 (51, C): the mean of the normalised rows, and the loadings of the components."""
    found = principal_components(
        store.array(Kind.SUMMARY, plan.source),
        COMPONENTS,
        scaling_given(store, plan),
        sample_of(store, plan)[0],
    )
    store.publish_array(Kind.ARRAY, plan.key, np.vstack([found.mean, found.loadings.T]))


@derives("projection")
def _projection(store: Store, plan: Derivation) -> None:
    scores = store.array(Kind.ARRAY, given(store, plan, "components", "normalisation"))
    method, seed = plan.parameters["method"], plan.parameters["seed"]
    if method not in FITTED_TO_SOME or len(scores) <= (limit := plan.parameters["images"]):
        store.publish_array(Kind.ARRAY, plan.key, project(scores, method, seed))
        return
    chosen = np.zeros(len(scores), np.bool_)
    chosen[stratified(sample_of(store, plan)[1], limit, seed)] = True
    positions = np.empty((len(scores), 2), np.float32)
    positions[chosen] = project(scores[chosen], method, seed)
    positions[~chosen] = place_new(scores[chosen], positions[chosen], scores[~chosen], method)
    store.publish_array(Kind.ARRAY, plan.key, positions)
