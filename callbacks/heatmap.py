"""The Heatmap View: the channels that lead the sorting, marked images first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import MATCH, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.empty import empty_figure
from channelexplorer_dash.figures.heatmap import heatmap_figure
from channelexplorer_dash.layouts.extents import heatmap_extent
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import Marks, View
from channelexplorer_dash.store import schema


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callback of the heatmaps."""

    @app.callback(
        Output(ids.part("heatmap", "graph", MATCH), "figure"),
        Output(ids.part("heatmap", "note", MATCH), "children"),
        Output(ids.part("heatmap", "tick", MATCH), "max_intervals"),
        Input(ids.part("heatmap", "version", MATCH), "data"),
        Input(ids.part("heatmap", "tick", MATCH), "n_intervals"),
        Input(ids.SORTING, "value"),
        Input(ids.MARKED_IMAGES, "data"),
        Input(ids.MARKED_PAIR, "data"),
        Input(ids.EFFECTS_THERE, "data"),
        Input(ids.SCORECARD_FILL, "value"),
        State(ids.part("heatmap", "version", MATCH), "id"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def draw_heatmap(
        version: str | None,
        ticks: int | None,
        sorting: Any,
        images: Any,
        pair: Any,
        _effects: Any,
        fill: Any,
        part: Mapping[str, Any],
        view: Any,
    ) -> tuple[Any, Any, int]:
        # What was measured, and how, matters to those alone who sort by it.
        of_effects = ctx.triggered_id in (ids.EFFECTS_THERE, ids.SCORECARD_FILL)
        if not version or (of_effects and sorting not in schema.MEASURED):
            raise PreventUpdate
        marks = Marks.from_json({"images": images, "pair": pair})
        try:
            answer = explorer.heatmap(View.from_json(view), str(part["panel"]), sorting, marks, fill)
        except SelectionError as error:
            return empty_figure(str(error)), "", ticks or 0
        if isinstance(answer, Pending):
            return no_update, f"{answer.job.label} …", (ticks or 0) + 1
        return heatmap_figure(answer.value), heatmap_extent(answer.value), ticks or 0

    return {"draw_heatmap": draw_heatmap}
