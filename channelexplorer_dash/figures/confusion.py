"""Confusion matrices before and after an ablation, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.contribution import OTHERS
from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import LEVELS, Figure, figure
from channelexplorer_dash.results.channels import AblationDetail

_MIDDLE = 0.04


def confusion_figure(detail: AblationDetail) -> Figure:
    """Draw which outputs the images of each class (rows) are answered with (columns), as shares of a row."""
    effect = detail.effect
    rows = [theme.literal(detail.class_names[label]) for label in effect.classes.tolist()]
    columns = [theme.literal(output_name(detail, output)) for output in effect.outputs.tolist()]
    traces = [
        _matrix("before", effect.confusion_before, effect.counts, rows, columns, "x"),
        _matrix("after", effect.confusion_after, effect.counts, rows, columns, "x2"),
    ]
    axis = theme.bare_axis(type="category", fixedrange=True)
    return figure(
        data=traces,
        layout=theme.layout(
            "confusion",
            f"Confusion matrices of {len(rows)} classes before and after the ablation.",
            dragmode=False,
            margin={"l": 4, "r": 4, "t": 18, "b": 4, "pad": 0},
            xaxis={**axis, "domain": [0, 0.5 - _MIDDLE]},
            xaxis2={**axis, "domain": [0.5 + _MIDDLE, 1]},
            yaxis={**axis, "autorange": "reversed"},
            annotations=[_title("before", 0.0), _title("after", 0.5 + _MIDDLE)],
        ),
    )


def output_name(detail: AblationDetail, output: int) -> str:
    """Return what a column stands for."""
    if output == OTHERS:
        return "other answers"
    return detail.output_names[output] if output < len(detail.output_names) else str(output)


def _matrix(
    name: str, counts: IntArray, images: IntArray, rows: list[str], columns: list[str], axis: str
) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "name": name,
        "xaxis": axis,
        "y": rows,
        "x": columns,
        "z": np.rint(counts / images[:, None] * LEVELS).astype(np.uint8),
        # plotly.js reads no 64-bit integers.
        "customdata": counts.astype(np.int32),
        "zmin": 0,
        "zmax": LEVELS,
        "colorscale": theme.SEQUENTIAL,
        "showscale": False,
        "xgap": 0.5,
        "ygap": 0.5,
        "hovertemplate": f"%{{y}} → %{{x}}: %{{customdata}} {name}<extra></extra>",
    }


def _title(text: str, x: float) -> dict[str, Any]:
    return {
        "text": text,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
        "font": {"size": theme.SMALL},
    }
