"""The map of layers × timesteps: how far each layer has the classes apart on the way from noise to image."""

from __future__ import annotations

from typing import Literal

import numpy as np

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import Figure, figure
from channelexplorer_dash.figures.matrix import shorten
from channelexplorer_dash.results.layers import StepMatrix

Better = Literal["higher", "lower", "neither"]
_COLOURED = (5, 95)


def steps_figure(found: StepMatrix, name: str, better: Better, *, share: bool) -> Figure:
    """Draw the values, float64 (L, T): layers downwards, timesteps from noise to image.

    Parameters
    ----------
    name
        Of the measure, in few words.
    better
        Which way is better: the deepest colour is the best value.
    share
        Whether it is an accuracy, whose colours go from guessing to 1; others have no largest value, and one
        layer would take all colours: they go from the 5th to the 95th percentile.
    """
    layers = [layer.name for layer in found.layers]
    steps = [str(step) for step in found.timesteps.tolist()]
    low, high = float(found.values.min()), float(found.values.max())
    ends = [min(found.chance, low), 1.0] if share else np.percentile(found.values, _COLOURED).tolist()
    text = [
        [
            f"{theme.literal(layer)}, timestep {step}: {name} {value:.2f}"
            for step, value in zip(steps, row, strict=True)
        ]
        for layer, row in zip(layers, found.values.tolist(), strict=True)
    ]
    trace = {
        "type": "heatmap",
        "name": "matrix",
        "z": np.ascontiguousarray(found.values, dtype=np.float32),
        "zmin": ends[0],
        # One value everywhere is a colour, too.
        "zmax": ends[1] if ends[1] > ends[0] else ends[0] + 1.0,
        "colorscale": theme.SEQUENTIAL,
        "reversescale": better == "lower",
        "text": text,
        "hoverinfo": "text",
        "xgap": 1,
        "ygap": 1,
        "colorbar": theme.colour_bar(
            ends,
            [
                f"{'≤ ' if low < ends[0] else ''}{ends[0]:.2f}",
                f"{'≥ ' if high > ends[1] else ''}{ends[1]:.2f}",
            ],
            name,
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
    axis = theme.bare_axis(
        showticklabels=True,
        tickmode="array",
        tickfont={"size": theme.SMALL},
        fixedrange=True,
        automargin=True,
    )
    shown = {"tickvals": list(range(len(steps))), "ticktext": steps}
    named = {"tickvals": list(range(len(layers))), "ticktext": [shorten(name, 24) for name in layers]}
    alt = (
        f"Map of {len(layers)} layers and {len(steps)} timesteps: how far the classes are apart, by {name} "
        f"from {low:.2f} to {high:.2f}."
    )
    return figure(
        data=[trace],
        layout=theme.layout(
            "steps",
            alt,
            xaxis={**axis, **shown, "title": {"text": "timestep, from noise to image"}},
            yaxis={**axis, **named, "autorange": "reversed"},
        ),
    )
