"""The map of layers × timesteps: how far each layer has the classes apart on the way from noise to image."""

from __future__ import annotations

from typing import Literal

import numpy as np

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import Figure, figure
from channelexplorer_dash.figures.matrix import shorten
from channelexplorer_dash.results import StepMatrix

Better = Literal["higher", "lower", "neither"]


def steps_figure(found: StepMatrix, name: str, better: Better, *, share: bool) -> Figure:
    """Draw the values, float64 (L, T): layers downwards, timesteps from noise to image.

    Parameters
    ----------
    name
        Of the measure, in few words.
    better
        Which way is better: the deepest colour is the best value.
    share
        Whether it is an accuracy, whose colours go from guessing to 1.
    """
    layers = [layer.name for layer in found.layers]
    steps = [str(step) for step in found.timesteps.tolist()]
    low, high = float(found.values.min()), float(found.values.max())
    text = [
        [
            f"{theme.literal(layer)}, timestep {step}: {name} {value:.2f}"
            for step, value in zip(steps, row, strict=True)
        ]
        for layer, row in zip(layers, found.values.tolist(), strict=True)
    ]
    ends = [found.chance, 1.0] if share else [low, high]
    trace = {
        "type": "heatmap",
        "name": "matrix",
        "z": np.ascontiguousarray(found.values, dtype=np.float32),
        "zmin": min(ends[0], low),
        # One value everywhere is a colour, too.
        "zmax": ends[1] if ends[1] > min(ends[0], low) else min(ends[0], low) + 1.0,
        "colorscale": theme.SEQUENTIAL,
        "reversescale": better == "lower",
        "text": text,
        "hoverinfo": "text",
        "xgap": 1,
        "ygap": 1,
        "colorbar": theme.colour_bar(
            ends,
            [f"{end:.2f}" for end in ends],
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
