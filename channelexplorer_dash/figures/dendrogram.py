"""The class hierarchy as a horizontal tree, its root at the left and its classes at the right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.figures import matrix, theme
from channelexplorer_dash.figures.binary import Figure, figure, smallest_unsigned
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.results.views import Hierarchy

DISTANCES = {
    "jaccard": "one minus the mean Jaccard similarity",
    "centroid": "the distance of the centroids",
}
MOST_NAMED = 24
SIZES = ((60, (7, 8, 1.3)), (300, (5, 4, 1.3)), (math.inf, (2, 3, 0.5)))
"""Pixels of nodes, leaves and branches, in trees of up to so many leaves: larger ones hide each other."""
LONGEST_NAME = 11
NAME_GAP, CHARACTER = 14, 6.2
"""Pixels between the leaves and their names, and of one character of a name."""


@dataclass(frozen=True)
class _Node:
    """A node of the tree: its members (leaves, top to bottom), height, position and the nodes below it."""

    members: tuple[int, ...]
    height: float
    position: float
    below: tuple[int, ...] = ()


def dendrogram_figure(answer: Hierarchy) -> Figure:
    """Draw the average linkage of the classes or subclasses; superclasses stand out.

    The leaves are in the given order where that keeps every branch together (as the order by hierarchy does);
    otherwise in the order of the tree itself.
    """
    nodes = _nodes(answer)
    leaves = [n for n in nodes if not n.below]
    inner = [n for n in nodes if n.below]
    ordered = sorted(leaves, key=lambda n: n.position)
    heights = [n.height for n in inner] or [1.0]
    # The stems below the first merge say nothing: cut them short, the axis tells where.
    extent = max(heights) - min(heights) or max(heights) or 1.0
    base = max(0.0, min(heights) - 0.3 * extent)
    x: list[float | None] = []
    y: list[float | None] = []
    for node in inner:
        first, second = (nodes[i] for i in node.below)
        x += [max(base, first.height), node.height, node.height, max(base, second.height), None]
        y += [first.position, first.position, second.position, second.position, None]
    colours = theme.class_colours(len(answer.class_names))
    above = set(answer.superclasses)
    grouped = [node in above for node in range(len(leaves), len(nodes))]
    joint, end, line = next(sizes for most, sizes in SIZES if len(leaves) <= most)
    lines = {
        "type": "scatter",
        "name": "branches",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": theme.LINE, "width": line},
        "hoverinfo": "skip",
    }
    joints = {
        "type": "scatter",
        "name": "nodes",
        "mode": "markers",
        "hoverinfo": "none",
        "x": [n.height for n in inner],
        "y": [n.position for n in inner],
        "customdata": _spans(inner, ordered),
        "marker": {
            "size": [joint + 3 if group else joint for group in grouped],
            "symbol": ["diamond" if group else "circle" for group in grouped],
            "color": [theme.ACCENT if group else theme.TEXT for group in grouped],
            "line": {"width": 0},
        },
    }
    ends = {
        "type": "scatter",
        "name": "leaves",
        "mode": "markers",
        "hoverinfo": "none",
        "x": [base for _ in leaves],
        "y": [n.position for n in leaves],
        "customdata": _spans(leaves, ordered),
        "marker": {
            "size": end,
            "color": [colours[answer.labels[n.members[0]]] for n in leaves],
            "line": {"width": 0.6 if end > 3 else 0, "color": theme.OUTLINE},
        },
        "cliponaxis": False,
    }
    named = len(ordered) <= MOST_NAMED
    reach = max(max(heights) - base, 1e-6)
    names = [matrix.shorten(answer.leaf_names[n.members[0]], LONGEST_NAME) for n in ordered]
    # Plotly gives up its own margins where they take half of a narrow figure, and cuts the names.
    right = round(NAME_GAP + CHARACTER * max(map(len, names))) if named else NAME_GAP
    alt = (
        f"Hierarchy of {len(leaves):,} {'subclasses and classes' if answer.members else 'classes'} in layer "
        f"{answer.layer.name}, by average linkage on {DISTANCES[answer.distance]}; "
        f"{len(answer.superclasses):,} superclasses."
    )
    meta: dict[str, Any] = {"leaves": [int(answer.labels[n.members[0]]) for n in ordered]}
    if answer.members:
        meta["names"] = [answer.leaf_names[n.members[0]] for n in ordered]
        meta["images"] = [encode_indices(answer.members[n.members[0]].tolist()) for n in ordered]
    return figure(
        data=[lines, joints, ends],
        layout=theme.layout(
            "hierarchy",
            alt,
            meta=meta,
            dragmode="pan",
            margin={"l": 14, "r": right, "t": 8, "b": 38, "pad": 0},
            uirevision=f"{answer.layer.name}:{len(leaves)}",
            xaxis=theme.bare_axis(
                range=[base + reach * 1.06, base - reach * 0.03],
                fixedrange=True,
                # The ends alone, and upright: the tree is about 60 pixels wide.
                showticklabels=True,
                tickmode="array",
                tickvals=[max(heights), base],
                ticktext=[f"{max(heights):.2f}", f"{base:.2f}"],
                tickangle=0,
                showgrid=True,
                gridcolor=theme.GRID,
                tickfont={"size": theme.SMALL},
                title={"text": "distance", "font": {"size": theme.SMALL}, "standoff": 2},
            ),
            yaxis=theme.bare_axis(
                range=[len(leaves) - 0.5, -0.5],
                side="right",
                showticklabels=named,
                tickmode="array",
                tickvals=[n.position for n in ordered] if named else [],
                ticktext=names if named else [],
                tickfont={"size": theme.SMALL},
                ticklabelstandoff=6,
            ),
        ),
    )


def _spans(nodes: list[_Node], ordered: list[_Node]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Return where in ``meta.leaves`` the members of each node begin and end, (n, 2)."""
    at = {leaf.members[0]: position for position, leaf in enumerate(ordered)}
    places = [[at[label] for label in node.members] for node in nodes]
    spans = [(min(found), max(found) + 1) for found in places]
    return smallest_unsigned(np.array(spans, dtype=np.int64).reshape(-1, 2))


def _nodes(answer: Hierarchy) -> list[_Node]:
    """Place the tree: leaves first, then the inner nodes in the linkage's order (node K+i is row i)."""
    leaves = range(len(answer.labels))
    members: list[tuple[int, ...]] = [(leaf,) for leaf in leaves]
    for row in answer.linkage:
        members.append(members[int(row[0])] + members[int(row[1])])
    shown = {leaf: i for i, leaf in enumerate(answer.order.tolist())}
    together = all(
        max(at) - min(at) == len(at) - 1 for at in ([shown[m] for m in group] for group in members)
    )
    position = shown if together else {leaf: i for i, leaf in enumerate(members[-1])}
    nodes = [_Node((leaf,), 0.0, float(position[leaf])) for leaf in leaves]
    for row, group in zip(answer.linkage, members[len(leaves) :], strict=True):
        below = (int(row[0]), int(row[1]))
        middle = float(np.mean([nodes[i].position for i in below]))
        nodes.append(_Node(tuple(sorted(group, key=position.__getitem__)), float(row[2]), middle, below))
    return nodes
