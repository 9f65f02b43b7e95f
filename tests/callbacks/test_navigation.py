from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dash import no_update

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.callbacks.navigation import draw_changes
from channelexplorer_dash.datasets.filtering import filter_columns
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.dataset_view import row_filter
from channelexplorer_dash.selection import Only, Selection, View
from tests.callbacks.conftest import Call, prop

LOOKS = {
    "granularity": "block",
    "colour_by": "correct",
    "projection": "pca",
    "jaccard": "auto",
    "order": "class",
    "sorting": "count",
}


def chosen(view: View, **changes: str) -> dict[str, str]:
    names = ("model", "dataset", "summary", "normalisation")
    return {name: str(getattr(view, name)) for name in names} | changes


def navigated(call: Call, functions: Callbacks, view: View, **given: Any) -> Any:
    draw = given.get("draw", {"classes": list(range(10)), "per_class": view.per_class, "seed": view.seed})
    draw = {"only": [], "columns": [], **draw}
    trigger = ids.APPLY if "draw" in given else ids.SUMMARY
    return call(
        functions["navigate"],
        given.get("chosen", chosen(view)),
        1 if "draw" in given else None,
        draw,
        LOOKS,
        view.to_json(),
        ["layer4.0"],
        triggered={prop(trigger, "value"): 1},
    )


def test_nothing_changed_means_no_new_address(call: Call, functions: Callbacks, view: View) -> None:
    assert navigated(call, functions, view) is no_update


def test_another_summary_keeps_panels_and_looks(
    call: Call, functions: Callbacks, explorer: Explorer, view: View
) -> None:
    query = navigated(call, functions, view, chosen=chosen(view, summary="mean"))
    found = explorer.selection(query)
    assert found.view == View(view.model, view.dataset, summary="mean", per_class=view.per_class)
    assert found.layers == ("layer4.0",)
    assert (found.colour_by, found.projection, found.sorting) == ("correct", "pca", "count")


def test_apply_takes_the_draw(call: Call, functions: Callbacks, explorer: Explorer, view: View) -> None:
    query = navigated(call, functions, view, draw={"classes": [3, 1], "per_class": 5, "seed": 7})
    found = explorer.selection(query).view
    assert (found.classes, found.per_class, found.seed) == ((1, 3), 5, 7)


def test_all_classes_are_written_as_none(explorer: Explorer) -> None:
    everything = {
        "classes": list(range(9, -1, -1)),
        "per_class": None,
        "seed": None,
        "only": [],
        "columns": [],
    }
    assert draw_changes(everything, explorer.dataset("digits")) == {
        "classes": None,
        "per_class": 0,
        "seed": 0,
        "only": (),
    }


def test_apply_takes_the_rows(call: Call, functions: Callbacks, explorer: Explorer) -> None:
    states = View("digits-diffusion", "diffusion-digits")
    columns = [ids.part("only", "values", name) for name in ("seed", "timestep")]
    draw = {"classes": list(range(10)), "per_class": 0, "seed": 0, "columns": columns}
    query = navigated(call, functions, states, draw=draw | {"only": ["0-4", ["0", "999"]]})
    found = explorer.selection(query).view
    assert found.only == (Only("seed", ("0..4",)), Only("timestep", ("0", "999")))
    assert len(explorer.sample(found).image_ids) == 10 * 5 * 2
    assert View.from_json(found.to_json()) == found
    # What is shown of it is what was asked for.
    shown = str(row_filter(found, filter_columns(explorer.dataset(found.dataset))))
    assert "value='0–4'" in shown and "value=['0', '999']" in shown and "open=True" in shown
    every = [str(step) for step in explorer.new_latents.timesteps(found.dataset)]
    query = navigated(call, functions, found, draw=draw | {"only": [None, every]})
    assert explorer.selection(query).view == states
    for wrong in (["a", every], ["0", []], ["50", every]):
        with pytest.raises(SelectionError):
            explorer.sample(
                explorer.selection(navigated(call, functions, states, draw=draw | {"only": wrong})).view
            )
    # Another dataset has other columns.
    query = navigated(call, functions, found, chosen=chosen(found, dataset="digits"))
    assert explorer.selection(query).view.only == ()


def test_a_filter_is_folded_while_all_rows_take_part(explorer: Explorer, view: View) -> None:
    (shown,) = row_filter(view, filter_columns(explorer.dataset("digits")))
    assert "by split" in str(shown) and "value=['test', 'train']" in str(shown) and not shown.open
    assert row_filter(view, ()) == []


def test_no_class_is_said_to_the_person(call: Call, functions: Callbacks, view: View) -> None:
    with pytest.raises(SelectionError, match="at least one class"):
        navigated(call, functions, view, draw={"classes": [], "per_class": 5, "seed": 7})


@pytest.mark.parametrize(
    "draw", [{"classes": ["x"], "per_class": 1, "seed": 0}, {"classes": 3, "per_class": 1, "seed": 0}]
)
def test_a_draw_that_cannot_be_read(draw: dict[str, Any], explorer: Explorer) -> None:
    with pytest.raises(SelectionError):
        draw_changes(draw | {"only": [], "columns": []}, explorer.dataset("digits"))


def test_the_share_that_is_looked_at_is_kept(
    call: Call, functions: Callbacks, explorer: Explorer, view: View
) -> None:
    query = navigated(call, functions, replace(view, top_fraction=0.35), chosen=chosen(view, summary="mean"))
    assert explorer.selection(query).view.top_fraction == 0.35


def test_the_page_of_a_link(call: Call, functions: Callbacks, computed: View) -> None:
    query = Selection(computed, ("layer4.0",)).to_query()
    built = str(call(functions["show_page"], {"search": query, "n": 1}))
    assert "ce-app" in built
    assert "layer4.0" in built


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"search": "?model=nobody"}, "no model 'nobody'"),
        ({"search": "?dataset=digits&classes=r99"}, "cannot be read"),
        ({"search": "?" + "x" * 10_000}, "characters"),
        (None, "address"),
        ([1], "address"),
        ({"search": 3}, "address"),
    ],
)
def test_a_link_that_cannot_be_shown_says_why(
    call: Call, functions: Callbacks, route: Any, said: str
) -> None:
    built = str(call(functions["show_page"], route))
    assert "ce-error-page" in built
    assert said in built
    assert "Start again" in built
