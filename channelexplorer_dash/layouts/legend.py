"""The legend of a scatterplot, in HTML, so that it wraps and scrolls."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash.figures.colouring import Colouring, LegendEntry
from channelexplorer_dash.layouts.attributes import marks_group

ENTRIES_SHOWN = 30


def legend(colouring: Colouring) -> list[Component]:
    """Return one entry per category that occurs; numbers have a colour bar in the figure instead."""
    entries = colouring.legend
    more: list[Component] = [html.Span(f"+ {len(entries) - ENTRIES_SHOWN:,}", className="ce-count")]
    shown: list[Component] = [_entry(entry) for entry in entries[:ENTRIES_SHOWN]]
    note: list[Component] = (
        [html.Span(colouring.note, className="ce-legend-note", title=colouring.note)]
        if colouring.note
        else []
    )
    return note + shown + (more if len(entries) > ENTRIES_SHOWN else [])


def _entry(entry: LegendEntry) -> Component:
    content: list[Component | str] = [
        html.Span(className="ce-swatch", style={"backgroundColor": entry.colour}),
        entry.name,
    ]
    title = f"{entry.name}: {entry.count:,} images"
    if not entry.images:
        return html.Span(content, className="ce-legend-entry", title=title)
    title = f"{entry.count:,} images: {entry.about}. Click to mark them."
    # A click is read by the page's script: nothing of it concerns the server.
    return html.Button(
        content,
        className="ce-legend-entry ce-legend-pick",
        type="button",
        title=title,
        **marks_group(entry.images),
    )
