"""The legend of a scatterplot, in HTML, so that it wraps and scrolls."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash.figures.colouring import Colouring

ENTRIES_SHOWN = 30


def legend(colouring: Colouring) -> list[Component]:
    """Return one entry per category that occurs; numbers have a colour bar in the figure instead."""
    entries = colouring.legend
    more: list[Component] = [html.Span(f"+ {len(entries) - ENTRIES_SHOWN:,}", className="ce-count")]
    shown: list[Component] = [
        html.Span(
            [html.Span(className="ce-swatch", style={"backgroundColor": entry.colour}), entry.name],
            className="ce-legend-entry",
            title=f"{entry.name}: {entry.count:,} images",
        )
        for entry in entries[:ENTRIES_SHOWN]
    ]
    return shown + more if len(entries) > ENTRIES_SHOWN else shown
