"""One channel: how its values are distributed in each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.figures import matrix, theme
from channelexplorer_dash.figures.binary import Figure, figure, smallest_unsigned
from channelexplorer_dash.figures.empty import empty_figure
from channelexplorer_dash.results.channels import ChannelDetail

MOST_CLASSES = 20
MOST_POINTS = 40
FEWEST_FOR_SHAPE = 5
STEPS = 48


@dataclass(frozen=True)
class _Row:
    """One class as it is drawn: its label, position, and the values in ascending order with their images."""

    label: int
    position: int
    values: npt.NDArray[np.float64]
    image_ids: npt.NDArray[np.int64]


def channel_figure(detail: ChannelDetail) -> Figure:
    """Draw one channel's distribution per class: its shape, median, quartiles and single images.

    With more than ``MOST_CLASSES`` classes, those with the largest means are shown, largest first. A class of
    fewer than five images shows its images alone. The shape is a Gaussian kernel estimate (Silverman's rule).
    """
    sample = detail.sample
    values = detail.values.astype(np.float64)
    finite = np.isfinite(values)
    present = np.unique(sample.labels[finite])
    if present.size == 0:
        return empty_figure(
            f"Channel {detail.channel} has no finite value on these images. Choose another channel."
        )
    shown = present
    if len(present) > MOST_CLASSES:
        means = np.array([values[finite & (sample.labels == label)].mean() for label in present])
        shown = present[np.argsort(-means, kind="stable")[:MOST_CLASSES]]
    rows = []
    for position, label in enumerate(shown.tolist()):
        of_class = np.flatnonzero(finite & (sample.labels == label))
        ascending = of_class[np.argsort(values[of_class], kind="stable")]
        rows.append(_Row(label, position, values[ascending], sample.image_ids[ascending]))
    colours = theme.class_colours(len(sample.class_names))
    low, high = float(values[finite].min()), float(values[finite].max())
    traces = [
        _shape(row, colours[row.label], low, high) for row in rows if len(row.values) >= FEWEST_FOR_SHAPE
    ]
    traces += [_quartiles(rows), _points(rows, colours), _medians(rows)]
    names = [matrix.shorten(sample.class_names[row.label], 16) for row in rows]
    which = (
        f"the {len(rows)} of {len(present):,} classes with the largest mean"
        if len(rows) < len(present)
        else (f"{len(rows)} classes")
    )
    return figure(
        data=traces,
        layout=theme.layout(
            "channel",
            f"Activation of channel {detail.channel} of layer {detail.layer.name} in {which}.",
            meta={"classes": [row.label for row in rows], "of_classes": len(present)},
            dragmode=False,
            uirevision=f"{detail.layer.name}:{detail.channel}",
            xaxis=theme.bare_axis(
                showgrid=True,
                gridcolor=theme.GRID,
                showticklabels=True,
                nticks=6,
                fixedrange=True,
                tickfont={"size": theme.SMALL},
                automargin=True,
            ),
            yaxis=theme.bare_axis(
                range=[len(rows) - 0.4, -0.6],
                fixedrange=True,
                showticklabels=True,
                tickmode="array",
                tickvals=[row.position for row in rows],
                ticktext=names,
                tickfont={"size": theme.SMALL},
                automargin=True,
                ticklabelstandoff=4,
            ),
        ),
    )


def _shape(row: _Row, colour: str, low: float, high: float) -> dict[str, Any]:
    values = row.values
    spread = (
        min(values.std(), (np.quantile(values, 0.75) - np.quantile(values, 0.25)) / 1.349) or values.std()
    )
    # A constant channel has no spread; a hundredth of the range keeps its shape visible.
    width = max(0.9 * spread * len(values) ** -0.2, (high - low) / 100, 1e-9)
    grid = np.linspace(max(low, values[0] - 2 * width), min(high, values[-1] + 2 * width), STEPS)
    # Quantiles stand in for the values of a large class: the shape is the same, the sum short.
    kept = values if len(values) <= 512 else np.quantile(values, np.linspace(0, 1, 512))
    density = np.exp(-0.5 * ((grid[:, None] - kept[None, :]) / width) ** 2).sum(axis=1)
    half = 0.42 * density / density.max()
    return {
        "type": "scatter",
        "name": f"shape-{row.label}",
        "mode": "lines",
        "fill": "toself",
        "fillcolor": colour,
        "opacity": 0.45,
        "line": {"width": 0, "color": colour},
        "hoverinfo": "skip",
        "x": np.concatenate([grid, grid[::-1]]).astype(np.float32),
        "y": np.concatenate([row.position - half, row.position + half[::-1]]).astype(np.float32),
    }


def _quartiles(rows: list[_Row]) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for row in rows:
        if len(row.values) >= FEWEST_FOR_SHAPE:
            x += [float(np.quantile(row.values, 0.25)), float(np.quantile(row.values, 0.75)), None]
            y += [row.position, row.position, None]
    return {
        "type": "scatter",
        "name": "quartiles",
        "mode": "lines",
        "x": x,
        "y": y,
        "hoverinfo": "skip",
        "line": {"width": 3, "color": theme.TEXT},
    }


def _points(rows: list[_Row], colours: tuple[str, ...]) -> dict[str, Any]:
    """Return single images, evenly over each class from its smallest to its largest value."""
    picks = [np.unique(np.linspace(0, len(row.values) - 1, MOST_POINTS).astype(int)) for row in rows]
    x: FloatArray = np.concatenate([row.values[pick] for row, pick in zip(rows, picks, strict=True)]).astype(
        np.float32
    )
    jitter = np.concatenate([_jitter(len(pick)) for pick in picks])
    position = np.concatenate(
        [np.full(len(pick), row.position) for row, pick in zip(rows, picks, strict=True)]
    )
    return {
        "type": "scatter",
        "name": "images",
        "mode": "markers",
        "hoverinfo": "none",
        "x": x,
        "y": (position + jitter).astype(np.float32),
        "customdata": smallest_unsigned(
            np.concatenate([row.image_ids[pick] for row, pick in zip(rows, picks, strict=True)])
        ),
        "marker": {
            "size": 3.5,
            "opacity": 0.9,
            "color": smallest_unsigned(position),
            "cmin": -0.5,
            "cmax": len(rows) - 0.5,
            "colorscale": theme.steps([colours[row.label] for row in rows]),
            "showscale": False,
            "line": {"width": 0},
        },
    }


def _jitter(count: int) -> npt.NDArray[np.float64]:
    """Return offsets in ±0.2 that look random and are always the same (golden-ratio sequence)."""
    return ((np.arange(1, count + 1) * 0.6180339887 % 1.0 - 0.5) * 0.4).astype(np.float64)


def _medians(rows: list[_Row]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": "medians",
        "mode": "markers",
        "hoverinfo": "none",
        "x": np.array([np.median(row.values) for row in rows], dtype=np.float32),
        "y": np.array([row.position for row in rows], dtype=np.uint8),
        "customdata": smallest_unsigned(np.array([row.label for row in rows])),
        "marker": {"symbol": "line-ns-open", "size": 10, "color": theme.TEXT, "line": {"width": 2}},
    }
