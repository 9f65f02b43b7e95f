"""From a published summary S to what the views show: each function reads the store, publishes one result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.channels import class_sums
from channelexplorer_dash.core.jaccard import class_jaccard
from channelexplorer_dash.core.normalise import dead_channels, fit_scaling, normalise
from channelexplorer_dash.core.pca import principal_components
from channelexplorer_dash.core.projection import COMPONENTS, project
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.plan import Derivation, about_key
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, schema

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


def readable_sample(store: Store, summary: str, sample: str) -> tuple[IntArray, IntArray]:
    """Return image ids and labels of a sample, without the images that the extraction left out.

    Parameters
    ----------
    summary
        Key of S.
    sample
        Key of the sample, int64 (2, n).

    Raises
    ------
    DatasetError
        If no image is left.
    """
    ids, labels = np.asarray(store.array(Kind.ARRAY, sample))
    gone = [int(entry[0]) for entry in store.record(about_key(summary))["left_out"]]
    if gone:
        kept = ~np.isin(ids, gone)
        ids, labels = ids[kept], labels[kept]
    if not len(ids):
        raise DatasetError(
            "None of the chosen images could be read. Choose other classes, or mend the files."
        )
    return ids, labels


def publish_derivation(store: Store, plan: Derivation) -> None:
    """Compute a plan's result and publish it; a result that is there already is left as it is."""
    _FUNCTIONS[plan.name](store, plan)


def _rows(store: Store, plan: Derivation) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the sample's rows of S, the same normalised as the plan says, and their labels."""
    ids, labels = readable_sample(store, plan.source, plan.sample)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    return rows, normalise(rows, plan.parameters["normalisation"]), labels


def _active(rows: FloatArray, normalised: FloatArray, plan: Derivation) -> npt.NDArray[np.bool_]:
    return active_sets(normalised, plan.parameters["top_fraction"], dead_channels(rows))


def _projection(store: Store, plan: Derivation) -> None:
    ids, _ = readable_sample(store, plan.source, plan.sample)
    S = store.array(Kind.SUMMARY, plan.source)
    scaling = fit_scaling(S[ids], plan.parameters["normalisation"])
    components = principal_components(S, COMPONENTS, scaling, ids)
    positions = project(components.scores, plan.parameters["method"], plan.parameters["seed"])
    store.publish_array(Kind.ARRAY, plan.key, positions)


def _scaling(store: Store, plan: Derivation) -> None:
    """Publish float64 (3, C): shift, scale, and 1 for dead channels."""
    ids, _ = readable_sample(store, plan.source, plan.sample)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    scaling = fit_scaling(rows, plan.parameters["normalisation"])
    store.publish_array(Kind.ARRAY, plan.key, np.stack([scaling.shift, scaling.scale, scaling.dead]))


def _class_sums(store: Store, plan: Derivation) -> None:
    rows, normalised, labels = _rows(store, plan)
    sums = class_sums(normalised, labels, _active(rows, normalised, plan))
    classes, channels = sums.sums.shape
    table = pl.DataFrame(
        {
            schema.LABEL: np.repeat(sums.classes, channels),
            schema.CHANNEL: np.tile(np.arange(channels), classes),
            schema.COUNT: np.repeat(sums.counts, channels),
            schema.SUM: sums.sums.ravel(),
            schema.SQUARES: sums.squares.ravel(),
            schema.MINIMUM: np.tile(sums.minimum, classes),
            schema.MAXIMUM: np.tile(sums.maximum, classes),
            schema.ACTIVE: sums.active.ravel(),
        }
    )
    store.publish_table(plan.key, table, schema.CLASS_SUMS)


def _knn(store: Store, plan: Derivation) -> None:
    _, normalised, labels = _rows(store, plan)
    parameters = plan.parameters
    measured = loo_knn_accuracy(
        normalised, labels, k=parameters["neighbours"], metric="cosine", queries=parameters["queries"]
    )
    store.publish_record(plan.key, asdict(measured))


def _class_jaccard(store: Store, plan: Derivation) -> None:
    rows, normalised, labels = _rows(store, plan)
    similarity = class_jaccard(_active(rows, normalised, plan), labels, np.unique(labels))
    store.publish_array(Kind.ARRAY, plan.key, similarity)


def _kernel_norms(store: Store, plan: Derivation) -> None:
    from channelexplorer_dash.extraction.layers import kernel_norms

    built = _model(plan)
    layer = _layer(store, plan)
    norms = kernel_norms(built, layer.name, layer.channels)
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


_FUNCTIONS = cast(
    "dict[str, Callable[[Store, Derivation], None]]",
    {
        "projection": _projection,
        "scaling": _scaling,
        "class_sums": _class_sums,
        "knn": _knn,
        "class_jaccard": _class_jaccard,
        "kernel_norms": _kernel_norms,
        "overlay": _overlay,
    },
)
