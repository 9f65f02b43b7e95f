"""The dataflow graph: layers as buttons where the layout puts them, edges as a mask of one picture behind."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.measures import figure_text, short_number
from channelexplorer_dash.layouts.measures_panel import shades
from channelexplorer_dash.layouts.text import shape_text
from channelexplorer_dash.results.layers import LayerFigure, LayerGraph, Profile

# Pixels: a node, a column with the gap beside it, a row with the gap below, the sign of an operation.
NODE, HEIGHT, COLUMN, ROW, SIGN, MARGIN = 128, 24, 142, 42, 24, 6
_SIGNS = {"input": "image"}
_WORDS = {
    "input": "the image",
    "+": "sum",
    "×": "product",
    "concat": "concatenation",
    "attention": "attention",
    "matmul": "matrix product",
}


def flow_graph(profile: Profile, graph: LayerGraph) -> Component:
    """Return the graph of a profile's layers; each is a button as in the list, shaded by the measure."""
    rows = {
        row.layer.name: (row, shade)
        for row, shade in zip(profile.rows, shades(profile.measure, profile.rows), strict=True)
    }
    drawing, net = graph.drawing, graph.net
    width = round(max(drawing.x, default=0.0) * COLUMN) + NODE + 2 * MARGIN
    height = round(max(drawing.y, default=0.0) * ROW) + HEIGHT + 2 * MARGIN
    before: dict[int, list[str]] = {}
    for source, to in net.edges:
        before.setdefault(to, []).append(_title(graph, source))
    # The order of the tab key is that of execution.
    nodes: list[Component] = []
    for at, name in enumerate(net.layers):
        x, y = MARGIN + drawing.x[at] * COLUMN, MARGIN + drawing.y[at] * ROW
        if name in rows:
            nodes.append(_layer(*rows[name], profile, before.get(at, []), x, y))
        else:
            nodes.append(_operation(net.operations[at], before.get(at, []), x, y))
    mask = f'url("data:image/svg+xml,{quote(edges_svg(graph, width, height))}")'
    edges = html.Div(className="ce-flow-edges", style={"maskImage": mask, "WebkitMaskImage": mask})
    size = {"width": f"{width}px", "height": f"{height}px"}
    return html.Div([edges, *nodes], id=ids.FLOW, className="ce-flow", style=size)


def flow_note(graph: LayerGraph) -> list[Component]:
    """Return what the graph lacks, in words; nothing where all was followed."""
    missing = graph.net.missing
    lines = []
    if missing:
        named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        what = "layer is" if len(missing) == 1 else "layers are"
        lines.append(f"{len(missing)} {what} not joined to the image, as the pass did not show how: {named}.")
    lines += [f"Not followed: {problem}." for problem in graph.problems]
    return [html.P(line, className="ce-flow-note") for line in lines]


def edges_svg(graph: LayerGraph, width: int, height: int) -> str:
    """Return the edges as an SVG document: curves from the foot of a node to the head of the next."""
    paths = []
    for route in graph.drawing.routes:
        points = [(MARGIN + NODE / 2 + x * COLUMN, MARGIN + y * ROW) for x, y in route]
        x, y = points[0]
        parts = [f"M{x:.0f} {y + HEIGHT:.0f}"]
        for (x, y), (to, below) in pairwise(points):
            middle = (y + HEIGHT + below) / 2
            parts.append(f"C{x:.0f} {middle:.0f} {to:.0f} {middle:.0f} {to:.0f} {below:.0f}")
            if (to, below) != points[-1]:
                parts.append(f"V{below + HEIGHT:.0f}")
        paths.append(f'<path d="{"".join(parts)}"/>')
        x, y = points[-1]
        paths.append(f'<path d="M{x - 3:.0f} {y - 5:.0f}L{x:.0f} {y:.0f}L{x + 3:.0f} {y - 5:.0f}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<g fill="none" stroke="black" stroke-width="1.3">{"".join(paths)}</g></svg>'
    )


def _title(graph: LayerGraph, at: int) -> str:
    operation = graph.net.operations[at]
    return graph.net.layers[at] or _WORDS.get(operation, operation)


def _layer(
    row: LayerFigure, shade: int | None, profile: Profile, before: list[str], x: float, y: float
) -> Component:
    layer = row.layer
    facts = f"{layer.name}: {layer.kind}, {shape_text(layer)}"
    said = figure_text(profile.measure, row)
    after = f"after {', '.join(before)}" if before else "its sources are not known"
    shaded = "" if shade is None else f" is-shade-{shade}"
    return html.Button(
        [
            html.Span([html.Span(layer.name, className="ce-layer-path")], className="ce-layer-name"),
            html.Span(short_number(row.value), className=f"ce-flow-figure{shaded}"),
        ],
        id=ids.part("layers", "row", layer.name),
        className="ce-layer",
        style=_at(x, y, NODE),
        title=f"{facts}\n{said}\n{after}",
        type="button",
        **aria(pressed="false", label=f"{facts}; {said}; {after}. Opens a panel."),
    )


def _operation(operation: str, before: list[str], x: float, y: float) -> Component:
    text = _SIGNS.get(operation, operation)
    width = SIGN if len(text) == 1 else 66
    words = _WORDS.get(operation, operation)
    title = f"{words} of {', '.join(before)}" if before else words
    return html.Div(
        text,
        className="ce-flow-sign",
        title=title,
        style=_at(x + (NODE - width) / 2, y, width),
        role="img",
        **aria(label=title),
    )


def _at(x: float, y: float, width: float) -> dict[str, str]:
    return {"left": f"{x:.0f}px", "top": f"{y:.0f}px", "width": f"{width}px", "height": f"{HEIGHT}px"}
