"""The class hierarchy beside the Jaccard matrix: drawn, compared with a known tree, and downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import MATCH, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.core.newick import to_json, to_newick
from channelexplorer_dash.core.trees import tree_of_linkage
from channelexplorer_dash.errors import EngineError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.dendrogram import dendrogram_figure
from channelexplorer_dash.layouts.hierarchy import hierarchy_note
from channelexplorer_dash.layouts.text import file_name
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import Grouping, View

GROUPING = (ids.CLUSTERS, ids.DISTANCE, ids.LEAVES)
WRITERS = {"newick": (to_newick, "nwk", "text/x-nh"), "json": (to_json, "json", "application/json")}


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the hierarchies."""

    @app.callback(
        Output(ids.part("hierarchy", "graph", MATCH), "figure"),
        Output(ids.part("hierarchy", "note", MATCH), "children"),
        Input(ids.part("hierarchy", "version", MATCH), "data"),
        Input(ids.JACCARD_ORDER, "value"),
        *[State(control, "value") for control in GROUPING],
        State(ids.part("hierarchy", "version", MATCH), "id"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def draw_hierarchy(
        version: str | None,
        order: Any,
        clusters: Any,
        distance: Any,
        leaves: Any,
        part: Mapping[str, Any],
        view: Any,
    ) -> tuple[Any, Any]:
        if not version:
            return no_update, "finding the tree …"
        grouping = Grouping(clusters, distance, leaves)
        answer = explorer.hierarchy(View.from_json(view), str(part["panel"]), grouping, order)
        if isinstance(answer, Pending):
            return no_update, f"{answer.job.label} …"
        return dendrogram_figure(answer.value), hierarchy_note(answer.value)

    @app.callback(
        Output(ids.part("hierarchy", "download", MATCH), "data"),
        *[Input(ids.part("hierarchy", name, MATCH), "n_clicks") for name in WRITERS],
        *[State(control, "value") for control in GROUPING],
        State(ids.part("hierarchy", "version", MATCH), "id"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def download_tree(
        newick: int | None,
        json: int | None,
        clusters: Any,
        distance: Any,
        leaves: Any,
        part: Mapping[str, Any],
        view: Any,
    ) -> Any:
        if not (newick or json):
            raise PreventUpdate
        current, layer = View.from_json(view), str(part["panel"])
        answer = explorer.hierarchy(current, layer, Grouping(clusters, distance, leaves))
        if isinstance(answer, Pending):
            raise EngineError("The hierarchy is still being computed. Try again in a moment.")
        write, ending, kind = WRITERS[str(ctx.triggered_id["part"])]
        name = file_name(current.dataset, current.model, layer)
        text = write(tree_of_linkage(answer.value.linkage, answer.value.leaf_names))
        return {"content": text, "filename": f"{name}.{ending}", "type": kind, "base64": False}

    return {"draw_hierarchy": draw_hierarchy, "download_tree": download_tree}
