"""Panels: opened, closed, and polled until everything in them is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, Patch, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import control as lines
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.errors import ChannelExplorerError, EngineError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.panel import PARTS, VIEWS, empty_panels, panel
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.answers import PanelStatus, Pending
from channelexplorer_dash.selection import MAX_PANELS, Grouping, View

GROUPING = (ids.CLUSTERS, ids.DISTANCE, ids.LEAVES)
NO_PANEL = "No panel is open. Choose a layer at the left."


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the panels' life."""
    poll_milliseconds = explorer.settings.poll_milliseconds

    @app.callback(
        Output(ids.PANELS, "children"),
        Output(ids.LAYERS, "data"),
        Input(ids.part("layers", "row", ALL), "n_clicks"),
        Input(ids.part("panel", "close", ALL), "n_clicks"),
        Input(ids.DESCRIBED, "data"),
        State(ids.LAYERS, "data"),
        State(ids.WANTED, "data"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def open_and_close(
        _rows: Any, _closes: Any, described: Any, opened: list[str], wanted: list[str] | None, view: Any
    ) -> tuple[Any, Any]:
        clicked = clicked_part(ctx.triggered)
        if clicked is None:
            return open_first(opened, wanted, view) if described else (no_update, no_update)
        change = open_panel if clicked["view"] == "layers" else close_panel
        return change(str(clicked["panel"]), opened, view)

    def open_first(opened: list[str], wanted: list[str] | None, view: Any) -> tuple[Any, Any]:
        if opened or wanted is None:
            return no_update, no_update
        description = described_model(explorer, view)
        try:
            layers = [description.layer(name) for name in wanted or explorer.default_layers(description)]
        except ChannelExplorerError as error:
            return empty_panels(str(error)), []
        return [panel(layer, poll_milliseconds) for layer in layers], [layer.name for layer in layers]

    def open_panel(layer: str, opened: list[str], view: Any) -> tuple[Any, Any]:
        if layer in opened:
            return no_update, no_update
        if len(opened) >= MAX_PANELS:
            raise SelectionError(f"At most {MAX_PANELS} panels can be open at once. Close one first.")
        added = panel(described_model(explorer, view).layer(layer), poll_milliseconds)
        if not opened:
            return [added], [layer]
        children = Patch()
        children.append(added)
        return children, [*opened, layer]

    def close_panel(layer: str, opened: list[str], _view: Any) -> tuple[Any, Any]:
        if layer not in opened:
            return no_update, no_update
        if len(opened) == 1:
            return empty_panels(NO_PANEL), []
        children = Patch()
        del children[opened.index(layer)]
        return children, [name for name in opened if name != layer]

    @app.callback(
        Output(ids.part("panel", "state", MATCH), "data"),
        *[Output(ids.part(name, "version", MATCH), "data") for name in (*VIEWS, *PARTS)],
        Input(ids.part("panel", "tick", MATCH), "data"),
        Input(ids.JOB_CONTROL, "data"),
        Input(ids.PROJECTION, "value"),
        Input(ids.COLOUR_BY, "value"),
        *[Input(control, "value") for control in GROUPING],
        Input(ids.VIEW, "data"),
        State(ids.part("panel", "tick", MATCH), "id"),
        State(ids.part("panel", "state", MATCH), "data"),
        *[State(ids.part(name, "version", MATCH), "data") for name in (*VIEWS, *PARTS)],
    )
    def poll(
        _ticks: Any,
        control: Any,
        projection: Any,
        colour_by: Any,
        clusters: Any,
        distance: Any,
        leaves: Any,
        view: Any,
        tick: Mapping[str, Any],
        state: Any,
        *shown: str | None,
    ) -> tuple[Any, ...]:
        unchanged = (no_update,) * len(shown)
        # A page that comes with its panels calls this for every input, before any button was clicked.
        if control and ctx.triggered_id == ids.JOB_CONTROL:
            action = lines.asked_action(control, state)
            if action == "leave":
                raise PreventUpdate
            if action == "cancel":
                return lines.cancel(explorer, state), *unchanged
            lines.forgive(explorer, state)
        try:
            status = explorer.status(
                View.from_json(view),
                str(tick["panel"]),
                projection,
                Grouping(clusters, distance, leaves),
                clustered=colour_by == "cluster",
            )
        except ChannelExplorerError as error:
            return lines.failed(error), *unchanged
        return lines.working(status.job), *changed_versions(status, shown)

    for name in VIEWS:
        app.clientside_callback(
            script("drawCard"),
            Output(ids.part(name, "card", MATCH), "className"),
            Input(ids.part(name, "version", MATCH), "data"),
            State(ids.part(name, "card", MATCH), "className"),
        )
    return {"open_and_close": open_and_close, "poll": poll}


def described_model(explorer: Explorer, view: Any) -> ModelDescription:
    """Return the description of a view's model, which the page has seen already."""
    answer = explorer.describe(View.from_json(view).model)
    if isinstance(answer, Pending):
        raise EngineError("The model is still being read. Try again in a moment.")
    return answer.value


def clicked_part(triggered: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the id of the row or button that was clicked; one that only appeared was not."""
    for item in triggered:
        name, _, prop = str(item["prop_id"]).rpartition(".")
        if prop == "n_clicks" and item["value"]:
            found: dict[str, Any] = json.loads(name)
            return found
    return None


def changed_versions(status: PanelStatus, shown: Sequence[str | None]) -> list[Any]:
    """Return the version of each view and part, or ``no_update`` where it is shown already."""
    versions = [status.versions.get(name) for name in (*VIEWS, *PARTS)]
    return [no_update if new == old else new for new, old in zip(versions, shown, strict=True)]
