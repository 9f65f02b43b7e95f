"""The map of linear CKA: layers of one model × layers of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray
from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import Figure, figure
from channelexplorer_dash.figures.matrix import shorten

_NAMED = 40
"""Layers up to which an axis names them."""


def cka_figure(
    cka: DoubleArray, models: tuple[str, str], layers: tuple[Sequence[str], Sequence[str]]
) -> Figure:
    """Draw how alike the layers of two models are.

    Parameters
    ----------
    cka
        float64 (layers of the first, layers of the second), 0 … 1.
    models, layers
        Names of both models, and of their layers in execution order.
    """
    first, second = ([theme.literal(name) for name in names] for names in layers)
    one, other = (theme.literal(name) for name in models)
    text = [
        [f"{one} {a}<br>{other} {b}<br>CKA {value:.2f}" for b, value in zip(second, row, strict=True)]
        for a, row in zip(first, cka.tolist(), strict=True)
    ]
    trace = {
        "type": "heatmap",
        "name": "matrix",
        "z": np.ascontiguousarray(cka, np.float32),
        "zmin": 0,
        "zmax": 1,
        "colorscale": theme.SEQUENTIAL,
        "text": text,
        "hoverinfo": "text",
        "xgap": 1,
        "ygap": 1,
        "colorbar": theme.colour_bar([0, 0.5, 1], ["0", "0.5", "1"], "CKA", y=1.0, yanchor="bottom"),
    }
    alt = (
        f"Linear CKA of {len(first)} layers of {models[0]} (rows) with {len(second)} layers of {models[1]} "
        f"(columns), from {cka.min():.2f} to {cka.max():.2f}."
    )
    return figure(
        data=[trace],
        layout=theme.layout(
            "cka",
            alt,
            xaxis=_axis(layers[1], other, tickangle=-45),
            yaxis=_axis(layers[0], one, autorange="reversed"),
        ),
    )


def _axis(names: Sequence[str], title: str, **over: object) -> dict[str, object]:
    return theme.bare_axis(
        showticklabels=len(names) <= _NAMED,
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[shorten(name, 20) for name in names],
        tickfont={"size": theme.SMALL},
        title={"text": title, "font": {"size": theme.FONT_SIZE}},
        fixedrange=True,
        automargin=True,
        **over,
    )
