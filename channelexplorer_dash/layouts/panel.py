"""A panel: one layer in the three views, with its progress."""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.guide import VIEW_HELP, view_help
from channelexplorer_dash.layouts.hierarchy import hierarchy_line
from channelexplorer_dash.layouts.icons import icon
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.layouts.text import file_name, shape_text
from channelexplorer_dash.models.description import Layer

VIEWS = ("scatterplot", "jaccard", "heatmap")
PARTS = ("hierarchy", "clusters")
"""What is drawn in or beside the views and has a version of its own."""
TITLES = {"scatterplot": "Scatterplot", "jaccard": "Jaccard Similarity", "heatmap": "Heatmap"}
GRAPH_CONFIG: dict[str, Any] = {
    "displaylogo": False,
    # Nothing is ever sent to anybody's cloud.
    "showSendToCloud": False,
    "responsive": True,
    "doubleClick": "reset",
}
BUTTONS_REMOVED = ["autoScale2d", "zoomIn2d", "zoomOut2d"]
SELECTING_BUTTONS = ["select2d", "lasso2d"]


def panel(layer: Layer, poll_milliseconds: int) -> Component:
    """Return the panel of a layer, with empty views and its polling switched on."""
    return html.Article(
        [
            _head(layer),
            status_line("panel", layer.name, f"Computing layer {layer.name}"),
            html.Div([_view(view, layer.name, poll_milliseconds) for view in VIEWS], className="ce-views"),
            *[dcc.Store(id=ids.part(view, "version", layer.name)) for view in (*VIEWS, *PARTS)],
            # The positions that the scatterplot shows.
            dcc.Store(id=ids.part("scatterplot", "drawn", layer.name)),
            # Where new images lie in it.
            dcc.Store(id=ids.part("new", "placed", layer.name)),
            dcc.Interval(id=ids.part("new", "tick", layer.name), interval=poll_milliseconds, max_intervals=0),
        ],
        id=ids.part("panel", "root", layer.name),
        key=layer.name,
        className="ce-panel",
        **aria(label=f"Layer {layer.name}"),
    )


def empty_panels(text: str) -> Component:
    """Return what stands in place of the panels while there is none."""
    return html.Div(
        [icon("layers"), html.P(text)],
        className="ce-empty ce-no-panels",
    )


def _head(layer: Layer) -> Component:
    return html.Header(
        [
            html.H2(layer.name, className="ce-panel-title"),
            html.Span(layer.kind, className="ce-tag"),
            html.Span(shape_text(layer), className="ce-count", title="channels × height × width"),
            html.Span(className="ce-fill"),
            html.Button(
                icon("close"),
                id=ids.part("panel", "close", layer.name),
                className="ce-action ce-close",
                type="button",
                title="Close this panel",
                **aria(label=f"Close the panel of {layer.name}"),
            ),
        ],
        className="ce-panel-head",
    )


def _view(view: str, layer: str, poll_milliseconds: int) -> Component:
    button = ids.part(view, "help", layer)
    body: list[Component] = [_graph(view, layer)]
    extra: list[Component] = []
    if view == "scatterplot":
        extra.append(html.Div(id=ids.part(view, "honesty", layer), className="ce-honesty"))
        extra.append(html.Div(id=ids.part(view, "legend", layer), className="ce-legend"))
    beside: list[Component] = []
    if view == "heatmap":
        beside.append(
            html.Button(
                "table",
                id=ids.part(view, "table", layer),
                className="ce-link",
                type="button",
                title="The scorecard of all channels",
                **aria(label=f"Open the scorecard of {layer}"),
            )
        )
    if view in {"heatmap", "scatterplot"}:
        # Some sortings, and the honesty figures, come later; the view asks again until they are there.
        extra.append(
            dcc.Interval(id=ids.part(view, "tick", layer), interval=poll_milliseconds, max_intervals=0)
        )
    if view == "jaccard":
        extra.append(hierarchy_line(layer))
        body.append(_graph("hierarchy", layer))
    return html.Section(
        [
            html.Div(
                [
                    html.H3(TITLES[view]),
                    html.Span(id=ids.part(view, "note", layer), className="ce-view-note"),
                    *beside,
                    html.Button(
                        "?",
                        id=button,
                        className="ce-help",
                        type="button",
                        title="What this view shows",
                        **aria(label=f"Help on the {VIEW_HELP[view].title}"),
                    ),
                    dbc.Popover(
                        html.Div(view_help(view), className="ce-help-text"),
                        target=button,
                        trigger="legacy",
                        placement="bottom",
                        className="ce-popover",
                    ),
                ],
                className="ce-view-head",
            ),
            *extra,
            html.Div(body, className=f"ce-view-body ce-body-{view}"),
        ],
        id=ids.part(view, "card", layer),
        className="ce-view is-waiting",
        **aria(label=f"{VIEW_HELP[view].title} of {layer}"),
    )


def figure_config(view: str, name: str) -> Any:
    """Return what Plotly is told of a figure: its buttons, and the name under which it is saved."""
    removed = BUTTONS_REMOVED if view == "scatterplot" else BUTTONS_REMOVED + SELECTING_BUTTONS
    # Twice the pixels of the page, so that text is sharp on paper.
    saved = {"format": "png", "filename": name, "scale": 2}
    return {**GRAPH_CONFIG, "modeBarButtonsToRemove": removed, "toImageButtonOptions": saved}


def _graph(view: str, layer: str) -> Component:
    return dcc.Graph(
        id=ids.part(view, "graph", layer),
        figure={
            "data": [],
            "layout": {
                "xaxis": {"visible": False},
                "yaxis": {"visible": False},
                "paper_bgcolor": "rgba(0,0,0,0)",
                "plot_bgcolor": "rgba(0,0,0,0)",
            },
        },
        config=figure_config(view, file_name(layer, view)),
        responsive=True,
        className=f"ce-graph ce-graph-{view}",
    )
