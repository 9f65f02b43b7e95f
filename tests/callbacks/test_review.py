"""The labels to review: asked for, listed, decided by keys, undone, exported."""

from __future__ import annotations

import base64
import csv
import io
import time
from typing import Any

import polars as pl
import pytest
from dash import no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.layouts.review import review_pager
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.results.images import LabelReview
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import Call, prop
from tests.callbacks.test_wiring import components


@pytest.fixture(scope="module")
def ranked(explorer: Explorer, computed: View) -> LabelReview:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = explorer.label_review(computed)
        if isinstance(answer, Ready):
            return answer.value
        time.sleep(0.05)
    raise AssertionError("The labels were not ranked in time.")


def find(functions: Callbacks, call: Call, view: View, clicks: Any, colour_by: str = "class") -> Any:
    return call(functions["find_wrong_labels"], None, None, clicks, colour_by, view.to_json(), None)


def rows(children: Any) -> list[Any]:
    return [one for one in components(children) if getattr(one, "className", "") == "ce-review-row"]


def test_nothing_is_computed_before_it_is_asked_for(
    call: Call, functions: Callbacks, computed: View, ranked: LabelReview
) -> None:
    key, state, hidden, button_hidden = find(functions, call, computed, None)
    assert (key, state["phase"], hidden, button_hidden) == (no_update, "idle", True, False)
    for asked in (find(functions, call, computed, 1), find(functions, call, computed, None, "suspicion")):
        key, state, hidden, button_hidden = asked
        assert isinstance(key, str)
        assert (state["phase"], hidden, button_hidden) == ("idle", False, True)
    key, state, *_ = find(functions, call, View("digits-resnet", "digits", classes=(2,)), 1)
    assert key is no_update
    assert state["phase"] == "failed"
    assert "two classes" in state["label"]


def test_a_page_of_the_list_is_shown_in_the_order_of_suspicion(
    call: Call, functions: Callbacks, computed: View, ranked: LabelReview
) -> None:
    children, facts = call(functions["list_labels"], "key", None, "all", "all", 0, computed.to_json())
    images = [int(row.to_plotly_json()["props"]["data-mark-image"]) for row in rows(children)]
    assert images == ranked.image_ids[:25].tolist()
    assert "expected to be wrong" in str(facts[0])
    children, _ = call(functions["list_labels"], "key", None, "all", "all", 99, computed.to_json())
    assert [
        int(row.to_plotly_json()["props"]["data-mark-image"]) for row in rows(children)
    ] == ranked.image_ids[100:].tolist()
    children, _ = call(functions["list_labels"], "key", None, "3", "open", 0, computed.to_json())
    of_three = {3} & {int(label) for label in (*ranked.given, *ranked.proposed)}
    assert of_three
    assert rows(children)
    children, facts = call(functions["list_labels"], "key", None, "all", "check", 0, computed.to_json())
    assert 0 < len(rows(children)) <= 25
    assert "Expected precision of the first" in str(facts)
    assert "Spot check: 0 decided, at least 10 and at most" in str(facts)
    with pytest.raises(PreventUpdate):
        call(functions["list_labels"], None, None, "all", "all", 0, computed.to_json())
    with pytest.raises(SelectionError):
        call(functions["list_labels"], "key", None, "all", "everything", 0, computed.to_json())


def test_decisions_take_images_off_the_list_and_undo_brings_them_back(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View, ranked: LabelReview
) -> None:
    def open_images() -> list[int]:
        children, _ = call(functions["list_labels"], "key", None, "all", "open", 0, computed.to_json())
        return [int(row.to_plotly_json()["props"]["data-mark-image"]) for row in rows(children)]

    def decide(action: str, image: int, chosen: str = "proposed", author: str = "Ann") -> str:
        event = {"action": action, "image": image, "proposed": 6, "n": 1}
        said = call(functions["decide"], event, chosen, author, computed.to_json())
        assert isinstance(said, str)
        return said

    first, second, third = ranked.image_ids[:3].tolist()
    decide("keep", first)
    decide("relabel", second)
    decide("relabel", third, chosen="2", author="")
    found = explorer.labels.current("digits")
    assert [found[i].action for i in (first, second, third)] == ["keep", "relabel", "relabel"]
    assert [found[i].label for i in (first, second, third)] == [None, 6, 2]
    assert [found[i].author for i in (first, third)] == ["Ann", explorer.labels.reviewer]
    assert not {first, second, third} & set(open_images())
    children, _ = call(functions["list_labels"], "key", None, "all", "relabel", 0, computed.to_json())
    assert [int(row.to_plotly_json()["props"]["data-mark-image"]) for row in rows(children)] == [
        second,
        third,
    ]
    shown = call(functions["show_gallery"], encode_indices([second]), None, True, None, computed.to_json())
    signs = [one for one in components(shown) if "ce-decision" in str(getattr(one, "className", ""))]
    assert [sign.title for sign in signs] == ["relabelled 6"]
    for image in (first, second, third):
        decide("undo", image)
    assert open_images()[:3] == [first, second, third]
    assert len(explorer.labels.log("digits")) == 6


def test_a_request_that_was_tampered_with_is_refused(
    call: Call, functions: Callbacks, computed: View
) -> None:
    page = ("proposed", "Ann", computed.to_json())
    with pytest.raises(SelectionError):
        call(functions["decide"], {"action": "delete", "image": 1, "proposed": 2}, *page)
    with pytest.raises(SelectionError):
        call(functions["decide"], {"action": "keep", "image": "x"}, *page)
    with pytest.raises(UnknownNameError):
        call(functions["decide"], {"action": "keep", "image": 10**6}, *page)
    with pytest.raises(PreventUpdate):
        call(functions["decide"], None, *page)


def test_decisions_are_exported(call: Call, functions: Callbacks, explorer: Explorer, computed: View) -> None:
    explorer.labels.decide("digits", 5, "relabel", 8, "=Ann")
    try:
        got = call(functions["export_decisions"], 1, None, computed.to_json())
        assert got["filename"] == "digits-decisions.csv"
        (row,) = csv.DictReader(io.StringIO(got["content"]))
        assert (row["image_id"], row["decision"], row["new_label"], row["decided_by"]) == (
            "5",
            "relabel",
            "8",
            "'=Ann",
        )
        asked = {prop(ids.REVIEW_PARQUET, "n_clicks"): 1}
        got = call(functions["export_decisions"], 1, 1, computed.to_json(), triggered=asked)
        assert got["filename"] == "digits-decisions.parquet"
        table = pl.read_parquet(io.BytesIO(base64.b64decode(got["content"])))
        assert table["decided_by"].to_list() == ["=Ann"]
        assert table["image_id"].to_list() == [5]
    finally:
        explorer.labels.decide("digits", 5, "undo", None, "Ann")
    with pytest.raises(PreventUpdate):
        call(functions["export_decisions"], None, None, computed.to_json())


def test_pages_are_turned_only_where_there_are_several() -> None:
    assert review_pager(0, 1) == []
    (pager,) = review_pager(0, 3)
    previous, where, following = pager.children
    assert previous.disabled
    assert where.children == "1 of 3"
    assert not following.disabled
