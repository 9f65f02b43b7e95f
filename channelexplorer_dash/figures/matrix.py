"""Parts that the matrix views share: class colour strips, block boundaries, thin axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import smallest_unsigned

STRIP = 0.03
GAP = 0.008


def strip(labels: IntArray, classes: int, *, vertical: bool = False) -> dict[str, Any]:
    """Return the class colour strip of a row (or column) of positions, as a heatmap trace.

    Parameters
    ----------
    labels
        int64 (n,): the class at each position.
    classes
        Number of classes of the dataset, which decides the colours.
    vertical
        Whether it stands at the left of the matrix (axes x2 and y) or on top of it (x and y2).
    """
    colours = theme.class_colours(classes)
    present, codes = np.unique(labels, return_inverse=True)
    row = smallest_unsigned(codes)
    return {
        "type": "heatmap",
        "name": "strip-left" if vertical else "strip-top",
        "z": row[:, None] if vertical else row[None, :],
        "zmin": -0.5,
        "zmax": len(present) - 0.5,
        "colorscale": theme.steps([colours[i] for i in present]),
        "showscale": False,
        "hoverinfo": "none",
        "xaxis": "x2" if vertical else "x",
        "yaxis": "y" if vertical else "y2",
    }


def block_edges(labels: IntArray) -> npt.NDArray[np.int64]:
    """Return the positions at which a new class begins, without 0."""
    return np.flatnonzero(np.diff(labels)).astype(np.int64) + 1


def boundaries(edges: IntArray, rows: int, columns: int, *, horizontal: bool) -> dict[str, Any]:
    """Return thin lines between class blocks, vertical ones and, if asked for, ``horizontal`` ones."""
    x: list[float | None] = []
    y: list[float | None] = []
    for edge in edges.tolist():
        x += [edge - 0.5, edge - 0.5, None]
        y += [-0.5, rows - 0.5, None]
        if horizontal:
            x += [-0.5, columns - 0.5, None]
            y += [edge - 0.5, edge - 0.5, None]
    return {
        "type": "scatter",
        "name": "boundaries",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": theme.BOUNDARY, "width": 0.8},
        "hoverinfo": "skip",
    }


def strip_axis(**over: Any) -> dict[str, Any]:
    """Return the thin axis across a strip."""
    return theme.bare_axis(range=[-0.5, 0.5], fixedrange=True) | over


def shorten(name: str, characters: int = 14) -> str:
    """Shorten a name in its middle (names often differ at the end), and keep it from being read as markup."""
    if len(name) > characters:
        end = (characters - 1) // 3
        name = f"{name[: characters - 1 - end]}…{name[-end:]}"
    return theme.literal(name)
