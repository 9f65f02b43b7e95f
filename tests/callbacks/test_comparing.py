"""The panel of two models: two demo models on the digits, called as plain functions."""

from __future__ import annotations

from typing import Any

import pytest
from dash import Dash, no_update

from channelexplorer_dash.callbacks import Callbacks, register
from channelexplorer_dash.callbacks.comparing import clicked_cell
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.selection import Selection, View
from tests.callbacks.conftest import OTHER, PREFIX, Call, until_idle

VIEW = View("digits-resnet", "digits", per_class=12)


@pytest.fixture(scope="module")
def functions(two: Explorer) -> Callbacks:
    return register(Dash("two", url_base_pathname=PREFIX, suppress_callback_exceptions=True), two)


def show(call: Call, functions: Callbacks, opened: bool = True, other: str = OTHER) -> Any:
    return call(functions["show_comparison"], opened, other, None, None, "stage", None, VIEW.to_json())


def test_choosing_a_model_opens_the_panel(call: Call, functions: Callbacks) -> None:
    opened, title = call(functions["open_compare"], OTHER, None, VIEW.to_json(), "page")
    assert opened and title == "digits-resnet compared with untrained"
    assert call(functions["open_compare"], "", None, VIEW.to_json(), "page") == (False, no_update)
    # It would lie over the views of a frame.
    assert call(functions["open_compare"], OTHER, None, VIEW.to_json(), "panels") == (False, no_update)
    with pytest.raises(SelectionError, match="Choose one"):
        call(functions["open_compare"], "", 1, VIEW.to_json(), "page")


def test_a_closed_panel_asks_nothing(call: Call, functions: Callbacks) -> None:
    content, _, state = show(call, functions, opened=False)
    assert content == [] and state["phase"] == "idle"


def test_what_changed_is_told(call: Call, functions: Callbacks) -> None:
    content, figure = until_idle(lambda: show(call, functions))
    text = str(content)
    assert "changed most" in text and "Newly confused by untrained" in text
    assert "data-mark-group" in text and "kNN" in text
    assert figure["layout"]["meta"]["view"] == "cka"
    assert len(figure["data"][0]["text"]) == len(figure["layout"]["yaxis"]["ticktext"])


def test_an_error_is_shown_in_the_line(call: Call, functions: Callbacks) -> None:
    *_, state = show(call, functions, other="never")
    assert state["phase"] == "failed" and "never" in state["label"]


def test_a_cell_matches_the_channels_of_two_layers(call: Call, functions: Callbacks) -> None:
    until_idle(lambda: show(call, functions))

    def ask(cell: tuple[int, int]) -> Any:
        clicked = {"points": [{"y": cell[0], "x": cell[1]}]}
        return call(functions["show_channels"], clicked, None, None, OTHER, "stage", None, VIEW.to_json())

    (content,) = until_idle(lambda: ask((1, 2)))
    text = str(content)
    assert "matched channels" in text and "compare=digits-resnet" in text and "model=untrained" in text
    *_, state = ask((99, 0))
    assert state["phase"] == "failed"
    assert clicked_cell(None) is None and clicked_cell({"points": []}) is None


def test_the_link_takes_layers_and_images_along(call: Call, functions: Callbacks) -> None:
    selection = Selection(VIEW)
    looks = {name: getattr(selection, name) for name in ("granularity", "projection", "sorting")}
    looks |= {"compare": OTHER}
    found, side = call(
        functions["link_other"], True, encode_indices([5, 7]), looks, ["layer4.0", "no"], VIEW.to_json()
    )
    assert found.startswith(PREFIX + "?")
    linked = Selection.from_query(found.removeprefix(PREFIX), model="", dataset="")
    assert (linked.view.model, linked.compare, linked.layers) == (OTHER, VIEW.model, ("layer4.0",))
    assert linked.marks.images == (5, 7)
    both = Selection.from_query(side.removeprefix(PREFIX), model="", dataset="")
    assert (both.view, both.compare, both.layers, both.show) == (VIEW, OTHER, ("layer4.0",), "side")
    assert both.marks == linked.marks
    closed = call(functions["link_other"], False, None, looks, [], VIEW.to_json())
    assert closed == (no_update, no_update)
