"""Two models side by side: the frames, the layer that stands beside another, and how alike the two are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dash import ALL, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.callbacks.following import followed
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.side_page import LINE, Two, alike_text, halves
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.selection import Selection

Halves = tuple[Selection, Two, tuple[Layer, Layer]]


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the two frames."""
    urls = Urls(app.config.requests_pathname_prefix)

    @app.callback(
        Output(ids.SIDE_BODY, "children"),
        Output(ids.part("side", "state", LINE), "data"),
        Input(ids.part("side", "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.part("side", "state", LINE), "data"),
        State(ids.SIDE, "data"),
    )
    def show_side(_tick: Any, control: Any, state: Any, query: Any) -> tuple[Any, Any]:
        def ask() -> Answer[Halves]:
            return asked_halves(explorer, shown(explorer, query))

        return followed(explorer, query, control, state, ask, lambda found: halves(*found, urls))

    @app.callback(
        Output(ids.SIDE_SECOND, "value"),
        Input(ids.SIDE_FIRST, "value"),
        State(ids.SIDE, "data"),
        prevent_initial_call=True,
    )
    def choose_beside(first: Any, query: Any) -> str:
        side = shown(explorer, query)
        found = explorer.two_models.beside(side.view, side.compare, side.granularity, str(first))
        if isinstance(found, Pending):
            raise PreventUpdate
        return found.value

    @app.callback(
        Output(ids.SIDE_ALIKE, "children"),
        Output(ids.part("alike", "state", LINE), "data"),
        Input(ids.SIDE_FIRST, "value"),
        Input(ids.SIDE_SECOND, "value"),
        Input(ids.part("alike", "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.part("alike", "state", LINE), "data"),
        State(ids.SIDE, "data"),
    )
    def show_alike(
        first: Any, second: Any, _tick: Any, control: Any, state: Any, query: Any
    ) -> tuple[Any, Any]:
        side = shown(explorer, query)
        said, line = followed(
            explorer,
            first and second,
            control,
            state,
            lambda: explorer.two_models.alike(side.view, side.compare, side.granularity),
            lambda found: alike_text(first, second, found),
        )
        # Names are known before the CKA is.
        return said or alike_text(first, second), line

    app.clientside_callback(
        script("tellFrames"),
        Output(ids.SIDE_TOLD, "data"),
        Input(ids.SIDE_FIRST, "value"),
        Input(ids.SIDE_SECOND, "value"),
        Input(ids.part("side", "look", ALL), "value"),
        State(ids.part("side", "look", ALL), "id"),
        prevent_initial_call=True,
    )
    return {"show_side": show_side, "choose_beside": choose_beside, "show_alike": show_alike}


def shown(explorer: Explorer, query: Any) -> Selection:
    """Return the selection of a page, at a granularity that its layer has: by that layers are compared."""
    selection = explorer.selection(str(query))
    described = explorer.describe(selection.view.model)
    if isinstance(described, Pending) or not selection.layers:
        return selection
    known = described.value.layer(selection.layers[0]).granularities
    return selection if selection.granularity in known else replace(selection, granularity=known[0])


def asked_halves(explorer: Explorer, selection: Selection) -> Answer[Halves]:
    """Return the layers of both models, and which two of them are shown, once the models are described.

    Raises
    ------
    UnknownNameError, SelectionError
        If there is no such layer, or the models cannot be compared.
    """
    two, view = explorer.two_models, selection.view
    described = two.described(view, selection.compare, selection.granularity)
    if isinstance(described, Pending):
        return described
    own, other = described.value
    first = selection.layers[0] if selection.layers else explorer.default_layers(own)[-1]
    second: Answer[str] = Ready(selection.beside, described.key)
    if not selection.beside:
        second = two.beside(view, selection.compare, selection.granularity, first)
    if isinstance(second, Pending):
        return second
    layers = own.layer(first), other.layer(second.value)
    return Ready((selection, described.value, layers), described.key)
