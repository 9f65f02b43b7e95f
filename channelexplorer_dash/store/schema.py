"""Columns of every table in the store."""

from __future__ import annotations

from typing import Any

import polars as pl

IMAGE_ID = "image_id"
LABEL = "label"
CHANNEL = "channel"
PREDICTION = "prediction"
CONFIDENCE = "confidence"
COUNT = "count"
MINIMUM = "minimum"
MAXIMUM = "maximum"
VARIANCE = "variance"
PAIRWISE = "pairwise"
MEAN = "mean"
M2 = "m2"

PREDICTIONS = pl.Schema({IMAGE_ID: pl.UInt32, PREDICTION: pl.Int32, CONFIDENCE: pl.Float32})
"""One row per readable image whose logits are finite: the most probable output, its softmax probability."""

CHANNEL_STATISTICS = pl.Schema(
    {CHANNEL: pl.UInt32, VARIANCE: pl.Float64, PAIRWISE: pl.Float64, COUNT: pl.Float64}
)
"""One row per channel, in order: the numbers that the heatmap is sorted by."""

_DOUBLES: Any = pl.List(pl.Float64)
_SINGLES: Any = pl.List(pl.Float32)

CLASS_MOMENTS = pl.Schema(
    {
        LABEL: pl.Int32,
        COUNT: pl.Int64,
        MEAN: _DOUBLES,
        M2: _DOUBLES,
        MINIMUM: _SINGLES,
        MAXIMUM: _SINGLES,
    }
)
"""One row per class, of all images of a summary; lists have one number per channel: the mean, Σ (s − mean)²
and the extremes over the class's images."""
