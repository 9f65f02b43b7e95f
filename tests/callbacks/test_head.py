"""Neural collapse at the head, beneath the table of all measures, on the real demo."""

from __future__ import annotations

from typing import Any

import pytest
from dash import no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.layouts.measures_panel import APART, TABLE
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import Call, prop, until_idle

CONTROL = prop(ids.JOB_CONTROL, "data")


def show(
    call: Call,
    functions: Callbacks,
    view: View,
    tab: str = TABLE,
    granularity: str = "stage",
    control: Any = None,
    state: Any = None,
) -> Any:
    triggered = {CONTROL: control} if control else None
    given = (None, True, tab, control, granularity, view.to_json(), state)
    return call(functions["show_head"], *given, triggered=triggered)


def test_both_figures_are_shown_with_what_they_are_of(
    call: Call, functions: Callbacks, computed: View
) -> None:
    [figures] = until_idle(lambda: show(call, functions, computed))
    text = str(figures)
    assert "NC3" in text and "NC4" in text and text.count("95 % interval") == 2
    assert "Of fc, 64 inputs: 10 classes, 120 images." in text


def test_a_generator_says_that_it_has_no_head(call: Call, functions: Callbacks) -> None:
    view = View("digits-gan", "gan-digits")
    [figures] = until_idle(lambda: show(call, functions, view))
    assert "no class outputs" in str(figures) and "NC3" not in str(figures)


def test_another_tab_and_a_closed_panel_compute_nothing(
    call: Call, functions: Callbacks, computed: View
) -> None:
    assert show(call, functions, computed, APART)[0] is no_update
    closed = call(functions["show_head"], None, False, TABLE, None, "stage", computed.to_json(), None)
    assert closed[0] is no_update and closed[1]["phase"] == "idle"
    assert call(functions["offer_head"], APART) and not call(functions["offer_head"], TABLE)


def test_an_error_is_shown_in_the_line_and_can_be_tried_again(
    call: Call, functions: Callbacks, computed: View
) -> None:
    figures, state = show(call, functions, computed, granularity="crumb")
    assert figures == [] and state["phase"] == "failed" and "granularity" in state["label"]
    again = show(call, functions, computed, control={"action": "retry", "key": None}, state=state)
    assert again[1]["phase"] in {"idle", "busy"}


def test_a_cancelled_job_is_not_asked_for_again(call: Call, functions: Callbacks, computed: View) -> None:
    state = {"phase": "busy", "key": "0" * 40, "label": "", "done": 0, "total": 0}
    control = {"action": "cancel", "key": "0" * 40}
    assert show(call, functions, computed, control=control, state=state)[1]["phase"] == "cancelled"
    with pytest.raises(PreventUpdate):
        show(call, functions, computed, control={"action": "cancel", "key": "1" * 40}, state=state)
