"""The question mark beside a figure, and the popover that it opens."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.guide import VIEW_HELP, view_help


def help_button(topic: str, panel: str = "all", placement: str = "bottom") -> Component:
    """Return a button that explains a topic of the guide; ``panel`` tells several of one topic apart."""
    button = ids.part(topic, "help", panel)
    return html.Span(
        [
            html.Button(
                "?",
                id=button,
                className="ce-help",
                type="button",
                title="What is this?",
                **aria(label=f"Help on {VIEW_HELP[topic].title}"),
            ),
            dbc.Popover(
                html.Div(view_help(topic), className="ce-help-text"),
                target=button,
                trigger="legacy",
                placement=placement,
                className="ce-popover",
            ),
        ]
    )
