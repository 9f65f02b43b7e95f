from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.figures.colouring import by_number
from channelexplorer_dash.indices import decode_indices
from channelexplorer_dash.layouts.dataset_view import notes, sample_preview
from channelexplorer_dash.layouts.inspector import gallery
from channelexplorer_dash.layouts.jobs import jobs_list, store_line
from channelexplorer_dash.layouts.layers_view import profile_rows, profile_status
from channelexplorer_dash.layouts.legend import legend
from channelexplorer_dash.layouts.page import error_page, sample_state
from channelexplorer_dash.layouts.text import percent, shape_text
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Job, Sample
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.results.layers import LayerFigure, Profile
from channelexplorer_dash.selection import ChannelMark, View
from channelexplorer_dash.store import StoreSize

URLS = Urls("/channels/")
VIEW = View("m", "d")


def layer(**given: Any) -> Layer:
    plain = {"name": "block", "depth": 0, "granularities": ("block",), "kind": "Conv2d", "channels": 8}
    return Layer(**{**plain, "shape": (8, 4, 5), "layout": "nchw", **given})


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (layer(), "8×4×5"),
        (layer(shape=(4, 5, 8), layout="nhwc"), "8×4×5"),
        (layer(shape=(50, 8), layout="tokens"), "8 × 50 tokens"),
        (layer(shape=(8,), layout="dense"), "8"),
    ],
)
def test_shapes_are_written_channels_first(one: Layer, text: str) -> None:
    assert shape_text(one) == text


def test_a_share_is_never_rounded_to_certainty() -> None:
    assert [percent(share) for share in (0.0, 0.504, 0.9999, 1.0)] == ["0 %", "50 %", "99 %", "100 %"]


def test_addresses_stand_under_the_prefix_and_are_quoted() -> None:
    assert URLS.home() == "/channels/"
    assert URLS.thumbnail("a/b c", 3) == "/channels/media/a%2Fb%20c/3?size=64"
    overlay = URLS.overlay(View("m", "d", summary="mean"), ChannelMark("layer1#2", 4), 5)
    assert overlay == "/channels/overlay/m/d/layer1%232/4/5"


def test_the_script_gets_the_sample_by_class() -> None:
    sample = Sample(np.array([1, 4, 2]), np.array([0, 0, 2]), ("a", "b", "c"))
    state = sample_state(sample)
    assert (state["labels"], state["names"]) == ([0, 2], ["a", "c"])
    assert [decode_indices(text) for text in state["images"]] == [(1, 4), (2,)]


def test_the_preview_holds_every_class() -> None:
    labels = np.repeat(np.arange(5), 100)
    shown = sample_preview(Sample(np.arange(500), labels, tuple("abcde")))
    assert len(shown) == 20
    assert set(labels[shown].tolist()) == set(range(5))


def test_a_wrong_prediction_is_marked_in_words_and_by_class() -> None:
    wrong = ImageRow(0, 1, "cat", "x.png", 2, "dog", 0.8, correct=False)
    other = ImageRow(1, 1, "cat", "y.png", 2, "tabby", 0.8, correct=None)
    shown = gallery(VIEW, [wrong, other], 5, URLS)
    text = str(shown)
    assert text.count("is-wrong") == 1
    assert "✗ dog 80 %" in text
    assert "1 of 2 shown are wrong" in text
    assert "The first 2 are shown" in text


def test_a_profile_says_what_is_known() -> None:
    rows = (LayerFigure(layer(), 0.5), LayerFigure(layer(name="deep"), None, non_finite=3))
    profile = Profile(rows, "knn", 5, 0.25, 50, 1_000, Job("k", "Running"))
    known, unknown = map(str, profile_rows(profile))
    assert "kNN accuracy 0.500, chance 0.250" in known
    assert "not known yet; 3 values were not finite" in unknown
    assert "1 of 2 known" in str(profile_status(profile))


def test_numbers_have_no_legend() -> None:
    assert legend(by_number("confidence", np.arange(3.0))) == []


def test_jobs_with_and_without_a_known_share() -> None:
    shown = str(jobs_list([Job("a", "Running", 5, 10), Job("b", "Loading")]))
    assert "5 of 10" in shown
    assert "is-unknown" in shown


def test_the_store_is_measured_against_its_quota() -> None:
    assert "0.51 GB; the disk has 80 GB" in str(store_line(StoreSize(507_000_000, 90, 80_000_000_000), 0))
    assert "0.51 GB of 2.5 GB" in str(store_line(StoreSize(507_000_000, 90, 80_000_000_000), 2.5))


def test_notes_are_folded_and_limited() -> None:
    assert notes([]) == []
    (folded,) = notes([f"{i}.png: broken" for i in range(500)])
    assert "500 notes" in str(folded)
    assert str(folded).count("broken") == 200


def test_an_error_page_says_what_and_leads_home() -> None:
    assert "no model" in str(error_page("There is no model.", URLS))
    assert "href='/channels/'" in str(error_page("There is no model.", URLS))
