"""The panel of all measures, the profile by any of them, and the honesty figures, on the real demo."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from dash import no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.layouts.measures import MEASURES
from channelexplorer_dash.layouts.measures_panel import APART, STEPS, TABLE
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import LAYER, Call, until_idle


def show(call: Call, functions: Callbacks, view: View, tab: str, opened: bool = True) -> Any:
    return call(functions["show_measures"], None, opened, tab, "knn", None, "stage", view.to_json(), None)


def test_a_closed_panel_computes_nothing(call: Call, functions: Callbacks, computed: View) -> None:
    *unchanged, state = show(call, functions, computed, TABLE, opened=False)
    assert unchanged == [no_update] * 3
    assert state["phase"] == "idle"


def test_the_table_has_a_cell_for_every_layer_and_measure(
    call: Call, functions: Callbacks, computed: View
) -> None:
    table, *_ = until_idle(lambda: show(call, functions, computed, TABLE))
    text = json.dumps([part.to_plotly_json() for part in table], default=lambda part: part.to_plotly_json())
    cells = text.count('"data-layer"')
    assert cells and cells % len(MEASURES) == 0
    assert "95 % interval" in text
    # The best and the worst layer of a column.
    assert text.count("is-shade-5") >= len(MEASURES) - 1 and "is-shade-0" in text


def test_the_map_names_the_pairs_that_come_apart_last(
    call: Call, functions: Callbacks, computed: View
) -> None:
    table, figure, note = until_idle(lambda: show(call, functions, computed, APART))
    assert table == []
    assert figure["layout"]["meta"]["view"] == "apart"
    assert len(figure["data"][0]["text"]) == 10
    assert "95%" in str(note) and " and " in str(note)


def test_timesteps_are_shown_by_the_chosen_measure(call: Call, functions: Callbacks) -> None:
    view = View("digits-diffusion", "diffusion-digits", classes=(0, 1, 2)).to_json()

    def ask(by: str) -> Any:
        return call(functions["show_measures"], None, True, STEPS, by, None, "block", view, None)

    table, figure, note = until_idle(lambda: ask("knn"))
    assert table == [] and "guessing reaches 0.33" in str(note) and "timestep 999" in str(note)
    assert figure["data"][0]["zmax"] == 1 and not figure["data"][0]["reversescale"]
    _, figure, note = until_idle(lambda: ask("davies_bouldin"))
    assert "lower is better" in str(note) and "First timestep" not in str(note)
    assert figure["data"][0]["reversescale"] and figure["data"][0]["zmin"] < figure["data"][0]["zmax"]
    *_, state = ask("probe")
    assert state["phase"] == "failed" and "measured by one of" in state["label"]
    assert call(functions["offer_measures"], TABLE) and not call(functions["offer_measures"], STEPS)


def test_an_error_is_shown_in_the_line(call: Call, functions: Callbacks, computed: View) -> None:
    *_, state = call(
        functions["show_measures"], None, True, TABLE, "knn", None, "crumb", computed.to_json(), None
    )
    assert state["phase"] == "failed" and "granularity" in state["label"]


def test_the_profile_is_by_the_chosen_measure(call: Call, functions: Callbacks, computed: View) -> None:
    def ask() -> Any:
        return call(
            functions["show_profile"],
            None,
            "stage",
            "list",
            "davies_bouldin",
            None,
            computed.to_json(),
            None,
            None,
        )

    rows, status, *_ = until_idle(ask)
    assert "Davies–Bouldin index" in str(rows)
    assert "lower is better" in str(status) and "chance" not in str(status)


def test_a_measure_is_explained(call: Call, functions: Callbacks) -> None:
    assert "r / (1 + r)" in str(call(functions["explain_measure"], "n2"))
    with pytest.raises(SelectionError):
        call(functions["explain_measure"], "luck")
    assert call(functions["open_measures"], 1) is True
    with pytest.raises(PreventUpdate):
        call(functions["open_measures"], None)


def test_a_scatterplot_has_its_honesty_figures(call: Call, functions: Callbacks, computed: View) -> None:
    part = ids.part("scatterplot", "version", LAYER)
    deadline = time.monotonic() + 60
    ticks = 0
    while time.monotonic() < deadline:
        line, wanted = call(functions["show_honesty"], "key", ticks, "pca", part, computed.to_json())
        if wanted == ticks:
            break
        ticks = wanted
        time.sleep(0.1)
    text = str(line)
    assert "kNN" in text and "DSC" in text and "Trust" in text
    with pytest.raises(PreventUpdate):
        call(functions["show_honesty"], None, 0, "pca", part, computed.to_json())
