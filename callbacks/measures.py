"""Separability measures: the panel of all of them, and the help of the one that the profile shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import control as lines
from channelexplorer_dash.choices import check_measure
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.apart import apart_figure
from channelexplorer_dash.figures.empty import empty_figure
from channelexplorer_dash.figures.steps import steps_figure
from channelexplorer_dash.layouts.measures import MEASURES, measure_help
from channelexplorer_dash.layouts.measures_panel import (
    APART,
    MEASURES_LINE,
    STEPS,
    apart_note,
    measure_table,
    steps_note,
)
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View

STATE = ids.part("measures", "state", MEASURES_LINE)


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the measures' panel."""

    @app.callback(
        Output(ids.MEASURES_PANEL, "is_open"),
        Input(ids.MEASURES_OPEN, "n_clicks"),
        prevent_initial_call=True,
    )
    def open_measures(clicks: int | None) -> bool:
        if not clicks:
            raise PreventUpdate
        return True

    @app.callback(
        Output(ids.MEASURE_HELP_TEXT, "children"), Input(ids.MEASURE, "value"), prevent_initial_call=True
    )
    def explain_measure(measure: Any) -> Any:
        check_measure(measure)
        return measure_help(measure)

    @app.callback(
        Output(ids.MEASURES_TABLE, "children"),
        Output(ids.APART_GRAPH, "figure"),
        Output(ids.APART_NOTE, "children"),
        Output(STATE, "data"),
        Input(ids.part("measures", "tick", MEASURES_LINE), "data"),
        Input(ids.MEASURES_PANEL, "is_open"),
        Input(ids.MEASURES_TAB, "active_tab"),
        Input(ids.STEPS_MEASURE, "value"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.GRANULARITY, "value"),
        State(ids.VIEW, "data"),
        State(STATE, "data"),
        prevent_initial_call=True,
    )
    def show_measures(
        _ticks: Any,
        opened: bool,
        tab: str,
        by: Any,
        control: Any,
        granularity: Any,
        view: Any,
        state: Any,
    ) -> tuple[Any, Any, Any, Any]:
        if not opened:
            return no_update, no_update, no_update, lines.working(None)
        if control and ctx.triggered_id == ids.JOB_CONTROL:
            action = lines.asked_action(control, state)
            if action == "leave":
                raise PreventUpdate
            if action == "cancel":
                return no_update, no_update, no_update, lines.cancel(explorer, state)
            lines.forgive(explorer, state)
        try:
            if tab == STEPS:
                return show_steps(View.from_json(view), granularity, by)
            show = show_apart if tab == APART else show_table
            return show(View.from_json(view), granularity)
        except ChannelExplorerError as error:
            return no_update, no_update, no_update, lines.failed(error)

    def show_table(view: View, granularity: Any) -> tuple[Any, Any, Any, Any]:
        answer = explorer.measures(view, granularity)
        if isinstance(answer, Pending):
            return no_update, no_update, no_update, lines.working(answer.job)
        return measure_table(answer.value), no_update, no_update, lines.working(answer.value.job)

    def show_apart(view: View, granularity: Any) -> tuple[Any, Any, Any, Any]:
        answer = explorer.coming_apart(view, granularity)
        if isinstance(answer, Pending):
            return [], empty_figure("The layers are being measured …"), [], lines.working(answer.job)
        return [], apart_figure(answer.value), apart_note(answer.value), lines.working(None)

    def show_steps(view: View, granularity: Any, measure: Any) -> tuple[Any, Any, Any, Any]:
        check_measure(measure)
        answer = explorer.steps(view, granularity, measure)
        if isinstance(answer, Pending):
            return [], empty_figure("The timesteps are being compared …"), [], lines.working(answer.job)
        text = MEASURES[answer.value.measure]
        drawn = steps_figure(answer.value, text.short, text.better, share=text.share)
        return [], drawn, steps_note(answer.value), lines.working(None)

    @app.callback(Output(ids.STEPS_CHOICE, "hidden"), Input(ids.MEASURES_TAB, "active_tab"))
    def offer_measures(tab: Any) -> bool:
        return bool(tab != STEPS)

    return {
        "open_measures": open_measures,
        "explain_measure": explain_measure,
        "show_measures": show_measures,
        "offer_measures": offer_measures,
    }
