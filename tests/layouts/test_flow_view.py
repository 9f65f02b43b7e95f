"""The dataflow graph on the page: nodes, signs, edges, and what is missing."""

from __future__ import annotations

from xml.etree import ElementTree

from dash import html

from channelexplorer_dash import ids
from channelexplorer_dash.core.flowgraph import FlowNet, chain, draw
from channelexplorer_dash.layouts.flow_view import edges_svg, flow_graph, flow_note
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.layers import LayerFigure, LayerGraph, Profile

NAMES = ("stem", "block", "head")


def profile(*values: float | None) -> Profile:
    layers = [Layer(name, at, ("block",), "Conv2d", 8, (8, 4, 4), "nchw") for at, name in enumerate(NAMES)]
    rows = tuple(LayerFigure(layer, value, None, None) for layer, value in zip(layers, values, strict=True))
    return Profile(rows, "knn", 5, 0.1, 30, 30, None)


def graph() -> LayerGraph:
    edges = ((0, 1), (1, 2), (1, 3), (2, 3), (3, 4))
    net = FlowNet(("", "stem", "block", "", "head"), ("input", "", "", "+", ""), edges, ())
    return LayerGraph(net, draw(5, edges), ())


def test_layers_are_the_buttons_of_the_list() -> None:
    drawn = flow_graph(profile(0.2, 0.4, None), graph())
    buttons = [part for part in drawn.children if isinstance(part, html.Button)]
    assert [button.id for button in buttons] == [ids.part("layers", "row", name) for name in NAMES]
    said = getattr(buttons[2], "aria-label")
    assert "after sum" in said and said.endswith("Opens a panel.")
    figures = [button.children[1] for button in buttons]
    assert [figure.children for figure in figures] == ["0.20", "0.40", "–"]
    assert [figure.className for figure in figures] == [
        "ce-flow-figure is-shade-0",
        "ce-flow-figure is-shade-5",
        "ce-flow-figure",
    ]


def test_operations_are_signs_in_words() -> None:
    drawn = flow_graph(profile(0.2, 0.4, 0.6), graph())
    signs = [part for part in drawn.children if getattr(part, "role", "") == "img"]
    assert [(sign.children, sign.title) for sign in signs] == [
        ("image", "the image"),
        ("+", "sum of stem, block"),
    ]


def test_nodes_lie_below_each_other_and_inside() -> None:
    drawn = flow_graph(profile(0.2, 0.4, 0.6), graph())
    width, height = (int(drawn.style[name].removesuffix("px")) for name in ("width", "height"))
    tops = []
    for node in drawn.children[1:]:
        left, top, wide, high = (
            int(node.style[name].removesuffix("px")) for name in ("left", "top", "width", "height")
        )
        assert left >= 0 and left + wide <= width and top >= 0 and top + high <= height
        tops.append(top)
    assert tops == sorted(tops)


def test_the_edges_are_one_picture() -> None:
    root = ElementTree.fromstring(edges_svg(graph(), 200, 300))
    paths = root.findall(".//{http://www.w3.org/2000/svg}path")
    # A curve and an arrow each.
    assert len(paths) == 2 * 5


def test_what_is_missing_is_said() -> None:
    assert flow_note(graph()) == []
    net = chain(["a", "b", "c", "d"])
    lines = flow_note(LayerGraph(net, draw(4, ()), ("TypeError: odd",)))
    assert [line.children for line in lines] == [
        "4 layers are not joined to the image, as the pass did not show how: a, b, c and 1 more.",
        "Not followed: TypeError: odd.",
    ]
