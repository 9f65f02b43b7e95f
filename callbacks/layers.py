"""Layers: the depth profile, filled in as the figures come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import control as lines
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.flow_view import flow_graph, flow_note
from channelexplorer_dash.layouts.layers_view import PROFILE_LINE, profile_rows, profile_status
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.layers import LayerGraph, Profile
from channelexplorer_dash.selection import View

STATE = ids.part("profile", "state", PROFILE_LINE)


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the depth profile."""

    @app.callback(
        Output(ids.PROFILE, "children"),
        Output(ids.PROFILE_STATUS, "children"),
        Output(ids.DESCRIBED, "data"),
        Output(ids.PROFILED, "data"),
        Output(STATE, "data"),
        Input(ids.part("profile", "tick", PROFILE_LINE), "data"),
        Input(ids.GRANULARITY, "value"),
        Input(ids.LAYERS_AS, "value"),
        Input(ids.MEASURE, "value"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.VIEW, "data"),
        State(ids.DESCRIBED, "data"),
        State(STATE, "data"),
    )
    def show_profile(
        _ticks: Any,
        granularity: Any,
        layers_as: Any,
        measure: Any,
        control: Any,
        view: Any,
        described: str | None,
        state: Any,
    ) -> tuple[Any, ...]:
        unchanged = (no_update,) * 4
        # A page that comes with its panels calls this for every input, before any button was clicked.
        if control and ctx.triggered_id == ids.JOB_CONTROL:
            action = lines.asked_action(control, state)
            if action == "leave":
                raise PreventUpdate
            if action == "cancel":
                return *unchanged, lines.cancel(explorer, state)
            lines.forgive(explorer, state)
        try:
            seen = View.from_json(view)
            answer = explorer.profile(seen, granularity, measure)
            graph = explorer.graph(seen.model, granularity) if layers_as == "graph" else None
        except ChannelExplorerError as error:
            return *unchanged, lines.failed(error)
        if isinstance(answer, Pending):
            return *unchanged, lines.working(answer.job)
        profile, done, key = answer.value, answer.value.job is None, f"{layers_as}:{answer.key}"
        rows = no_update if key == described else shown_layers(profile, graph)
        return rows, profile_status(profile), key, done or no_update, lines.working(profile.job)

    app.clientside_callback(
        script("zoomGraph"),
        Output(ids.PROFILE, "style"),
        Input(ids.FLOW_ZOOM, "value"),
    )
    app.clientside_callback(
        script("enlargeGraph"),
        Output(ids.LAYERS_VIEW, "className"),
        Output(ids.FLOW_LARGE, "children"),
        Input(ids.FLOW_LARGE, "n_clicks"),
        Input(ids.LAYERS_AS, "value"),
    )

    app.clientside_callback(
        script("drawLayers"),
        Output(ids.part("layers", "row", ALL), "className"),
        Output(ids.part("layers", "row", ALL), "aria-pressed"),
        Input(ids.LAYERS, "data"),
        Input(ids.PROFILE, "children"),
        Input(ids.LAYER_FILTER, "value"),
        State(ids.part("layers", "row", ALL), "id"),
    )
    return {"show_profile": show_profile}


def shown_layers(profile: Profile, graph: Answer[LayerGraph] | None) -> list[Any]:
    """Return the layers of a profile: as a graph where there is one, else as a list."""
    if not isinstance(graph, Ready):
        return list(profile_rows(profile))
    return [*flow_note(graph.value), flow_graph(profile, graph.value)]
