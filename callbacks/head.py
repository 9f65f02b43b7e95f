"""Neural collapse at the head, beneath the table of all measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State, no_update

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import control as lines
from channelexplorer_dash.callbacks.following import followed
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.head import HEAD_LINE, head_figures
from channelexplorer_dash.layouts.measures_panel import TABLE
from channelexplorer_dash.selection import View

STATE = ids.part("head", "state", HEAD_LINE)


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the section on the head."""

    @app.callback(
        Output(ids.HEAD, "children"),
        Output(STATE, "data"),
        Input(ids.part("head", "tick", HEAD_LINE), "data"),
        Input(ids.MEASURES_PANEL, "is_open"),
        Input(ids.MEASURES_TAB, "active_tab"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.GRANULARITY, "value"),
        State(ids.VIEW, "data"),
        State(STATE, "data"),
        prevent_initial_call=True,
    )
    def show_head(
        _ticks: Any, opened: bool, tab: str, control: Any, granularity: Any, view: Any, state: Any
    ) -> tuple[Any, Any]:
        if not opened or tab != TABLE:
            return no_update, lines.working(None)
        return followed(
            explorer,
            opened,
            control,
            state,
            lambda: explorer.head_collapse(View.from_json(view), granularity),
            head_figures,
        )

    @app.callback(Output(ids.HEAD_SECTION, "hidden"), Input(ids.MEASURES_TAB, "active_tab"))
    def offer_head(tab: Any) -> bool:
        return bool(tab != TABLE)

    return {"show_head": show_head, "offer_head": offer_head}
