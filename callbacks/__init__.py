"""Callbacks: one module per view, each with ``register(app, explorer)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash

from channelexplorer_dash.callbacks import (
    comparing,
    contributions,
    dataset_view,
    export,
    head,
    heatmap,
    hierarchy,
    inspector,
    jaccard,
    jobs,
    layers,
    linking,
    measures,
    navigation,
    new_images,
    panels,
    review,
    scatterplot,
    scorecard,
    side,
)
from channelexplorer_dash.explorer import Explorer

Callbacks = dict[str, Callable[..., Any]]

MODULES = (
    navigation,
    linking,
    dataset_view,
    layers,
    measures,
    head,
    comparing,
    side,
    panels,
    scatterplot,
    jaccard,
    hierarchy,
    heatmap,
    inspector,
    contributions,
    scorecard,
    new_images,
    review,
    jobs,
    export,
)


def register(app: Dash, explorer: Explorer) -> Callbacks:
    """Register every callback with ``app``; return the plain functions by name.

    ``app`` answers under its own prefix, and nothing is registered globally: several applications can
    live in one process.
    """
    functions: Callbacks = {}
    for module in MODULES:
        functions.update(module.register(app, explorer))
    return functions
