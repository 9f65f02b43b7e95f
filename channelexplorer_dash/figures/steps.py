"""The map of layers × timesteps: how well each layer tells the classes on the way from noise to image."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.binary import Figure, figure
from channelexplorer_dash.figures.matrix import shorten
from channelexplorer_dash.results import StepMatrix


def steps_figure(found: StepMatrix) -> Figure:
    """Draw the accuracies, float64 (L, T): layers downwards, timesteps from noise to image."""
    layers = [layer.name for layer in found.layers]
    steps = [str(step) for step in found.timesteps.tolist()]
    text = [
        [
            f"{theme.literal(name)}, timestep {step}: {value:.2f}"
            for step, value in zip(steps, row, strict=True)
        ]
        for name, row in zip(layers, found.accuracy.tolist(), strict=True)
    ]
    trace = {
        "type": "heatmap",
        "name": "matrix",
        "z": np.ascontiguousarray(found.accuracy, dtype=np.float32),
        "zmin": min(found.chance, float(found.accuracy.min())),
        "zmax": 1.0,
        "colorscale": theme.SEQUENTIAL,
        "text": text,
        "hoverinfo": "text",
        "xgap": 1,
        "ygap": 1,
        "colorbar": theme.colour_bar(
            [found.chance, 1.0],
            [f"{found.chance:.2f}", "1.00"],
            "accuracy",
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
        f"Map of {len(layers)} layers and {len(steps)} timesteps: how well the classes are told, "
        f"from {found.accuracy.min():.2f} to {found.accuracy.max():.2f}."
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
