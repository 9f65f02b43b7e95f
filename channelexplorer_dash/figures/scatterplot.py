"""The Scatterplot View: every image a point, in one trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.clusters import convex_hull
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import (
    LEVELS,
    Figure,
    encoded,
    figure,
    robust_scale,
    smallest_unsigned,
)
from channelexplorer_dash.figures.colouring import Colouring
from channelexplorer_dash.results.views import Scatter

OUTLIER = 134
"""Plotly's number of the symbol ``x-thin-open``: names would weigh ten times as much."""
METHODS = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE", "mds": "MDS"}


def scatter_figure(
    scatter: Scatter, colouring: Colouring, webgl_from: int = 3000, ways: IntArray | None = None
) -> Figure:
    """Draw the images of a layer in two dimensions.

    Parameters
    ----------
    scatter
        Positions, ``xy`` (n, 2).
    colouring
        One category or number for each of the n images.
    webgl_from
        Points from which WebGL draws them.
    ways
        Positions of the images on each trajectory, one after the other with -1 between trajectories; empty
        while they are not shown, None where the dataset has none.

    Raises
    ------
    ChannelExplorerError
        If ``colouring`` is of another number of images.
    """
    points = len(scatter.xy)
    if len(colouring) != points:
        raise ChannelExplorerError(
            f"The colours are of {len(colouring):,} images and the positions of {points:,}. Reload the page."
        )
    size = _size(points)
    trace = {
        "type": "scattergl" if points >= webgl_from else "scatter",
        "name": "points",
        "mode": "markers",
        "x": np.ascontiguousarray(scatter.xy[:, 0], dtype=np.float32),
        "y": np.ascontiguousarray(scatter.xy[:, 1], dtype=np.float32),
        "customdata": smallest_unsigned(scatter.sample.image_ids),
        "hoverinfo": "none",
        "marker": _marker(colouring),
        "selected": {"marker": {"opacity": 1.0, "size": size * 1.3}},
        # Many faint points add up to a bright cloud.
        "unselected": {"marker": {"opacity": 0.12 if points <= 5000 else 0.05}},
    }
    method = METHODS.get(scatter.method, scatter.method)
    alt = (
        f"Scatterplot of {points:,} images by {method} of their activations in layer {scatter.layer.name}, "
        f"coloured by {colouring.title}."
    )
    ids = scatter.sample.image_ids
    geometry = f"{scatter.layer.name}:{scatter.method}:{points}:{int(ids.sum())}"
    return figure(
        data=[
            trace,
            _hulls(scatter, colouring),
            *([] if ways is None else [_ways(scatter, ways)]),
        ],
        layout=theme.layout(
            "scatterplot",
            alt,
            meta={"method": scatter.method},
            dragmode="lasso",
            uirevision=geometry,
            selectionrevision=geometry,
            xaxis=theme.bare_axis(),
            yaxis=theme.bare_axis(scaleanchor="x", scaleratio=1),
        ),
    )


def marker_patch(colouring: Colouring) -> dict[str, Any]:
    """Return ``data[0].marker`` as JSON-able values, to recolour a figure that is already on the page."""
    patch: dict[str, Any] = encoded(_marker(colouring))
    return patch


def hulls_patch(scatter: Scatter, colouring: Colouring) -> dict[str, Any]:
    """Return ``data[1]`` as JSON-able values: the hulls of clusters, empty where there are none."""
    patch: dict[str, Any] = encoded(_hulls(scatter, colouring))
    return patch


def ways_patch(scatter: Scatter, ways: IntArray) -> dict[str, Any]:
    """Return ``data[2]`` as JSON-able values: the trajectories, as :func:`scatter_figure` takes them."""
    patch: dict[str, Any] = encoded(_ways(scatter, ways))
    return patch


def _ways(scatter: Scatter, ways: IntArray) -> dict[str, Any]:
    xy = np.where((ways < 0)[:, None], np.nan, scatter.xy[ways]).tolist() if len(ways) else []
    return {
        "type": "scatter",
        "name": "trajectories",
        "mode": "lines",
        "x": [None if x != x else x for x, _ in xy],
        "y": [None if y != y else y for _, y in xy],
        "line": {"color": theme.TEXT, "width": 0.7},
        "opacity": 0.45,
        "hoverinfo": "skip",
    }


def _hulls(scatter: Scatter, colouring: Colouring) -> dict[str, Any]:
    """Return the convex hulls of the clusters' images without the outliers, as one line with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    if colouring.outliers is not None and colouring.codes is not None:
        for code in range(len(colouring.names)):
            own = scatter.xy[(colouring.codes == code) & ~colouring.outliers]
            if len(own) > 1:
                corners = convex_hull(own).tolist()
                x += [corner[0] for corner in [*corners, corners[0]]] + [None]
                y += [corner[1] for corner in [*corners, corners[0]]] + [None]
    return {
        "type": "scatter",
        "name": "hulls",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": theme.TEXT, "width": 1},
        "hoverinfo": "skip",
    }


def _size(points: int) -> float:
    return float(np.clip(8.5 - 1.6 * np.log10(max(points, 1) / 30), 2.5, 9.0))


def _marker(colouring: Colouring) -> dict[str, Any]:
    points = len(colouring)
    # Many outlines of small points swallow their colour, and cost WebGL a second pass.
    outline = 0.6 if points <= 5000 else 0.0
    common: dict[str, Any] = {
        "size": _size(points),
        "opacity": 0.85 if points <= 20_000 else 0.6,
        "line": {"width": outline, "color": theme.OUTLINE},
    }
    if colouring.outliers is not None and colouring.outliers.any():
        common["symbol"] = np.where(colouring.outliers, OUTLIER, 0).tolist()
    if colouring.codes is not None:
        # Code 0 is what is not known, so that the codes stay unsigned.
        colours = (theme.UNKNOWN, *colouring.colours)
        used, codes = np.unique(colouring.codes + 1, return_inverse=True)
        return common | {
            "color": smallest_unsigned(codes),
            "cmin": -0.5,
            "cmax": len(used) - 0.5,
            "colorscale": theme.steps([colours[i] for i in used]),
            "showscale": False,
        }
    values = colouring.values if colouring.values is not None else np.zeros(points)
    scale = robust_scale(values)
    missing = ~np.isfinite(values)
    levels = scale.quantise(values)
    colours_of = theme.POINTS
    if missing.any():
        levels = np.where(missing, 0, np.maximum(levels, 1)).astype(np.uint8)
        edge = 0.5 / LEVELS
        ramp = [(max(edge, at), colour) for at, colour in theme.POINTS]
        colours_of = [(0.0, theme.UNKNOWN), (edge, theme.UNKNOWN), *ramp]
    ticks, text = scale.ticks()
    return common | {
        "color": levels,
        "cmin": 0,
        "cmax": LEVELS,
        "colorscale": colours_of,
        "showscale": True,
        "colorbar": theme.colour_bar(ticks, text, theme.literal(colouring.title)),
    }
