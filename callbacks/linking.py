"""Linking: what is marked, in one place, and its drawing in every view. All of it runs in the browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import ALL, Dash, Input, Output, State

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.explorer import Explorer

GRAPHS = ("scatterplot", "jaccard", "hierarchy", "heatmap")


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the marks: their one owner, what the server needs of them, and their drawing."""
    app.clientside_callback(
        script("reduceMarks"),
        Output(ids.MARKS, "data"),
        # Clicks and lassos in the figures, clicks on what marks (layouts/attributes.py), and keys. The script
        # listens to Plotly itself, as the graphs' own ``selectedData`` copies every selected point: seconds,
        # for a lasso around thousands.
        Input(ids.EVENT, "data"),
        Input(ids.CLEAR, "n_clicks"),
        Input(ids.UNDO, "n_clicks"),
        State(ids.MARKS, "data"),
        State(ids.SAMPLE, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        script("splitMarks"),
        Output(ids.MARKED_IMAGES, "data"),
        Output(ids.MARKED_CHANNEL, "data"),
        Output(ids.MARKED_PAIR, "data"),
        Input(ids.MARKS, "data"),
        State(ids.MARKED_IMAGES, "data"),
        State(ids.MARKED_CHANNEL, "data"),
        State(ids.MARKED_PAIR, "data"),
    )
    app.clientside_callback(
        script("drawMarks"),
        Output(ids.MARKS_DRAWN, "data"),
        Input(ids.MARKS, "data"),
        Input(ids.SAMPLE, "data"),
        *[Input(ids.part(view, "graph", ALL), "figure") for view in GRAPHS],
    )
    app.clientside_callback(
        script("markTimestep"),
        Output(ids.TIMESTEP_SHOWN, "children"),
        Input(ids.TIMESTEP, "value"),
        State(ids.TIMESTEPS, "data"),
        prevent_initial_call=True,
    )
    return {}
