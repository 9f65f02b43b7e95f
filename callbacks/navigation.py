"""Navigation: the page is built from the address, and the controls that decide what is computed change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.filtering import filter_columns, read_ranges
from channelexplorer_dash.errors import ChannelExplorerError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.controls import LOOKS
from channelexplorer_dash.layouts.page import error_page, page
from channelexplorer_dash.layouts.side_page import side_page
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.selection import Only, Selection, View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the address, the theme and the help."""
    urls = Urls(app.config.requests_pathname_prefix)

    @app.callback(Output(ids.PAGE, "children"), Input(ids.ROUTE, "data"), prevent_initial_call=True)
    def show_page(route: Any) -> Component:
        try:
            selection = explorer.selection(_search(route))
            shown = side_page if selection.show == "side" else page
            return shown(explorer, selection, urls)
        except ChannelExplorerError as error:
            return error_page(str(error), urls)

    @app.callback(
        # Not into the address itself: dcc.Location would put back what it last knew of it, which the page
        # has rewritten since.
        output=Output(ids.ASKED, "data"),
        inputs={
            "chosen": {
                "model": Input(ids.MODEL, "value"),
                "dataset": Input(ids.DATASET, "value"),
                "summary": Input(ids.SUMMARY, "value"),
                "normalisation": Input(ids.NORMALISATION, "value"),
            },
            "applied": Input(ids.APPLY, "n_clicks"),
        },
        state={
            "draw": {
                "classes": State(ids.CLASSES, "value"),
                "per_class": State(ids.PER_CLASS, "value"),
                "seed": State(ids.SEED, "value"),
                "only": State(ids.part("only", "values", ALL), "value"),
                "columns": State(ids.part("only", "values", ALL), "id"),
            },
            "looks": {name: State(control, "value") for name, control in LOOKS.items()},
            "view": State(ids.VIEW, "data"),
            "layers": State(ids.LAYERS, "data"),
        },
        prevent_initial_call=True,
    )
    def navigate(
        chosen: Mapping[str, Any],
        applied: int | None,
        draw: Mapping[str, Any],
        looks: Mapping[str, Any],
        view: Any,
        layers: Sequence[str],
    ) -> Any:
        current = Selection(View.from_json(view), tuple(layers or ()), **looks)
        changes = chosen_changes(explorer, current.view, chosen)
        if applied and ctx.triggered_id == ids.APPLY:
            changes |= draw_changes(draw, explorer.dataset(current.view.dataset))
        changed = current.with_view(**changes)
        return no_update if changed.view == current.view else changed.to_query()

    app.clientside_callback(
        script("route"),
        Output(ids.ROUTE, "data"),
        Input(ids.URL, "search"),
        Input(ids.ASKED, "data"),
    )
    app.clientside_callback(
        script("writeUrl"),
        Output(ids.URL_WRITTEN, "data"),
        Input(ids.MARKS, "data"),
        Input(ids.LAYERS, "data"),
        Input(ids.VIEW, "data"),
        Input(ids.ABLATED, "data"),
        Input(ids.GROUPS, "data"),
        *[Input(control, "value") for control in LOOKS.values()],
    )
    app.clientside_callback(
        script("chooseShare"),
        # The one thing that is computed anew without a new page: the panels follow while it is moved.
        Output(ids.VIEW, "data"),
        Input(ids.TOP_FRACTION, "value"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("showShare"),
        Output(ids.TOP_FRACTION_SHOWN, "children"),
        Input(ids.TOP_FRACTION, "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("toggleTheme"),
        Output(ids.THEME, "data"),
        Input(ids.THEME_TOGGLE, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("toggleHelp"),
        Output(ids.HELP_PANEL, "is_open"),
        Input(ids.HELP, "n_clicks"),
        Input(ids.EVENT, "data"),
        State(ids.HELP_PANEL, "is_open"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("share"),
        Output(ids.SHARED, "children"),
        Input(ids.SHARE, "n_clicks"),
        prevent_initial_call=True,
    )
    return {"show_page": show_page, "navigate": navigate}


def chosen_changes(explorer: Explorer, view: View, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the header's and toolbar's controls change in a view.

    Another dataset has other classes and images, so the draw of the old one is dropped, and the model
    that the dataset is registered with is taken.
    """
    changes = dict(chosen)
    if chosen["dataset"] != view.dataset:
        changes |= {"classes": None, "per_class": 0, "seed": 0, "only": ()}
        spec = next((spec for spec in explorer.datasets() if spec.name == chosen["dataset"]), None)
        if spec is not None and spec.model and chosen["model"] == view.model:
            changes["model"] = spec.model
    return changes


def draw_changes(draw: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Return the classes, images per class, seed and rows that the Dataset View asks for."""
    try:
        classes = tuple(sorted({int(label) for label in draw["classes"] or ()}))
        per_class, seed = int(draw["per_class"] or 0), int(draw["seed"] or 0)
    except (TypeError, ValueError) as error:
        raise SelectionError("Images per class and seed must be whole numbers.") from error
    chosen = None if len(classes) == len(dataset.class_names) else classes
    only = only_of(dict(zip((part["panel"] for part in draw["columns"]), draw["only"], strict=True)), dataset)
    return {"classes": chosen, "per_class": per_class, "seed": seed, "only": only}


def only_of(wanted: Mapping[str, Any], dataset: Dataset) -> tuple[Only, ...]:
    """Return the filters that the Dataset View asks for: ticked values, or ranges in words, by column."""
    found = []
    for column in filter_columns(dataset):
        value = wanted.get(column.name)
        if not column.values:
            values = read_ranges(column.name, str(value or ""))
            found += [Only(column.name, values)] if values else []
        elif isinstance(value, list) and set(value) != set(column.values):
            found.append(Only(column.name, tuple(map(str, value))))
    return tuple(found)


def _search(route: Any) -> str:
    if not isinstance(route, Mapping) or not isinstance(route.get("search"), str):
        raise SelectionError("The page's address cannot be read. Open the page again.")
    return str(route["search"])
