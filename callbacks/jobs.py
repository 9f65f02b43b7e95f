"""Jobs: what the engine is doing, and the buttons that stop it or try again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.jobs import jobs_list, store_line


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the jobs and of all status lines."""

    @app.callback(
        Output(ids.JOBS_COUNT, "children"),
        Output(ids.JOBS_LIST, "children"),
        Input(ids.JOBS_TICK, "n_intervals"),
    )
    def show_jobs(_ticks: Any) -> tuple[str, Any]:
        jobs = explorer.jobs()
        return str(len(jobs)) if jobs else "", [
            *jobs_list(jobs),
            store_line(explorer.store_size(), explorer.settings.store_quota_gb),
        ]

    app.clientside_callback(
        script("controlJobs"),
        Output(ids.JOB_CONTROL, "data"),
        Input(ids.part(ALL, "cancel", ALL), "n_clicks"),
        Input(ids.part(ALL, "retry", ALL), "n_clicks"),
        State(ids.part(ALL, "state", ALL), "data"),
        State(ids.part(ALL, "state", ALL), "id"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("drawStatus"),
        Output(ids.part(MATCH, "status", MATCH), "className"),
        Output(ids.part(MATCH, "label", MATCH), "children"),
        Output(ids.part(MATCH, "bar", MATCH), "style"),
        Output(ids.part(MATCH, "progress", MATCH), "aria-valuenow"),
        Output(ids.part(MATCH, "progress", MATCH), "className"),
        Output(ids.part(MATCH, "retry", MATCH), "children"),
        Input(ids.part(MATCH, "state", MATCH), "data"),
    )
    return {"show_jobs": show_jobs}
