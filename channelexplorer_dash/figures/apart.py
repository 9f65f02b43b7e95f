"""The map of which classes come apart where: class × class, coloured by the layer."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import Figure, figure, smallest_unsigned
from channelexplorer_dash.figures.matrix import shorten
from channelexplorer_dash.results.layers import ComingApart

_TICKS = 8
"""Layers that the colour bar names, at most."""


def apart_figure(found: ComingApart) -> Figure:
    """Draw at which layer each pair of classes comes apart; on the diagonal, each class among all.

    Parameters
    ----------
    found
        Positions of layers, ``depth`` (K, K), the number of layers standing for never.
    """
    never = len(found.layers)
    names = [found.class_names[label] for label in found.classes.tolist()]
    colours = [*(_colour(i, never) for i in range(never)), theme.WRONG]
    layers = [*(theme.literal(layer.name) for layer in found.layers), "nowhere"]
    text = [
        [
            _said(names[i], names[j] if i != j else "all others", layers[depth], found.accuracy[i, j])
            for j, depth in enumerate(row)
        ]
        for i, row in enumerate(found.depth.tolist())
    ]
    spread = np.linspace(0, never - 1, min(_TICKS, never)).round().astype(int)
    ticks = [*np.unique(spread).tolist(), never]
    trace = {
        "type": "heatmap",
        "name": "matrix",
        "z": smallest_unsigned(found.depth),
        "zmin": -0.5,
        "zmax": never + 0.5,
        "colorscale": theme.steps(colours),
        "text": text,
        "hoverinfo": "text",
        "xgap": 1 if len(names) <= 30 else 0,
        "ygap": 1 if len(names) <= 30 else 0,
        "colorbar": theme.colour_bar(
            ticks,
            [layers[i] for i in ticks],
            "apart from layer",
            orientation="v",
            x=1.0,
            y=0.5,
            yanchor="middle",
            len=0.9,
            xpad=8,
            ypad=0,
            thickness=10,
        ),
    }
    few = len(names) <= 60
    axis = theme.bare_axis(
        showticklabels=few,
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[shorten(name, 16) for name in names],
        tickfont={"size": theme.SMALL if len(names) <= 24 else 7},
        fixedrange=True,
        constrain="domain",
        automargin=True,
    )
    alt = (
        f"Map of {len(names)} classes: the layer from which on each pair stays apart, "
        f"{int(np.triu(found.depth == never, 1).sum())} pairs nowhere."
    )
    return figure(
        data=[trace],
        layout=theme.layout(
            "apart",
            alt,
            xaxis={**axis, "tickangle": -45},
            yaxis={**axis, "autorange": "reversed", "scaleanchor": "x", "scaleratio": 1},
        ),
    )


def _colour(position: int, layers: int) -> str:
    """Return the colour of a layer: the deeper, the lighter."""
    at = round(position / max(layers - 1, 1) * (len(theme.SEQUENTIAL) - 1))
    return theme.SEQUENTIAL[at][1]


def _said(first: str, second: str, layer: str, accuracy: float) -> str:
    where = layer if layer == "nowhere" else f"at {layer}"
    return f"{theme.literal(first)} from {theme.literal(second)}: {where}<br>{accuracy:.2f} at the last layer"
