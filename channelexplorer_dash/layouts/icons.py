"""Icons: drawn by the stylesheet as masks, so that they take the text's colour in both themes."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash.layouts.attributes import aria


def icon(name: str) -> Component:
    """Return the icon that ``assets/channelexplorer.css`` defines as ``ce-icon-<name>``."""
    return html.Span(className=f"ce-icon ce-icon-{name}", **aria(hidden="true"))
