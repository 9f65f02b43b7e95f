"""A panel: one layer in the three views, with its progress."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.guide import VIEW_HELP, view_help
from channelexplorer_dash.layouts.icons import icon
from channelexplorer_dash.layouts.text import shape_text
from channelexplorer_dash.models.description import Layer

VIEWS = ("scatterplot", "jaccard", "heatmap")
TITLES = {"scatterplot": "Scatterplot", "jaccard": "Jaccard Similarity", "heatmap": "Heatmap"}
GRAPH_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "doubleClick": "reset",
    "modeBarButtonsToRemove": ["autoScale2d", "zoomIn2d", "zoomOut2d"],
}


def panel(layer: Layer, poll_milliseconds: int) -> Component:
    """Return the panel of a layer, with empty views and its polling switched on."""
    return html.Article(
        [
            _head(layer),
            status_line(layer.name),
            html.Div([_view(view, layer.name) for view in VIEWS], className="ce-views"),
            dcc.Interval(id=ids.part("panel", "tick", layer.name), interval=poll_milliseconds),
            dcc.Store(id=ids.part("panel", "state", layer.name)),
            *[dcc.Store(id=ids.part(view, "version", layer.name)) for view in VIEWS],
        ],
        id=ids.part("panel", "root", layer.name),
        key=layer.name,
        className="ce-panel",
        **{"aria-label": f"Layer {layer.name}"},
    )


def status_line(layer: str) -> Component:
    """Return the line of a panel that shows progress, cancellation and errors.

    Its buttons are always there (the stylesheet shows those that the phase needs): a button that
    came and went with each poll would call its own callback whenever it came.
    """
    return html.Div(
        [
            html.Span(className="ce-spinner"),
            html.Span("Waiting …", id=ids.part("panel", "label", layer), className="ce-status-label"),
            html.Div(
                html.Div(id=ids.part("panel", "bar", layer), className="ce-progress-fill"),
                id=ids.part("panel", "progress", layer),
                className="ce-progress",
                role="progressbar",
                **{
                    "aria-label": f"Computing layer {layer}",
                    "aria-valuemin": "0",
                    "aria-valuemax": "100",
                    "aria-valuenow": "0",
                },
            ),
            html.Button(
                "Cancel",
                id=ids.part("panel", "cancel", layer),
                className="ce-button ce-cancel",
                type="button",
            ),
            html.Button(
                "Compute again",
                id=ids.part("panel", "retry", layer),
                className="ce-button ce-primary ce-retry",
                type="button",
            ),
        ],
        id=ids.part("panel", "status", layer),
        className="ce-status is-busy",
        role="status",
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
                **{"aria-label": f"Close the panel of {layer.name}"},
            ),
        ],
        className="ce-panel-head",
    )


def _view(view: str, layer: str) -> Component:
    button = ids.part(view, "help", layer)
    body: list[Component] = [_graph(view, layer)]
    if view == "jaccard":
        body.append(_graph("hierarchy", layer))
    return html.Section(
        [
            html.Div(
                [
                    html.H3(TITLES[view]),
                    html.Span(id=ids.part(view, "note", layer), className="ce-view-note"),
                    html.Button(
                        "?",
                        id=button,
                        className="ce-help",
                        type="button",
                        title="What this view shows",
                        **{"aria-label": f"Help on the {VIEW_HELP[view].title}"},
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
            html.Div(body, className=f"ce-view-body ce-body-{view}"),
        ],
        id=ids.part(view, "card", layer),
        className="ce-view is-waiting",
        **{"aria-label": f"{VIEW_HELP[view].title} of {layer}"},
    )


def _graph(view: str, layer: str) -> Component:
    return dcc.Graph(
        id=ids.part(view, "graph", layer),
        figure={"data": [], "layout": {"xaxis": {"visible": False}, "yaxis": {"visible": False},
                                       "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}},
        config=GRAPH_CONFIG,
        responsive=True,
        className=f"ce-graph ce-graph-{view}",
    )
