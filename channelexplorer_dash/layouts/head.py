"""Neural collapse at the head: NC3 and NC4, beneath the table of all measures."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.results.layers import HeadCollapse, HeadFigure

HEAD_LINE = "all"
"""The section has one status line; its ids have the same keys as those of a layer's panel."""
NAMES = {
    "nc3": ("NC3", "How far the head's weights are from the class means of what it takes in: 0 to 2."),
    "nc4": ("NC4", "Share of images for which the head does not choose the class with the nearest mean."),
}


def head_section() -> Component:
    """Return the section, empty; :func:`head_figures` fills it."""
    title = "Neural collapse at the head"
    return html.Section(
        [
            html.Div(
                [html.H3(title, className="ce-help-title"), help_button("head", placement="right")],
                className="ce-head-title",
            ),
            status_line("head", HEAD_LINE, "Comparing the head with the class means"),
            html.Div(id=ids.HEAD, className="ce-head-figures"),
        ],
        id=ids.HEAD_SECTION,
        className="ce-head",
        **aria(label=title),
    )


def head_figures(found: HeadCollapse) -> list[Component]:
    """Return both figures and what they are of, or why there are none."""
    if found.why:
        return [html.Span(found.why, className="ce-more")]
    drawn = f"{found.voters:,} of {found.images:,}" if found.voters < found.images else f"{found.images:,}"
    said = f"Of {found.head}, {found.channels:,} inputs: {found.classes:,} classes, {drawn} images."
    return [*[_figure(name, figure) for name, figure in found.figures.items()], html.Span(said)]


def _figure(name: str, figure: HeadFigure) -> Component:
    short, meaning = NAMES[name]
    return html.Span(
        [
            html.Abbr(f"{short} ↓", title=f"{meaning} Lower is better.", tabIndex="0"),
            html.Strong("–" if figure.value is None else f"{figure.value:.3f}"),
            html.Span(_beside(figure), className="ce-more"),
        ],
        className="ce-head-figure",
    )


def _beside(figure: HeadFigure) -> str:
    """Return the interval of a figure, or why there is no figure."""
    if figure.low is None or figure.high is None:
        return figure.why
    return f"95 % interval {figure.low:.3f} to {figure.high:.3f}"
