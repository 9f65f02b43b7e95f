"""Columns of every table in the store."""

from __future__ import annotations

import polars as pl

IMAGE_ID = "image_id"
LABEL = "label"
CHANNEL = "channel"
PREDICTION = "prediction"
CONFIDENCE = "confidence"
COUNT = "count"
SUM = "sum"
SQUARES = "squares"
MINIMUM = "minimum"
MAXIMUM = "maximum"
ACTIVE = "active"
MEAN = "mean"
M2 = "m2"

PREDICTIONS = pl.Schema({IMAGE_ID: pl.UInt32, PREDICTION: pl.Int32, CONFIDENCE: pl.Float32})
"""One row per readable image: the model's most probable output and its softmax probability."""

CLASS_SUMS = pl.Schema(
    {
        LABEL: pl.Int32,
        CHANNEL: pl.Int32,
        COUNT: pl.Int64,
        SUM: pl.Float64,
        SQUARES: pl.Float64,
        MINIMUM: pl.Float32,
        MAXIMUM: pl.Float32,
        ACTIVE: pl.Int64,
    }
)
"""One row per class and channel: Σ and Σ² over the class's images, in how many of them the channel is
active, and the channel's least and largest value over all classes."""

_DOUBLES: pl.DataType = pl.List(pl.Float64)
_SINGLES: pl.DataType = pl.List(pl.Float32)

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
