"""The scorecard's table: which columns there are, and what it says of the effects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.core.contribution import channel_effects
from channelexplorer_dash.layouts.scorecard import (
    ACCURACY_LOST,
    EFFECT,
    Look,
    scorecard_table,
    shown_channels,
    shown_columns,
)
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.channels import ScorecardTable

PLAIN = ScorecardTable(
    layer=Layer("block", 0, ("block",), "Conv2d", 3, (3, 4, 5), "nchw"),
    classes=np.array([0, 1, 2]),
    class_names=("cat", "dog", "eel"),
    columns={"f": np.array([3.0, 1.0, 2.0])},
    best_class=np.array([0, 1, 2]),
    class_auroc=np.full((3, 3), 0.5, np.float32),
    class_frequency=np.full((3, 3), 0.2, np.float32),
    effect_images=4,
    of_images=1200,
)
DROPS = np.array([[1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [0.0, 0.0, 5.0], [0.0, 0.0, 5.0]])
MEASURED = replace(PLAIN, effects=channel_effects(DROPS, np.sign(DROPS), [0, 0, 1, 1]))


def says(table: ScorecardTable, **look: Any) -> str:
    return str(scorecard_table(table, Look(**look), None)[0].children)


def test_effects_are_columns_only_once_they_are_measured() -> None:
    assert EFFECT not in shown_columns(PLAIN, None)
    columns = shown_columns(MEASURED, None)
    assert columns[EFFECT].tolist() == [0.5, 0, 2]
    assert columns[ACCURACY_LOST].tolist() == [0.5, 0, 0]
    assert shown_columns(MEASURED, 0)[EFFECT].tolist() == [1, 0, -1]
    assert shown_columns(MEASURED, 1)[EFFECT].tolist() == [0, 0, 5]
    # None of the images that were measured is of this class.
    assert EFFECT not in shown_columns(MEASURED, 2)


def test_effects_sort_and_filter() -> None:
    assert shown_channels(MEASURED, Look(EFFECT)).tolist() == [2, 0, 1]
    assert shown_channels(MEASURED, Look(EFFECT, label=0, falling=False)).tolist() == [2, 1, 0]
    assert shown_channels(MEASURED, Look(EFFECT, least=0.1)).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("table", "label", "text"),
    [
        (PLAIN, None, "once for each of 3 channels, on 4 of 1,200 images"),
        (replace(PLAIN, fill="mean"), None, "set to its mean are not measured yet"),
        (replace(PLAIN, effect_images=0), None, "not the dataset's classes: no effect can be measured"),
        (MEASURED, None, "set to zero, measured on 4 of 1,200 images."),
        (MEASURED, 1, "measured on 4 of 1,200 images, 2 of them of this class."),
        (MEASURED, 2, "none of them of this class."),
    ],
)
def test_what_was_measured_is_said(table: ScorecardTable, label: int | None, text: str) -> None:
    assert text in says(table, label=label)
