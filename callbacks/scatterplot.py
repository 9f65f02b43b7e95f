"""The Scatterplot View: drawn once for each layer and projection, recoloured by patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import MATCH, Dash, Input, Output, Patch, State, html
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.errors import JobFailedError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.new_images import new_image_arrows
from channelexplorer_dash.figures.scatterplot import (
    hulls_patch,
    marker_patch,
    scatter_figure,
    ways_patch,
)
from channelexplorer_dash.layouts.colours import clusters_of, colouring_of
from channelexplorer_dash.layouts.extents import scatter_extent
from channelexplorer_dash.layouts.honesty import honesty_line
from channelexplorer_dash.layouts.legend import legend
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callback of the scatterplots."""

    @app.callback(
        Output(ids.part("scatterplot", "graph", MATCH), "figure"),
        Output(ids.part("scatterplot", "legend", MATCH), "children"),
        Output(ids.part("scatterplot", "note", MATCH), "children"),
        Output(ids.part("scatterplot", "drawn", MATCH), "data"),
        Input(ids.part("scatterplot", "version", MATCH), "data"),
        Input(ids.COLOUR_BY, "value"),
        Input(ids.MARKED_CHANNEL, "data"),
        Input(ids.PROFILED, "data"),
        Input(ids.PROJECTION, "value"),
        Input(ids.REVIEWED, "data"),
        Input(ids.DECIDED, "data"),
        Input(ids.part("clusters", "version", MATCH), "data"),
        Input(ids.part("new", "placed", MATCH), "data"),
        Input(ids.TRAJECTORIES, "value"),
        State(ids.CLUSTERS, "value"),
        State(ids.part("scatterplot", "drawn", MATCH), "data"),
        State(ids.part("scatterplot", "version", MATCH), "id"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def draw_scatterplot(
        version: str | None,
        colour_by: str,
        channel: Any,
        _profiled: Any,
        projection: Any,
        _reviewed: Any,
        _decided: Any,
        _clustered: str | None,
        placed: Any,
        trajectories: Any,
        clusters: Any,
        drawn: str | None,
        part: Mapping[str, Any],
        view: Any,
    ) -> tuple[Any, Any, Any, str]:
        current, layer = View.from_json(view), str(part["panel"])
        answer = explorer.scatter(current, layer, projection) if version else None
        if answer is None or isinstance(answer, Pending):
            raise PreventUpdate
        scatter = answer.value
        colouring = clusters_of(explorer, current, layer, scatter.sample, colour_by, channel, clusters)
        colouring = colouring or colouring_of(explorer, current, scatter.sample, colour_by, channel)
        ways = explorer.trajectories(current, scatter.sample, shown=trajectories == "on")
        figure: Any = Patch()
        # What changed is no guide: where two changes follow closely, Dash drops the first one's answer.
        if drawn == answer.key:
            figure["data"][0]["marker"] = marker_patch(colouring)
            figure["data"][1] = hulls_patch(scatter, colouring)
            if ways is not None:
                figure["data"][2] = ways_patch(scatter, ways)
        else:
            figure = scatter_figure(scatter, colouring, explorer.settings.webgl_points, ways)
        figure["layout"]["annotations"] = new_image_arrows(scatter.method, placed)
        return figure, legend(colouring), scatter_extent(scatter), answer.key

    @app.callback(
        Output(ids.part("scatterplot", "honesty", MATCH), "children"),
        Output(ids.part("scatterplot", "tick", MATCH), "max_intervals"),
        Input(ids.part("scatterplot", "drawn", MATCH), "data"),
        Input(ids.part("scatterplot", "tick", MATCH), "n_intervals"),
        State(ids.PROJECTION, "value"),
        State(ids.part("scatterplot", "version", MATCH), "id"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def show_honesty(
        drawn: str | None, ticks: int | None, projection: Any, part: Mapping[str, Any], view: Any
    ) -> tuple[Any, int]:
        if not drawn:
            raise PreventUpdate
        try:
            answer = explorer.honesty(View.from_json(view), str(part["panel"]), projection)
        except JobFailedError as error:
            return html.Span(str(error), className="ce-flag"), ticks or 0
        if isinstance(answer, Pending):
            return [], (ticks or 0) + 1
        return honesty_line(answer.value), ticks or 0

    return {"draw_scatterplot": draw_scatterplot, "show_honesty": show_honesty}
