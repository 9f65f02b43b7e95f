"""New latents: what is drawn of which class and seed, and where each open layer says that it belongs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import html
from dash.development.base_component import Component
from PIL import Image

from channelexplorer_dash import ids
from channelexplorer_dash.datasets.thumbnails import fitted
from channelexplorer_dash.explorer.new_latents import MOST_SEEDS, Latent, PlacedLatents
from channelexplorer_dash.layouts.controls import Choice, select
from channelexplorer_dash.layouts.inspector import thumbnail_button
from channelexplorer_dash.layouts.text import percent
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.images import ImageRow, PlacedLatent
from channelexplorer_dash.selection import View

ALL_STEPS = "all"
_THUMBNAIL = 64


@dataclass(frozen=True)
class LatentChoices:
    """What a new latent can be: classes, timesteps (one alone: of a generator), and the least new seed."""

    classes: Sequence[Choice]
    timesteps: Sequence[int]
    seed: int


def latent_form(choices: LatentChoices | None) -> Component:
    """Return the line that draws a new latent; hidden where the dataset is not made of latents."""
    given = choices or LatentChoices((("0", ""),), (0,), 0)
    steps = [(ALL_STEPS, "all"), *((str(step), str(step)) for step in given.timesteps)]
    stepped = len(given.timesteps) > 1
    return html.Div(
        [
            select(ids.LATENT_CLASS, "Class", given.classes, given.classes[0][0]),
            html.Label(
                [
                    html.Span("Seed", className="ce-label"),
                    dbc.Input(
                        id=ids.LATENT_SEED,
                        type="number",
                        min=0,
                        max=MOST_SEEDS - 1,
                        step=1,
                        value=given.seed,
                        size="sm",
                        className="ce-input",
                    ),
                ],
                className="ce-field",
                title=f"Of the noise. Those below {given.seed} are in the dataset.",
            ),
            html.Div(
                select(ids.LATENT_STEP, "Timestep", steps, ALL_STEPS),
                className="ce-field" if stepped else "d-none",
                title="All on the way from noise to image, or one",
            ),
            html.Button("Place", id=ids.LATENT_PLACE, className="ce-button ce-primary", type="button"),
        ],
        className="ce-latent-form" if choices else "d-none",
    )


def latent_state(latent: Latent) -> dict[str, Any]:
    """Return what the page keeps of a new latent."""
    return {"latent": latent.to_json()}


def latents_placed(placed: PlacedLatents) -> dict[str, Any]:
    """Return what a panel keeps of new latents: their positions from noise to image, by the projection."""
    return {"method": placed.method, "ways": [one.positions.tolist() for one in placed.latents]}


def latent_cards(
    latents: Sequence[Latent],
    layers: Sequence[PlacedLatents],
    view: View,
    class_names: Sequence[str],
    rows: Mapping[int, ImageRow],
    urls: Urls,
    notes: Sequence[str],
) -> list[Component]:
    """Return a card for each new latent.

    Parameters
    ----------
    layers
        What the open layers say, each of all latents in this order.
    rows
        What is known of the nearest states, by image_id.
    notes
        What is still computed, or went wrong.
    """
    found: list[Component] = [html.P(note, className="ce-more") for note in notes]
    for position, latent in enumerate(latents):
        parts = [_layer(placed, position, view, class_names, rows, urls) for placed in layers]
        drawn = layers[0].latents[position].images[-1] if layers else None
        found.append(
            html.Article(
                [
                    html.Div(
                        [
                            *_image(drawn, position),
                            html.Div(
                                [
                                    numbered(position + 1, _title(latent, class_names)),
                                    html.Div(_asked(latent, class_names), className="ce-count"),
                                ],
                                className="ce-new-facts",
                            ),
                        ],
                        className="ce-new-head",
                    ),
                    *parts,
                ],
                className="ce-new-image",
            )
        )
    return found


def numbered(number: int, title: str) -> Component:
    """Return the title of what is new, with the number that it has in the scatterplots."""
    return html.Strong([html.Span(str(number), className="ce-new-number"), f" {title}"], title=title)


def picture(image: Image.Image) -> str:
    """Return a thumbnail as an address that holds it: no route serves what belongs to no dataset."""
    buffer = io.BytesIO()
    fitted(image, _THUMBNAIL).save(buffer, "WEBP", quality=80, method=2)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _title(latent: Latent, class_names: Sequence[str]) -> str:
    return latent.name or f"{class_names[latent.label]}, seed {latent.seed}"


def _asked(latent: Latent, class_names: Sequence[str]) -> str:
    at = "" if latent.timestep is None else f", timestep {latent.timestep}"
    return f"drawn as {class_names[latent.label]}{at}"


def _image(drawn: np.ndarray | None, position: int) -> list[Component]:
    if drawn is None:
        return []
    address = picture(Image.fromarray(drawn))
    return [html.Img(src=address, alt=f"New latent {position + 1}", className="ce-thumb")]


def _layer(
    placed: PlacedLatents,
    position: int,
    view: View,
    class_names: Sequence[str],
    rows: Mapping[int, ImageRow],
    urls: Urls,
) -> Component:
    latent = placed.latents[position]
    stepped = bool(latent.timesteps.any() or latent.placed.any())
    nearest = 1 if len(latent.timesteps) > 1 else latent.near.shape[1]
    heads = ["timestep", "class", "placed at", "near"] if stepped else ["class", "near"]
    lines = [
        html.Tr(
            [
                *([html.Th(str(step), scope="row")] if stepped else []),
                _found(class_names[latent.labels[at]], latent.label_share[at]),
                *([_found(str(latent.placed[at]), latent.placed_share[at])] if stepped else []),
                html.Td(
                    [
                        thumbnail_button(view, rows[near], urls)
                        for near in latent.near[at, :nearest].tolist()
                        if near in rows
                    ],
                    className="ce-latent-near",
                ),
            ]
        )
        for at, step in enumerate(latent.timesteps.tolist())
    ]
    return html.Div(
        [
            html.P(
                [html.Span(placed.layer.name, className="ce-tag"), f" {_summed(latent, class_names)}"],
                className="ce-latent-said",
            ),
            html.Table(
                [
                    html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                    html.Tbody(lines),
                ],
                className="ce-latent-table",
            ),
        ],
        className="ce-new-layer",
    )


def _found(what: str, share: float) -> Component:
    return html.Td([what, html.Span(f" {percent(share)}", className="ce-count")])


def _summed(latent: PlacedLatent, class_names: Sequence[str]) -> str:
    """Return the class that most timesteps are placed in, with its confidence; and how far off they are."""
    counts = np.bincount(latent.labels)
    label = int(counts.argmax())
    sure = percent(float(latent.label_share[latent.labels == label].mean()))
    if len(latent.timesteps) == 1:
        return f"predicted {class_names[label]}, {sure}"
    off = float(np.abs(latent.placed - latent.timesteps).mean())
    at = f"at {counts[label]} of {len(latent.timesteps)} timesteps, {sure}"
    return f"predicted {class_names[label]} {at}; the timestep is {off:.0f} off on average"
