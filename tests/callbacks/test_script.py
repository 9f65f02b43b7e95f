"""The page's script in a real browser: codec and address are as Python's, and marks follow events."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from benchmarks.chromium import chromium
from channelexplorer_dash.explorer.contributions import Ablated, Groups
from channelexplorer_dash.indices import decode_indices, encode_indices
from channelexplorer_dash.layouts.controls import LOOKS
from channelexplorer_dash.selection import MAX_QUERY_CHARACTERS, ChannelMark, Marks, PairMark, Selection, View

pytestmark = pytest.mark.browser

ASSETS = Path(__file__).resolve().parents[2] / "assets"
NOTHING = Marks().to_json()
SAMPLE = {"labels": [0, 1], "names": ["cat", "dog"], "images": [encode_indices([2, 3]), encode_indices([5])]}
# What Dash gives to the functions: whatever triggered the call, and a way to set properties.
DASH = """
window.dash_clientside = {
  no_update: "unchanged",
  callback_context: {triggered: []},
  set_props: (id, props) => (window.propsSet = [id, props]),
};
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        opened = browser.new_page()
        opened.goto("about:blank")
        opened.evaluate(DASH)
        for file in sorted(ASSETS.glob("channelexplorer.*.js")):
            opened.evaluate(file.read_text(encoding="utf-8"))
        yield opened


def lists() -> Iterator[list[int]]:
    draw = random.Random(3)
    yield from ([], [0], [7], [0, 1, 2], [5, 1_000_000_000], list(range(100_000)))
    for universe, share in ((50, 0.5), (2_000, 0.3), (2_000, 0.002), (50_000, 0.02), (50_000, 0.7)):
        yield [i for i in range(universe) if draw.random() < share]


@pytest.mark.parametrize("indices", list(lists()), ids=lambda found: f"{len(found)}")
def test_the_codec_is_the_same_as_pythons(page: Page, indices: list[int]) -> None:
    text = encode_indices(indices)
    assert page.evaluate("channelexplorer.encodeIndices", indices) == text
    assert page.evaluate("channelexplorer.decodeIndices", text) == list(decode_indices(text))


@pytest.mark.parametrize(
    "selection",
    [
        Selection(View("m", "d")),
        Selection(
            View("my model", "d&é", summary="mean", classes=(1, 2), per_class=5, seed=2, top_fraction=0.1),
            ("layer1.0", "head#2"),
            granularity="leaf",
            colour_by="a column",
            projection="pca",
            jaccard="images",
            order="hierarchy",
            sorting="count",
            clusters="7",
            distance="centroid",
            leaves="subclasses",
            ablate="layer1.0:mean:r3.0",
            contrast="layer1.0:r3.1:",
            marks=Marks((3, 4, 9), ChannelMark("layer1.0", 7), PairMark("layer1.0", 3, 9)),
        ),
    ],
    ids=["plain", "everything"],
)
def test_the_address_restores_the_selection(page: Page, selection: Selection) -> None:
    plain = Selection(replace(selection.view, top_fraction=View.top_fraction))
    attributes = {
        "share": str(View.top_fraction),
        "query": plain.to_query(),
        "looks": json.dumps([[name, getattr(plain, name)] for name in LOOKS]),
        "queryLimit": str(MAX_QUERY_CHARACTERS),
    }
    looks = [getattr(selection, name) for name in LOOKS]
    asked = [Ablated.from_link(selection.ablate), Groups.from_link(selection.contrast)]
    written = page.evaluate(
        """([attributes, marks, layers, view, asked, looks]) => {
          document.body.innerHTML = '<div class="ce-app"></div>';
          Object.assign(document.querySelector(".ce-app").dataset, attributes);
          let address = null;
          window.history.replaceState = (state, title, query) => (address = query);
          dash_clientside.channelexplorer.writeUrl(marks, layers, view, ...asked, ...looks);
          return address;
        }""",
        [
            attributes,
            selection.marks.to_json(),
            list(selection.layers),
            selection.view.to_json(),
            [one and one.to_json() for one in asked],
            looks,
        ],
    )
    assert Selection.from_query(written, model="x", dataset="y") == selection


def reduced(page: Page, marks: dict[str, Any], event: dict[str, Any]) -> Any:
    """Return the marks after an event, as the one owner of the marks returns them."""
    return page.evaluate(
        """([marks, event, sample]) => {
          const ids = JSON.stringify({event: "e", clear: "c", undo: "u"});
          document.body.innerHTML = "<div></div>";
          document.querySelector("div").dataset.ids = ids;
          dash_clientside.callback_context.triggered = [{prop_id: "e.data", value: event}];
          return dash_clientside.channelexplorer.reduceMarks(marks, sample);
        }""",
        [marks, event, SAMPLE],
    )


def test_marks_follow_what_is_clicked(page: Page) -> None:
    page.evaluate("channelexplorer.forgetMarks()")
    classes = reduced(page, NOTHING, {"action": "click", "layer": "a", "meaning": {"labels": [1, 0]}})
    assert Marks.from_json(classes).images == (2, 3, 5)
    pair = reduced(page, classes, {"action": "click", "layer": "a", "meaning": {"pair": [5, 2]}})
    assert Marks.from_json(pair) == Marks((2, 5), pair=PairMark("a", 5, 2))
    channel = reduced(page, pair, {"action": "click", "layer": "b", "meaning": {"channel": 3}})
    assert Marks.from_json(channel) == Marks((2, 5), ChannelMark("b", 3), PairMark("a", 5, 2))
    off = reduced(page, channel, {"action": "click", "layer": "b", "meaning": {"channel": 3}})
    assert off == pair
    lasso = reduced(page, channel, {"action": "select", "images": encode_indices([7, 8])})
    assert Marks.from_json(lasso) == Marks((7, 8), ChannelMark("b", 3))
    cluster = reduced(page, lasso, {"action": "group", "images": encode_indices([2, 9])})
    assert Marks.from_json(cluster) == Marks((2, 9), ChannelMark("b", 3))
    part = reduced(page, lasso, {"action": "click", "layer": "a", "meaning": {"group": [4]}})
    assert Marks.from_json(part) == Marks((4,), ChannelMark("b", 3))
    assert reduced(page, lasso, {"action": "clear"}) == NOTHING


def test_undo_goes_back_step_by_step(page: Page) -> None:
    page.evaluate("channelexplorer.forgetMarks()")
    one = reduced(page, NOTHING, {"action": "select", "images": encode_indices([1])})
    two = reduced(page, one, {"action": "select", "images": encode_indices([2])})
    assert reduced(page, two, {"action": "undo"}) == one
    assert reduced(page, one, {"action": "undo"}) == NOTHING
    assert reduced(page, NOTHING, {"action": "undo"}) == "unchanged"


def test_decoration_and_other_keys_change_nothing(page: Page) -> None:
    assert reduced(page, NOTHING, {"action": "click", "layer": "a", "meaning": {}}) == "unchanged"
    assert reduced(page, NOTHING, {"action": "help"}) == "unchanged"
