"""What is known of images: labels, predictions, further columns, and what they are coloured by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.core.arrays import FloatArray, IntArray
from channelexplorer_dash.datasets.base import IMAGE_ID, LABEL, SOURCE, Dataset
from channelexplorer_dash.errors import UnknownNameError
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.store.decisions import Decision
from channelexplorer_dash.store.schema import CONFIDENCE, PREDICTION

LABEL_NAME = "label_name"
PREDICTION_NAME = "prediction_name"
CORRECT = "correct"
DECISION = "decision"
DECIDED_LABEL = "decided_label"
DECIDED_BY = "decided_by"
DECIDED_AT = "decided_at"
KNOWN = (
    IMAGE_ID,
    SOURCE,
    LABEL,
    LABEL_NAME,
    PREDICTION,
    PREDICTION_NAME,
    CONFIDENCE,
    CORRECT,
    DECISION,
    DECIDED_LABEL,
    DECIDED_BY,
    DECIDED_AT,
)
"""Columns of :func:`image_table` that every dataset has."""
CATEGORIES = 6
"""Numbers of a column that still get colours of their own; of more, the order is what the eye should see."""

Predictions = tuple[IntArray, FloatArray]
"""Of every image of a dataset: the most probable output (-1: not known) and its probability."""


@dataclass(frozen=True)
class ColourValues:
    """What images are coloured by: numbers, or the positions of names (-1: not known).

    ``values`` is float64 (n,) without ``names``, int64 (n,) with them.
    """

    values: npt.NDArray[Any]
    names: tuple[str, ...] | None


def check_images(dataset: Dataset, image_ids: IntArray) -> None:
    """Raise UnknownNameError where a dataset has no such image."""
    wrong = image_ids[(image_ids < 0) | (image_ids >= len(dataset))]
    if len(wrong):
        raise UnknownNameError(
            f"{dataset.name} has {len(dataset):,} images, numbered from 0: there is no image {wrong[0]}."
        )


def image_table(
    dataset: Dataset,
    image_ids: IntArray,
    predictions: Predictions | None,
    output_names: Sequence[str],
    decisions: Mapping[int, Decision],
) -> pl.DataFrame:
    """Return one row for each of some images: the columns ``KNOWN``, then the dataset's further ones.

    What is not known is null. So is ``correct`` where the model's outputs are other classes than the
    dataset's, and right and wrong mean nothing. A further column with a name of ``KNOWN`` is marked.

    Parameters
    ----------
    image_ids
        int64 (n,), rows of the dataset.
    output_names
        Names of the model's outputs; outputs beyond them are named by their number.
    decisions
        What was decided about labels, by image.
    """
    rows = dataset.table[image_ids]
    further = [name for name in rows.columns if name not in {IMAGE_ID, LABEL, SOURCE}]
    predicted = np.full(len(image_ids), -1) if predictions is None else predictions[0][image_ids]
    confidence = np.zeros(len(image_ids)) if predictions is None else predictions[1][image_ids]
    # The last one is that of -1: not known.
    unnamed = range(len(output_names), int(predicted.max(initial=-1)) + 1)
    outputs = pl.Series([*output_names, *map(str, unnamed), None], dtype=pl.String)
    names = pl.Series(dataset.class_names, dtype=pl.String)
    said, label_name = outputs.gather(predicted % len(outputs)), names.gather(dataset.labels[image_ids])
    is_known = pl.Series(predicted >= 0)
    comparable = label_name.is_in(list(output_names))
    table = rows.select(
        IMAGE_ID,
        SOURCE,
        LABEL,
        label_name.alias(LABEL_NAME),
        pl.when(is_known).then(pl.Series(predicted)).alias(PREDICTION),
        said.alias(PREDICTION_NAME),
        pl.when(is_known).then(pl.Series(confidence)).alias(CONFIDENCE),
        pl.when(comparable).then(said == label_name).alias(CORRECT),
    )
    table = table.hstack(_decided(dataset, image_ids, decisions))
    marked = {name: f"{name} (dataset)" if name in KNOWN else name for name in further}
    return table.hstack(rows.select(further).rename(marked)) if further else table


def image_rows(
    dataset: Dataset,
    image_ids: IntArray,
    predictions: Predictions | None,
    output_names: Sequence[str],
    decisions: Mapping[int, Decision],
) -> tuple[ImageRow, ...]:
    """Return what is known of a few images."""
    table = image_table(dataset, image_ids, predictions, output_names, decisions)
    further = table.drop(KNOWN).to_dicts() if len(table.columns) > len(KNOWN) else [{}] * len(table)
    known = table.select(KNOWN).to_dicts()
    return tuple(ImageRow(**row, columns=more) for row, more in zip(known, further, strict=True))


def _decided(dataset: Dataset, image_ids: IntArray, decisions: Mapping[int, Decision]) -> pl.DataFrame:
    """Return the columns of what was decided about the labels of some images."""
    found = [decisions.get(image) for image in image_ids.tolist()]
    names = [
        dataset.class_names[entry.label] if entry and entry.label is not None else None for entry in found
    ]
    columns = {
        DECISION: [entry and entry.action for entry in found],
        DECIDED_LABEL: names,
        DECIDED_BY: [entry and entry.author for entry in found],
        DECIDED_AT: [entry and entry.time for entry in found],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def colours(
    dataset: Dataset,
    sample: Sample,
    colour_by: str,
    predictions: Predictions | None,
    output_names: tuple[str, ...],
) -> ColourValues:
    """Return what a sample's images are coloured by."""
    ids = sample.image_ids
    if colour_by == "class":
        return ColourValues(sample.labels, sample.class_names)
    if colour_by in {"prediction", "correct", "confidence"}:
        if predictions is None:
            return ColourValues(np.full(len(ids), -1), ())
        predicted, confidence = predictions[0][ids], predictions[1][ids]
        if colour_by == "confidence":
            return ColourValues(confidence.astype(np.float64), None)
        if colour_by == "prediction":
            present = np.unique(predicted[predicted >= 0])
            names = tuple(output_names[p] if p < len(output_names) else str(p) for p in present.tolist())
            return ColourValues(np.where(predicted < 0, -1, np.searchsorted(present, predicted)), names)
        # By name, as the model's outputs may be other classes than the dataset's, or in another order.
        output = {name: position for position, name in enumerate(output_names)}
        expected = np.array([output.get(name, -1) for name in dataset.class_names])[sample.labels]
        comparable = (predicted >= 0) & (expected >= 0)
        right = np.where(comparable, (predicted != expected).astype(np.int64), -1)
        return ColourValues(right, ("correct", "wrong"))
    if colour_by not in dataset.table.columns:
        raise UnknownNameError(f"{dataset.name} has no column {colour_by[:60]!r} to colour by.")
    column = dataset.table[colour_by].gather(ids)
    if column.dtype.is_numeric() and column.n_unique() > CATEGORIES:
        return ColourValues(column.cast(float).fill_null(float("nan")).to_numpy(), None)
    if column.dtype.is_integer() and not column.null_count():
        # In the order of the numbers, not of their digits.
        numbers, positions = np.unique(column.to_numpy(), return_inverse=True)
        return ColourValues(positions, tuple(str(number) for number in numbers))
    text = column.cast(str).fill_null("(none)").to_numpy()
    present, positions = np.unique(text, return_inverse=True)
    return ColourValues(positions, tuple(str(name) for name in present))
