"""New images: where they are dropped, and what each open layer says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.explorer.new_images import Placed, PlacedImage, Taken
from channelexplorer_dash.layouts.attributes import aria, data, marks_channel
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.inspector import thumbnail_button
from channelexplorer_dash.layouts.new_latents import LatentChoices, latent_form, numbered, picture
from channelexplorer_dash.layouts.text import percent
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.selection import View

CHANNELS_SHOWN = 24


def new_images(limit_mb: float, latents: LatentChoices | None = None) -> Component:
    """Return the part of the Inspector that takes new images, or latents where there is a choice, empty."""
    title = "New images" if latents is None else "New latents"
    wanted = "Drop images here, or choose files"
    if latents is not None:
        wanted = "Or drop a latent (.npy, .npz, .safetensors), or choose a file"
    return html.Section(
        [
            html.Div(
                [
                    html.H2(title),
                    help_button("new_images" if latents is None else "new_latents"),
                    html.Button("Remove", id=ids.NEW_CLEAR, className="ce-link", type="button", hidden=True),
                ],
                className="ce-section-head",
            ),
            latent_form(latents),
            dcc.Upload(
                html.Button(wanted, className="ce-button", type="button"),
                id=ids.NEW_UPLOAD,
                multiple=True,
                className="ce-drop",
                className_active="ce-drop is-over",
                style={},
                style_active={},
            ),
            html.Div(id=ids.NEW_NOTE, role="status"),
            html.Div(id=ids.NEW_CARDS),
        ],
        className="ce-card ce-new-images",
        **aria(label=title),
        **data(limit_mb=f"{limit_mb:g}"),
    )


def state_of(taken: Taken) -> dict[str, str]:
    """Return what the page keeps of a new image: its key, its name and a thumbnail."""
    return {"key": taken.key, "name": taken.name, "thumbnail": picture(taken.image)}


def refused(messages: Sequence[str]) -> list[Component]:
    """Return why files were not taken, one line each."""
    return [html.P(message, className="ce-error-text", role="alert") for message in messages]


def placed_state(placed: Placed) -> dict[str, Any]:
    """Return what a panel keeps of new images: their positions, by the projection that these are of."""
    return {"method": placed.method, "ways": [[list(image.position)] for image in placed.images]}


def cards(
    images: Sequence[Mapping[str, str]],
    layers: Sequence[Placed],
    view: View,
    rows: Mapping[int, ImageRow],
    urls: Urls,
    notes: Sequence[str],
) -> list[Component]:
    """Return a card for each new image.

    Parameters
    ----------
    images
        As :func:`state_of` gives them.
    layers
        What the open layers say, each of all images in this order.
    rows
        What is known of the nearest images, by image_id.
    notes
        What is still computed, or went wrong.
    """
    found: list[Component] = [html.P(note, className="ce-more") for note in notes]
    for position, image in enumerate(images):
        parts = [_layer(placed, position, view, rows, urls) for placed in layers]
        answered = layers[0].images[position].answers if layers else ()
        found.append(
            html.Article(
                [
                    html.Div(
                        [
                            html.Img(
                                src=image["thumbnail"], alt=f"New image {position + 1}", className="ce-thumb"
                            ),
                            html.Div(
                                [
                                    numbered(position + 1, image["name"]),
                                    *_answers(answered),
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


def _answers(answers: Sequence[tuple[str, float]]) -> list[Component]:
    if not answers:
        return []
    (name, share), *others = answers
    rest = ", ".join(f"{other} {percent(value)}" for other, value in others)
    return [
        html.Div(f"predicted {name}, {percent(share)}", className="ce-new-answer"),
        html.Div(f"then {rest}" if rest else "", className="ce-count"),
    ]


def _layer(placed: Placed, position: int, view: View, rows: Mapping[int, ImageRow], urls: Urls) -> Component:
    image, layer = placed.images[position], placed.layer.name
    near = [
        html.Div(
            [
                thumbnail_button(view, rows[neighbour], urls),
                html.Span(f"J {similarity:.2f}", className="ce-count"),
            ],
            className="ce-new-neighbour",
            title=f"{rows[neighbour].label_name}: cosine distance {distance:.3f}, Jaccard {similarity:.2f}",
        )
        for neighbour, distance, similarity in zip(
            image.neighbours.tolist(), image.distances.tolist(), image.similarity.tolist(), strict=True
        )
        if neighbour in rows
    ]
    warned = " Some of its activations are not finite." if placed.non_finite else ""
    return html.Div(
        [
            html.P([html.Span(layer, className="ce-tag"), " nearest images", warned], className="ce-label"),
            html.Div(near, className="ce-thumbs"),
            html.P(
                f"{len(image.shared)} of its {image.active} active channels are active in theirs",
                className="ce-label",
            ),
            html.Div(_chips(image, layer), className="ce-chips"),
        ],
        className="ce-new-layer",
    )


def _chips(image: PlacedImage, layer: str) -> list[Component]:
    k = len(image.neighbours)
    chips: list[Component] = [
        html.Button(
            str(channel),
            className="ce-chip is-shared",
            type="button",
            title=f"Active in {count} of the {k} nearest images",
            **aria(label=f"Look at channel {channel}, active in {count} of the {k} nearest images"),
            **marks_channel(layer, channel),
        )
        for channel, count in zip(image.shared[:CHANNELS_SHOWN], image.sharing[:CHANNELS_SHOWN], strict=True)
    ]
    more = len(image.shared) - CHANNELS_SHOWN
    return [*chips, html.Span(f"and {more:,} more", className="ce-count")] if more > 0 else chips
