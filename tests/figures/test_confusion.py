from __future__ import annotations

import numpy as np
import pytest

from channelexplorer_dash.core.contribution import OTHERS, effect
from channelexplorer_dash.figures.confusion import confusion_figure
from channelexplorer_dash.layouts.contributions import ablation_card, contrast_card
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.channels import AblationDetail, ContrastDetail
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.selection import View
from tests.figures.conftest import LAYER
from tests.figures.wire import all_finite, decode, sent, trace


def detail(outputs: int = 4, columns: int = 20) -> AblationDetail:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(outputs), 20)
    before = np.eye(outputs)[labels] + random.random((len(labels), outputs)) / 2
    after = before.copy()
    after[labels == 2, 3] += 2
    found = effect(before, after, labels, labels, columns=columns)
    names = tuple(f"<{output}>" for output in range(outputs))
    return AblationDetail(LAYER, np.array([1, 4]), "mean", 80, 500, False, found, names, names)


def test_both_matrices_are_shares_of_their_rows() -> None:
    figure = sent(confusion_figure(detail()))
    before, after = (trace(figure, name) for name in ("before", "after"))
    np.testing.assert_array_equal(decode(before["z"]), 255 * np.eye(4, dtype=int))
    assert decode(after["z"])[2].tolist() == [0, 0, 0, 255]
    assert decode(after["customdata"])[2].tolist() == [0, 0, 0, 20]
    assert before["y"][0] == "&lt;0>"
    assert all_finite(figure)


def test_other_answers_share_a_column() -> None:
    one = detail(6, columns=3)
    assert one.effect.outputs[-1] == OTHERS
    assert sent(confusion_figure(one))["data"][0]["x"][-1] == "other answers"


def test_the_card_says_what_was_lost() -> None:
    text = str(ablation_card(detail()))
    assert "100.0 → 75.0 %" in text
    assert "−25.0 points" in text
    assert "Set to the mean, on 80 of 500 images." in text
    assert "<2> → <3> +20" in text
    assert "Effect of ablating 2 channels of layer3.0" in text


@pytest.mark.parametrize("channels", [[], [3]])
def test_a_contrast_without_and_with_channels(channels: list[int]) -> None:
    found = ContrastDetail(
        layer=LAYER,
        channels=np.array(channels, np.int64),
        channel_auc=np.full(len(channels), 0.2),
        auc=0.9,
        standard_error=0.02,
        sizes=np.array([0.5, 0.9]),
        fitted=4,
        image_ids=np.arange(6),
        first=np.arange(6) < 3,
        scores=-np.arange(6.0),
    )
    rows = {image: ImageRow(image, 0, "a", f"{image}.png") for image in range(6)}
    text = str(contrast_card(View("m", "d"), found, rows, Urls("/")))
    assert "A: 3 images, B: 3 images. Found on 4 of them." in text
    assert ("No set of channels" in text) == (not channels)
    assert ("so it is larger in B" in text) == bool(channels)
