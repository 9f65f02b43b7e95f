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
F = "f"
ETA_SQUARED = "eta_squared"
MUTUAL_INFORMATION = "mutual_information"
SELECTIVITY = "selectivity"
BEST_CLASS = "best_class"
AUROC = "auroc"
CLASS_AUROC = "class_auroc"
CLASS_FREQUENCY = "class_frequency"
EFFECT = "effect"
ACCURACY_LOST = "accuracy_lost"
CLASS_EFFECT = "class_effect"
CLASS_ACCURACY_LOST = "class_accuracy_lost"
PROPOSED = "proposed"
SCORE = "score"
CHANCE = "chance"
PRECISION = "precision"
NEIGHBOURS = "neighbours"
ACTIVE_SETS = "active_sets"
PROBE = "probe"

PREDICTIONS = pl.Schema({IMAGE_ID: pl.UInt32, PREDICTION: pl.Int32, CONFIDENCE: pl.Float32})
"""One row per readable image whose logits are finite: the most probable output, its softmax probability."""

CHANNEL_STATISTICS = pl.Schema(
    {CHANNEL: pl.UInt32, VARIANCE: pl.Float64, PAIRWISE: pl.Float64, COUNT: pl.Float64}
)
"""One row per channel, in order: the numbers that the heatmap is sorted by."""

LABEL_ISSUES = pl.Schema(
    {
        IMAGE_ID: pl.UInt32,
        LABEL: pl.Int32,
        PROPOSED: pl.Int32,
        SCORE: pl.Float64,
        NEIGHBOURS: pl.Float64,
        ACTIVE_SETS: pl.Float64,
        PROBE: pl.Float64,
        CHANCE: pl.Float64,
        PRECISION: pl.Float64,
    }
)
"""One row per readable image, the most suspicious first: given and proposed label, score, the single scores
(mean ranks over the layers), the chance that the label is wrong, the expected precision up to this row."""

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

SCORECARD = pl.Schema(
    {
        CHANNEL: pl.UInt32,
        F: pl.Float64,
        ETA_SQUARED: pl.Float64,
        MUTUAL_INFORMATION: pl.Float64,
        SELECTIVITY: pl.Float64,
        BEST_CLASS: pl.Int32,
        AUROC: pl.Float64,
        CLASS_AUROC: _SINGLES,
        CLASS_FREQUENCY: _SINGLES,
    }
)
"""One row per channel, in order; lists have one number per class that occurs, ascending by label."""

SCORES = (F, ETA_SQUARED, MUTUAL_INFORMATION, SELECTIVITY, AUROC)
"""Columns of the scorecard that are one figure of the channel, by which channels can be sorted."""

MEASURED = (EFFECT, ACCURACY_LOST)
"""Columns of the effects that are one figure of the channel, by which channels can be sorted."""

CHANNEL_EFFECTS = pl.Schema(
    {
        CHANNEL: pl.UInt32,
        EFFECT: pl.Float64,
        ACCURACY_LOST: pl.Float64,
        CLASS_EFFECT: _DOUBLES,
        CLASS_ACCURACY_LOST: _DOUBLES,
    }
)
"""One row per channel, in order: what its ablation alone takes away; lists have one number per class of the
images that it was measured on, ascending by label."""
