from __future__ import annotations

from typing import Any

import pytest
from dash import Patch, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.callbacks.control import asked_action, failed, forgive, working
from channelexplorer_dash.errors import EngineError, JobFailedError, SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Job
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import LAYER, Call, prop


def changed(
    call: Call, functions: Callbacks, view: View, part: dict[str, Any], opened: list[str], value: Any = 1
) -> Any:
    return call(
        functions["open_and_close"],
        [],
        [],
        "key",
        opened,
        None,
        view.to_json(),
        triggered={prop(part, "n_clicks"): value},
    )


def test_the_first_panel_takes_the_place_of_the_hint(
    call: Call, functions: Callbacks, computed: View
) -> None:
    children, layers = changed(call, functions, computed, ids.part("layers", "row", LAYER), [])
    assert layers == [LAYER]
    assert [panel.key for panel in children] == [LAYER]


def test_further_panels_are_added_and_removed_by_patches(
    call: Call, functions: Callbacks, computed: View
) -> None:
    children, layers = changed(call, functions, computed, ids.part("layers", "row", LAYER), ["layer1.0"])
    assert isinstance(children, Patch)
    assert layers == ["layer1.0", LAYER]
    children, layers = changed(call, functions, computed, ids.part("panel", "close", "layer1.0"), layers)
    assert isinstance(children, Patch)
    assert layers == [LAYER]
    children, layers = changed(call, functions, computed, ids.part("panel", "close", LAYER), layers)
    assert layers == []
    assert "No panel is open" in str(children)


def test_rows_that_only_appeared_open_nothing(call: Call, functions: Callbacks, computed: View) -> None:
    part = ids.part("layers", "row", LAYER)
    assert changed(call, functions, computed, part, [], value=None) == (no_update, no_update)


def test_an_open_layer_is_not_opened_twice(call: Call, functions: Callbacks, computed: View) -> None:
    assert changed(call, functions, computed, ids.part("layers", "row", LAYER), [LAYER]) == (
        no_update,
        no_update,
    )


def test_the_fifth_panel_is_refused(call: Call, functions: Callbacks, computed: View) -> None:
    with pytest.raises(SelectionError, match="Close one first"):
        changed(call, functions, computed, ids.part("layers", "row", LAYER), ["a", "b", "c", "d"])


def test_a_layer_that_does_not_exist(call: Call, functions: Callbacks, computed: View) -> None:
    with pytest.raises(UnknownNameError):
        changed(call, functions, computed, ids.part("layers", "row", "nothing"), [])


@pytest.mark.parametrize(("wanted", "first"), [([], None), ([LAYER], LAYER)])
def test_a_described_model_opens_its_panels(
    call: Call, functions: Callbacks, computed: View, wanted: list[str], first: str | None
) -> None:
    trigger = {prop(ids.DESCRIBED, "data"): "key"}
    children, layers = call(
        functions["open_and_close"], [], [], "key", [], wanted, computed.to_json(), triggered=trigger
    )
    assert len(children) == len(layers) > 0
    assert first is None or layers == [first]


def test_a_link_with_an_unknown_layer_says_so(call: Call, functions: Callbacks, computed: View) -> None:
    trigger = {prop(ids.DESCRIBED, "data"): "key"}
    children, layers = call(
        functions["open_and_close"], [], [], "key", [], ["layr4.0"], computed.to_json(), triggered=trigger
    )
    assert layers == []
    assert "Did you mean" in str(children)


def looks(view: View, colour_by: str = "class") -> tuple[Any, ...]:
    return "pca", colour_by, "auto", "jaccard", "classes", view.to_json()


def polled(
    call: Call,
    functions: Callbacks,
    view: View,
    *,
    control: Any = None,
    state: Any = None,
    shown: Any = (None,) * 5,
) -> Any:
    part = ids.part("panel", "tick", LAYER)
    trigger = prop(ids.JOB_CONTROL, "data") if control else prop(part, "data")
    return call(
        functions["poll"],
        1,
        control,
        *looks(view),
        part,
        state,
        *shown,
        triggered={trigger: control or 1},
    )


def test_a_ready_panel_stops_polling(call: Call, functions: Callbacks, computed: View) -> None:
    state, *versions = polled(call, functions, computed)
    assert state == {"phase": "idle", "key": None}
    # Nothing is coloured by clusters.
    assert [isinstance(version, str) for version in versions] == [True] * 4 + [False]
    _, *again = polled(call, functions, computed, shown=[*versions[:4], None])
    assert again == [no_update] * 5


def test_a_page_that_comes_with_its_panels_asks_at_once(
    call: Call, functions: Callbacks, computed: View
) -> None:
    # Dash then calls with every input as trigger, and the job control, still empty, first.
    part = ids.part("panel", "tick", LAYER)
    everything = {prop(ids.JOB_CONTROL, "data"): None, prop(part, "data"): None}
    state, *_ = call(
        functions["poll"],
        None,
        None,
        *looks(computed),
        part,
        None,
        *(None,) * 5,
        triggered=everything,
    )
    assert state["phase"] == "idle"


def test_a_failure_is_shown_and_stops_polling(call: Call, functions: Callbacks, computed: View) -> None:
    part = ids.part("panel", "tick", "nothing")
    trigger = {prop(part, "data"): 1}
    state, *_ = call(
        functions["poll"], 1, None, *looks(computed), part, None, *(None,) * 5, triggered=trigger
    )
    assert state["phase"] == "failed"
    assert "no layer" in state["label"]


def test_cancelling_reaches_the_lines_that_wait_for_the_job(
    call: Call, functions: Callbacks, computed: View
) -> None:
    state = {"phase": "busy", "key": "ab" * 20}
    found, *_ = polled(call, functions, computed, control={"action": "cancel", "key": "ab" * 20}, state=state)
    assert found == {"phase": "cancelled", "key": "ab" * 20}
    with pytest.raises(PreventUpdate):
        polled(call, functions, computed, control={"action": "cancel", "key": "other"}, state=state)


def test_a_cancelled_panel_is_computed_again(call: Call, functions: Callbacks, computed: View) -> None:
    found, *_ = polled(
        call, functions, computed, control={"action": "retry"}, state={"phase": "cancelled", "key": "ab" * 20}
    )
    assert found["phase"] == "idle"


@pytest.mark.parametrize(
    ("control", "state", "action"),
    [
        (None, None, "leave"),
        ({"action": "cancel", "key": "a"}, {"phase": "busy", "key": "a"}, "cancel"),
        ({"action": "cancel"}, {"phase": "idle"}, "leave"),
        ({"action": "retry"}, {"phase": "busy", "key": "a"}, "leave"),
        ({"action": "retry"}, {"phase": "failed", "key": "a"}, "retry"),
        ("nonsense", [1], "leave"),
    ],
)
def test_what_a_click_means_for_a_line(control: Any, state: Any, action: str) -> None:
    assert asked_action(control, state) == action


def test_states_of_a_line(explorer: Explorer) -> None:
    assert working(Job("k", "Running", 3, 9)) == {
        "phase": "busy",
        "key": "k",
        "label": "Running",
        "done": 3,
        "total": 9,
    }
    assert failed(JobFailedError("broken", "k")) == {"phase": "failed", "label": "broken", "key": "k"}
    assert failed(EngineError("gone")) == {"phase": "failed", "label": "gone", "key": None}
    forgive(explorer, failed(JobFailedError("broken", "ab" * 20)))
