"""The Dataset View: thumbnails of the sample, notes on images left out, all or no classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.dataset_view import notes, preview, sample_preview
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the Dataset View."""
    urls = Urls(app.config.requests_pathname_prefix)

    # The pass behind the profile brings the predictions, and tells which images cannot be read.
    @app.callback(
        Output(ids.DATASET_IMAGES, "children"),
        Output(ids.DATASET_NOTES, "children"),
        Input(ids.VIEW, "data"),
        Input(ids.PROFILED, "data"),
        Input(ids.DECIDED, "data"),
    )
    def show_sample(view: Any, _profiled: Any, _decided: Any) -> tuple[list[Component], list[Component]]:
        current = View.from_json(view)
        # What is not drawn yet has no thumbnails; the profile, which needs it, calls again.
        if isinstance(explorer.drawn(current.dataset, wait=False), Pending):
            return [], []
        rows = explorer.images(current, sample_preview(explorer.sample(current)))
        return preview(current, rows, urls), notes(explorer.left_out(current))

    app.clientside_callback(
        script("chooseClasses"),
        Output(ids.CLASSES, "value"),
        Input(ids.CLASSES_ALL, "n_clicks"),
        Input(ids.CLASSES_NONE, "n_clicks"),
        State(ids.CLASSES, "options"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("drawClasses"), Output(ids.CLASSES_DRAWN, "data"), Input(ids.CLASSES, "options")
    )
    return {"show_sample": show_sample}
