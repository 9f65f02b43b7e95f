"""Progress, cancellation and errors, drawn in the same way wherever something is computed."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria


def status_line(view: str, panel: str, label: str) -> Component:
    """Return a line that shows progress, cancellation and errors of what ``label`` names.

    The server fills the line's ``state``. The page's script draws it and asks again, by a ``tick``, some
    time after each answer: Dash drops the answer of a request that is repeated before it came, so that a
    clock that is faster than a busy server would never see one. The buttons are always there
    (the stylesheet shows those that the phase needs): buttons that came and went with each poll would
    call their own callback whenever they came.
    """
    return html.Div(
        [
            dcc.Store(id=ids.part(view, "state", panel)),
            dcc.Store(id=ids.part(view, "tick", panel)),
            html.Span(className="ce-spinner"),
            html.Span("Waiting …", id=ids.part(view, "label", panel), className="ce-status-label"),
            html.Div(
                html.Div(id=ids.part(view, "bar", panel), className="ce-progress-fill"),
                id=ids.part(view, "progress", panel),
                className="ce-progress",
                role="progressbar",
                **aria(label=label, valuemin="0", valuemax="100", valuenow="0"),
            ),
            html.Button(
                "Cancel", id=ids.part(view, "cancel", panel), className="ce-button ce-cancel", type="button"
            ),
            html.Button(
                "Compute again",
                id=ids.part(view, "retry", panel),
                className="ce-button ce-primary ce-retry",
                type="button",
            ),
        ],
        id=ids.part(view, "status", panel),
        className="ce-status is-busy",
        role="status",
    )


def waiting(text: str) -> Component:
    """Return a line that says what is being waited for."""
    return html.Div([html.Span(className="ce-spinner"), html.Span(text)], className="ce-waiting")
