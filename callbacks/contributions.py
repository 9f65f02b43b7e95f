"""Contributions in the Inspector: ablation, and what tells two groups of images apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.following import followed
from channelexplorer_dash.callbacks.panels import clicked_part
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.contributions import Ablated, Groups
from channelexplorer_dash.indices import decode_indices
from channelexplorer_dash.layouts.contributions import (
    CLASS,
    CLOSE,
    KEPT,
    LINE,
    MARKED,
    REST,
    ablation_card,
    contrast_card,
    shown_images,
)
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.channels import ContrastDetail
from channelexplorer_dash.selection import Marks, View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the two cards."""
    urls = Urls(app.config.requests_pathname_prefix)

    @app.callback(
        Output(ids.ABLATED, "data"),
        Input(ids.part("ablate", ALL, ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    def ask_ablation(_clicks: Any) -> Any:
        clicked = clicked_part(ctx.triggered)
        if clicked is None:
            raise PreventUpdate
        if clicked["part"] == CLOSE:
            return None
        layer, _, channels = str(clicked["panel"]).rpartition(":")
        fill = str(clicked["part"]).rpartition("-")[2]
        return Ablated.from_json({"layer": layer, "channels": channels, "fill": fill}).to_json()

    @app.callback(
        Output(ids.ABLATION_CARD, "children"),
        Output(ids.part("ablation", "state", LINE), "data"),
        Input(ids.ABLATED, "data"),
        Input(ids.part("ablation", "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.part("ablation", "state", LINE), "data"),
        State(ids.VIEW, "data"),
    )
    def show_ablation(asked: Any, _tick: Any, control: Any, state: Any, view: Any) -> tuple[Any, Any]:
        def ask() -> Any:
            return explorer.ablation(View.from_json(view), Ablated.from_json(asked))

        return followed(explorer, asked, control, state, ask, ablation_card)

    @app.callback(
        Output(ids.CONTRAST_LAYER, "options"),
        Output(ids.CONTRAST_LAYER, "value"),
        Input(ids.LAYERS, "data"),
    )
    def offer_layers(layers: list[str] | None) -> tuple[Any, Any]:
        # The layer that was opened last is chosen, so that a link shows the same to everybody.
        opened = layers or []
        options = [{"value": name, "label": name} for name in opened]
        return options, opened[-1] if opened else ""

    @app.callback(
        Output(ids.CONTRAST_MARKS, "data"),
        Output(ids.CONTRAST_KEPT, "children"),
        Output(ids.CONTRAST_FIRST, "value"),
        Output(ids.CONTRAST_SECOND, "value"),
        Input(ids.CONTRAST_KEEP, "n_clicks"),
        State(ids.MARKED_IMAGES, "data"),
        prevent_initial_call=True,
    )
    def keep_group(clicks: int | None, images: Any) -> tuple[Any, ...]:
        if not clicks:
            raise PreventUpdate
        count = len(decode_indices(images or ""))
        if not count:
            raise SelectionError("No image is marked. Draw a lasso in a scatterplot, then keep it as A.")
        return images, f"{count:,} images are kept as A. Mark others for B.", KEPT, MARKED

    @app.callback(
        Output(ids.GROUPS, "data"),
        Input(ids.CONTRAST_ASK, "n_clicks"),
        State(ids.CONTRAST_LAYER, "value"),
        State(ids.CONTRAST_FIRST, "value"),
        State(ids.CONTRAST_SECOND, "value"),
        State(ids.MARKED_IMAGES, "data"),
        State(ids.CONTRAST_MARKS, "data"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def ask_contrast(
        clicks: int | None, layer: Any, first: Any, second: Any, marked: Any, kept: Any, view: Any
    ) -> Any:
        if not clicks:
            return no_update
        if not layer:
            raise SelectionError("No panel is open. Open a layer first.")
        current = View.from_json(view)
        sample = explorer.sample(current)
        groups = [group_of(sample, name, marked, kept) for name in (first, second)]
        return Groups(str(layer), *groups).to_json()

    @app.callback(
        Output(ids.CONTRAST_CARD, "children"),
        Output(ids.part("contrast", "state", LINE), "data"),
        Input(ids.GROUPS, "data"),
        Input(ids.part("contrast", "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.part("contrast", "state", LINE), "data"),
        State(ids.VIEW, "data"),
    )
    def show_contrast(asked: Any, _tick: Any, control: Any, state: Any, view: Any) -> tuple[Any, Any]:
        current = View.from_json(view)

        def draw(detail: ContrastDetail) -> Any:
            shown = [image for group in shown_images(detail) for image in group]
            rows = {row.image_id: row for row in explorer.images(current, shown)}
            return contrast_card(current, detail, rows, urls)

        def ask() -> Any:
            return explorer.contrast(current, Groups.from_json(asked))

        return followed(explorer, asked, control, state, ask, draw)

    return {
        "ask_ablation": ask_ablation,
        "show_ablation": show_ablation,
        "offer_layers": offer_layers,
        "keep_group": keep_group,
        "ask_contrast": ask_contrast,
        "show_contrast": show_contrast,
    }


def group_of(sample: Sample, name: Any, marked: Any, kept: Any) -> tuple[int, ...]:
    """Return the images of a group by what was chosen for it; none for all others.

    Raises
    ------
    SelectionError
        If nothing is marked or kept, or there is no such choice.
    """
    if name == REST:
        return ()
    if isinstance(name, str) and name.startswith(CLASS) and name.removeprefix(CLASS).isdigit():
        own = sample.labels == int(name.removeprefix(CLASS))
        return tuple(sample.image_ids[np.flatnonzero(own)].tolist())
    if name not in {MARKED, KEPT}:
        raise SelectionError("Choose what the groups A and B are.")
    images = Marks.from_json({"images": marked if name == MARKED else kept}).images
    if not images:
        what = "marked" if name == MARKED else "kept as group A"
        raise SelectionError(f"No image is {what}. Draw a lasso in a scatterplot.")
    return images
