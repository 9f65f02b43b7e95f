"""The Jaccard Similarity View: the matrix of images or of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import MATCH, Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.jaccard import jaccard_figure
from channelexplorer_dash.layouts.extents import jaccard_extent
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callback of the matrices."""

    @app.callback(
        Output(ids.part("jaccard", "graph", MATCH), "figure"),
        Output(ids.part("jaccard", "note", MATCH), "children"),
        Input(ids.part("jaccard", "version", MATCH), "data"),
        Input(ids.JACCARD_MODE, "value"),
        Input(ids.JACCARD_ORDER, "value"),
        # The order by hierarchy may wait for the distances that the hierarchy is made of.
        Input(ids.part("hierarchy", "version", MATCH), "data"),
        State(ids.DISTANCE, "value"),
        State(ids.part("jaccard", "version", MATCH), "id"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def draw_jaccard(
        version: str | None,
        mode: Any,
        order: Any,
        _tree: str | None,
        distance: Any,
        part: Mapping[str, Any],
        view: Any,
    ) -> tuple[Any, str]:
        if not version:
            raise PreventUpdate
        answer = explorer.jaccard(View.from_json(view), str(part["panel"]), mode, order, distance)
        if isinstance(answer, Pending):
            raise PreventUpdate
        return jaccard_figure(answer.value), jaccard_extent(answer.value)

    return {"draw_jaccard": draw_jaccard}
