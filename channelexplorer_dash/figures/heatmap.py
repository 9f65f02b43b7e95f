"""The Heatmap View: channels × images, with the statistic that sorts the channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.figures import matrix, theme
from channelexplorer_dash.figures.binary import LEVELS, Figure, figure, robust_scale
from channelexplorer_dash.results.views import Heatmap

TITLES = {
    "variance": "variance",
    "pairwise": "pairwise",
    "count": "count",
    "edge_weight": "edge weight",
    "f": "F",
    "eta_squared": "η²",
    "mutual_information": "MI, bits",
    "selectivity": "selectivity",
    "auroc": "best AUC",
    "effect": "effect",
    "accuracy_lost": "accuracy lost",
}
MOST_BLOCKS = 60
SCORES = {"eta_squared": "η²", "mutual_information": "MI", "selectivity": "selectivity", "auroc": "AUC"}
"""Columns of the scorecard that stand beside the matrix, after the best class."""
_SCORES_WIDTH = 0.12


def heatmap_figure(heatmap: Heatmap, channel: int | None = None) -> Figure:
    """Draw the normalised activation of channels (rows) and images (columns).

    Marked images stand first, before a line; shared channels carry a symbol between the matrix and the bars
    of the statistic.

    Parameters
    ----------
    heatmap
        Values, ``values`` (channels, images), in display order.
    channel
        The marked channel, whose row is outlined where it is among those shown.
    """
    rows, columns = heatmap.values.shape
    diverging = bool(np.nanmin(heatmap.values, initial=0.0) < 0.0)
    scale = robust_scale(heatmap.values, even=diverging, low=None if diverging else 0.0)
    ticks, text = scale.ticks()
    # Categories rather than positions: Plotly then thins the labels by itself, and shows more on zooming in.
    names = [str(c) for c in heatmap.channels.tolist()]
    # F is infinite where classes without a spread differ: its bar is as long as the longest.
    finite = np.isfinite(heatmap.statistic)
    longest = heatmap.statistic.max(where=finite, initial=0.0)
    statistic = np.where(
        finite, heatmap.statistic, np.where(heatmap.statistic == np.inf, longest or 1.0, 0.0)
    )
    bars = heatmap.sorting != "none"
    edge = 0.84 if bars else 0.97
    right = edge - _SCORES_WIDTH if heatmap.scores else edge
    traces: list[dict[str, Any]] = [
        {
            "type": "heatmap",
            "name": "matrix",
            "y": names,
            "z": scale.quantise(heatmap.values),
            "zmin": 0,
            "zmax": LEVELS,
            "colorscale": theme.DIVERGING if diverging else theme.SEQUENTIAL,
            "colorbar": theme.colour_bar(ticks, text, ""),
            "hoverinfo": "none",
        },
        matrix.strip(heatmap.sample.labels, len(heatmap.sample.class_names)),
        _lines(heatmap),
        _symbols(heatmap, names, channel),
    ]
    traces += _scores(heatmap, names)
    if bars:
        traces.append(
            {
                "type": "bar",
                "name": "statistic",
                "orientation": "h",
                "xaxis": "x2",
                "x": statistic.astype(np.float32),
                "y": names,
                "marker": {"color": theme.BAR, "line": {"width": 0}},
                "hoverinfo": "none",
            }
        )
    marked_at = np.flatnonzero(heatmap.channels == channel) if channel is not None else np.zeros(0, np.int64)
    count = f"{rows:,}" if rows == heatmap.of_channels else f"{rows:,} of {heatmap.of_channels:,}"
    images = f"{columns:,}" if columns == heatmap.of_images else f"{columns:,} of {heatmap.of_images:,}"
    title = TITLES.get(heatmap.sorting, heatmap.sorting)
    alt = (
        f"Heatmap of the activation of {count} channels of layer {heatmap.layer.name} on {images} images"
        + (f", channels sorted by {title}." if bars else ".")
    )
    top = 1 - matrix.STRIP - matrix.GAP
    return figure(
        data=traces,
        layout=theme.layout(
            "heatmap",
            alt,
            meta={
                "channels": heatmap.channels.tolist(),
                "image_ids": heatmap.sample.image_ids.tolist(),
                "labels": heatmap.sample.labels.tolist(),
                "marked": heatmap.marked,
                "shared": heatmap.shared.tolist(),
                "scores": [[title, _largest(heatmap, name)] for name, title in SCORES.items()],
                "best": heatmap.best_class.tolist(),
            },
            dragmode="zoom",
            bargap=0.1 if rows <= 64 else 0,
            uirevision=f"{heatmap.layer.name}:{heatmap.sorting}:{rows}:{columns}",
            shapes=[_outline(int(at), rows, columns) for at in marked_at],
            xaxis=theme.bare_axis(domain=[0, right], range=[-0.5, columns - 0.5]),
            yaxis=theme.bare_axis(
                domain=[0, top],
                type="category",
                categoryorder="array",
                categoryarray=names,
                range=[rows - 0.5, -0.5],
                showticklabels=True,
                tickfont={"size": theme.SMALL},
                automargin=True,
                ticklabelstandoff=2,
            ),
            yaxis2=matrix.strip_axis(domain=[1 - matrix.STRIP, 1]),
            xaxis2=theme.bare_axis(
                domain=[edge + 0.03, 1],
                rangemode="tozero",
                fixedrange=True,
                anchor="y",
                visible=bars,
            ),
            xaxis3=theme.bare_axis(domain=[right, right + 0.03], range=[0, 1], fixedrange=True),
            xaxis4=theme.bare_axis(
                domain=[right + 0.03, edge + 0.02 if heatmap.scores else 1.0],
                range=[-0.5, len(SCORES) + 0.5],
                fixedrange=True,
                anchor="y",
            ),
            yaxis3=theme.bare_axis(domain=[0, 1], overlaying="y", range=[0, 1], fixedrange=True),
            annotations=[_title(title)] if bars else [],
        ),
    )


def _scores(heatmap: Heatmap, names: list[str]) -> list[dict[str, Any]]:
    """Return the best class of every row in its colour, and columns of the scorecard as shades."""
    if not heatmap.scores:
        return []
    colours = theme.class_colours(len(heatmap.sample.class_names))
    present, codes = np.unique(heatmap.best_class, return_inverse=True)
    shared = {
        "type": "heatmap",
        "xaxis": "x4",
        "y": names,
        "showscale": False,
        "hoverinfo": "none",
        "xgap": 1,
    }
    shares = [heatmap.scores[name] / _largest(heatmap, name) for name in SCORES]
    return [
        {
            **shared,
            "name": "best-class",
            "x": [0],
            "z": codes.astype(np.uint16)[:, None],
            "zmin": -0.5,
            "zmax": len(present) - 0.5,
            "colorscale": theme.steps([colours[label] for label in present.tolist()]),
        },
        {
            **shared,
            "name": "scores",
            "x": list(range(1, len(SCORES) + 1)),
            "z": np.rint(LEVELS * np.clip(np.stack(shares, axis=1), 0, 1)).astype(np.uint8),
            "zmin": 0,
            "zmax": LEVELS,
            "colorscale": theme.SHADES,
        },
    ]


def _largest(heatmap: Heatmap, name: str) -> float:
    return float(heatmap.scores[name].max(initial=0.0)) or 1.0 if heatmap.scores else 1.0


def _lines(heatmap: Heatmap) -> dict[str, Any]:
    """Return the line after the marked images."""
    at = heatmap.marked - 0.5
    shown = 0 < heatmap.marked < len(heatmap.sample.labels)
    return {
        "type": "scatter",
        "name": "marked-edge",
        "mode": "lines",
        "yaxis": "y3",
        "x": [at, at] if shown else [],
        "y": [0, 1] if shown else [],
        "line": {"color": theme.ACCENT, "width": 2},
        "hoverinfo": "skip",
    }


def _symbols(heatmap: Heatmap, names: list[str], channel: int | None) -> dict[str, Any]:
    """Return the symbols beside the rows of shared channels and of the marked one."""
    wanted = set(heatmap.shared.tolist()) | ({channel} if channel is not None else set())
    at = [name for name in names if int(name) in wanted]
    return {
        "type": "scatter",
        "name": "symbols",
        "mode": "markers",
        "xaxis": "x3",
        "x": [0.5] * len(at),
        "y": at,
        "hoverinfo": "none",
        "marker": {"symbol": "triangle-left", "size": 6, "color": theme.ACCENT, "line": {"width": 0}},
        "cliponaxis": False,
    }


def _outline(row: int, rows: int, columns: int) -> dict[str, Any]:
    # Where rows are thinner than the line, the outline must stand off, or it would hide the row.
    away = 0.5 + 0.004 * rows
    return {
        "type": "rect",
        "name": "marked-channel",
        "xref": "x",
        "yref": "y",
        "x0": -0.5,
        "x1": columns - 0.5,
        "y0": row - away,
        "y1": row + away,
        "line": {"color": theme.ACCENT, "width": 1.5},
        "fillcolor": theme.CLEAR,
    }


def _title(text: str) -> dict[str, Any]:
    """Name the statistic below its bars, where the colour bar leaves room."""
    return {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 1.0,
        "xanchor": "right",
        "y": 0.0,
        "yanchor": "top",
        "font": {"size": theme.SMALL},
    }
