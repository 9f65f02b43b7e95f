"""What is said above the labels to review."""

from __future__ import annotations

import numpy as np
import pytest

from channelexplorer_dash.explorer.labels import LabelList
from channelexplorer_dash.layouts.review import review_facts
from channelexplorer_dash.layouts.text import give_or_take
from channelexplorer_dash.results.images import LabelReview


def facts(*, wrong: int, margin: float, checks: int, unchecked: int = 90, is_known: bool = False) -> str:
    images = np.arange(100)
    none, chance = np.zeros(100), np.repeat([1.0, 0.0], [wrong, 100 - wrong])
    review = LabelReview(
        images,
        images,
        images,
        none,
        none,
        none,
        none,
        chance,
        precision=np.linspace(1, 0, 100),
        margin=np.full(100, margin),
        layers=("fc",),
        class_names=("a", "b"),
        checks=checks,
    )
    return str(review_facts(LabelList(review, images, checks, unchecked, is_known)))


@pytest.mark.parametrize(("margin", "said"), [(0, "±0"), (0.05, "±5"), (0.051, "±6"), (0.9999, "±100")])
def test_a_margin_is_never_rounded_down(margin: float, said: str) -> None:
    assert give_or_take(margin) == said
    assert give_or_take(0.1 + 0.2) == "±30"


def test_what_the_spot_check_waits_for_is_said() -> None:
    text = facts(wrong=40, margin=0.054, checks=12)
    assert "of the first 40: 61 % ±6, of the first 20: 81 % ±6." in text
    assert "12 decided, at most 90 more, until both are ±5." in text
    assert "at least 8 and at most 90 more" in facts(wrong=40, margin=0.01, checks=2)
    assert "more, until it is ±5." in facts(wrong=1, margin=0.5, checks=10)


def test_a_spot_check_ends_either_way() -> None:
    assert "12 decided, done." in facts(wrong=40, margin=0.04, checks=12, is_known=True)
    assert "90 decided, no more to ask." in facts(wrong=40, margin=0.2, checks=90, unchecked=0)
    # Ten labels cannot be asked for where there are fewer.
    assert "decided, at most 5 more" in facts(wrong=4, margin=0.01, checks=0, unchecked=5)
