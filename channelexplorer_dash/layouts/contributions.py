"""Cards of the Inspector on contributions: what an ablation does, and what tells two groups apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.figures.confusion import confusion_figure, output_name
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.layouts.attributes import aria, marks_channel
from channelexplorer_dash.layouts.controls import Choice, select
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.icons import icon
from channelexplorer_dash.layouts.overlays import overlaid
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.channels import AblationDetail, ContrastDetail
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.selection import ChannelMark, View

LINE = "all"
"""Each card has one status line; its ids have the same keys as those of a panel."""
CLOSE = "close"
MARKED, KEPT, REST = "marked", "kept", "rest"
CLASS = "class:"
CLASSES_SHOWN = 12
CHANNELS_SHOWN, IMAGES_SHOWN = 3, 3
CHANGES_SHOWN = 4


def ablate_buttons(origin: str, layer: str, channels: Sequence[int], says: str) -> Component:
    """Return the buttons that ablate channels, to zero or to their mean.

    ``origin`` tells the cards apart that offer it: their buttons may mean the same channels.
    """
    key = f"{layer}:{encode_indices(channels)}"
    buttons = [
        html.Button(
            text,
            id=ids.part("ablate", f"{origin}-{fill}", key),
            className="ce-button ce-small-button",
            type="button",
            **aria(label=f"{says} of {layer} {text}"),
        )
        for fill, text in (("zero", "to zero"), ("mean", "to mean"))
    ]
    return html.Div([html.Span(says, className="ce-label"), *buttons], className="ce-ablate")


def ablation_parts() -> list[Component]:
    """Return the place of the ablation's card, empty, and its status line."""
    return [
        html.Div(status_line("ablation", LINE, "Ablating channels"), className="ce-card-status"),
        html.Div(id=ids.ABLATION_CARD),
    ]


def contrast_parts(choices: Sequence[Choice], *, is_open: bool) -> list[Component]:
    """Return the card of two groups, without an answer; ``choices`` are the classes they may be."""
    classes = [(f"{CLASS}{label}", name) for label, name in choices]
    return [
        html.Details(
            [
                html.Summary(html.H2("What tells these apart?")),
                html.Div(
                    [select(ids.CONTRAST_LAYER, "Layer", [], ""), help_button("contrast")], className="ce-row"
                ),
                select(
                    ids.CONTRAST_FIRST,
                    "A",
                    [(MARKED, "Marked images"), (KEPT, "Kept as group A"), *classes],
                    MARKED,
                ),
                select(
                    ids.CONTRAST_SECOND,
                    "B",
                    [(REST, "All others"), (MARKED, "Marked images"), *classes],
                    REST,
                ),
                html.Div(
                    [
                        html.Button(
                            "Keep marked as A",
                            id=ids.CONTRAST_KEEP,
                            className="ce-button ce-small-button",
                            type="button",
                        ),
                        html.Button(
                            "Find channels",
                            id=ids.CONTRAST_ASK,
                            className="ce-button ce-primary ce-small-button",
                            type="button",
                        ),
                    ],
                    className="ce-row ce-contrast-buttons",
                ),
                html.P(id=ids.CONTRAST_KEPT, className="ce-more"),
                html.Div(status_line("contrast", LINE, "Comparing two groups"), className="ce-card-status"),
                html.Div(id=ids.CONTRAST_CARD),
            ],
            open=is_open,
            className="ce-card ce-contrast",
        ),
    ]


def ablation_card(detail: AblationDetail) -> Component:
    """Return what an ablation did: accuracy and logits by class, and the answers before and after."""
    effect = detail.effect
    count = len(detail.channels)
    what = f"channel {detail.channels[0]}" if count == 1 else f"{count:,} channels"
    set_to = "zero" if detail.fill == "zero" else "the mean"
    before, after = (
        float(effect.counts @ shares / effect.counts.sum()) for shares in (effect.before, effect.after)
    )
    right = "Same answers" if detail.own_answers else "Accuracy"
    images = f"{detail.images:,} images"
    if detail.images < detail.of_images:
        images = f"{detail.images:,} of {detail.of_images:,} images"
    return html.Section(
        [
            html.Div(
                [
                    html.H2(f"Without {what}"),
                    html.Span(detail.layer.name, className="ce-tag"),
                    help_button("ablation"),
                    html.Button(
                        icon("close"),
                        id=ids.part("ablate", CLOSE, LINE),
                        className="ce-action",
                        type="button",
                        title="Close this card",
                        **aria(label="Close the card of the ablation"),
                    ),
                ],
                className="ce-section-head",
            ),
            html.P(f"Set to {set_to}, on {images}.", className="ce-more"),
            html.P(
                [
                    html.Span(f"{right} ", className="ce-label"),
                    html.Span(f"{100 * before:.1f} → {100 * after:.1f} %", className="ce-pair-figure"),
                ],
            ),
            html.P(
                f"{_points(effect.change)} points, 95 % interval {_points(effect.low)} to "
                f"{_points(effect.high)}.",
                className="ce-more",
            ),
            _by_class(detail),
            html.P("Answers by class", className="ce-label"),
            *_changes(detail),
            html.Div(
                dcc.Graph(
                    id=ids.part("ablation", "graph", detail.layer.name),
                    figure=confusion_figure(detail),
                    config={"displayModeBar": False, "responsive": True},
                    responsive=True,
                ),
                className="ce-confusion",
            ),
        ],
        className="ce-card",
        **aria(label=f"Effect of ablating {what} of {detail.layer.name}"),
    )


def contrast_card(
    view: View, detail: ContrastDetail, rows: dict[int, ImageRow], urls: Urls
) -> list[Component]:
    """Return the channels that tell two groups apart, and images of both with these laid over them."""
    first, second = int(detail.first.sum()), int((~detail.first).sum())
    sizes = f"A: {first:,} images, B: {second:,} images."
    if detail.fitted < first + second:
        sizes += f" Found on {detail.fitted:,} of them."
    if not len(detail.channels):
        return [
            html.P("No set of channels of this layer tells the groups apart better than chance."),
            html.P(sizes, className="ce-more"),
        ]
    layer, channels = detail.layer.name, detail.channels.tolist()
    count = "1 channel tells" if len(channels) == 1 else f"{len(channels)} channels tell"
    return [
        html.P(
            [
                html.Span(f"{detail.auc:.3f}", className="ce-pair-figure"),
                html.Span(f" ± {detail.standard_error:.3f} held-out AUC", className="ce-label"),
            ]
        ),
        html.P(f"{count} them apart. {sizes}", className="ce-more"),
        html.Div(
            [_channel_chip(layer, *pair) for pair in zip(channels, detail.channel_auc.tolist(), strict=True)],
            className="ce-chips",
        ),
        ablate_buttons("contrast", layer, channels, "Ablate these"),
        *[
            _shown(view, ChannelMark(layer, channel), detail, rows, urls)
            for channel in channels[:CHANNELS_SHOWN]
        ],
    ]


def shown_images(detail: ContrastDetail) -> tuple[list[int], list[int]]:
    """Return the images of either group that are most like it: by score, most typical first."""
    first = detail.image_ids[detail.first][:IMAGES_SHOWN]
    second = detail.image_ids[~detail.first][::-1][:IMAGES_SHOWN]
    return first.tolist(), second.tolist()


def _shown(
    view: View, mark: ChannelMark, detail: ContrastDetail, rows: dict[int, ImageRow], urls: Urls
) -> Component:
    groups = [
        html.Div(
            [overlaid(view, mark, rows[image], urls) for image in images],
            className="ce-thumbs",
            **aria(label=f"Group {name}"),
        )
        for name, images in zip("AB", shown_images(detail), strict=True)
    ]
    return html.Div(
        [
            html.P(f"Channel {mark.channel} on typical images of A, and of B", className="ce-label"),
            html.Div(groups, className="ce-groups"),
        ]
    )


def _channel_chip(layer: str, channel: int, auc: float) -> Component:
    return html.Button(
        [str(channel), html.Span(f" {auc:.2f}", className="ce-count")],
        className="ce-chip",
        type="button",
        title=f"Alone: AUC {auc:.3f} for A" + (", so it is larger in B" if auc < 0.5 else ""),
        **aria(label=f"Look at channel {channel}"),
        **marks_channel(layer, channel),
    )


def _by_class(detail: AblationDetail) -> Component:
    """Return the classes that lose or gain most: share of right answers, and change of the own logit."""
    effect = detail.effect
    order = np.lexsort([effect.logit_change, effect.after - effect.before])
    rows = [
        html.Tr(
            [
                html.Th(detail.class_names[effect.classes[k]], scope="row"),
                html.Td(f"{100 * effect.before[k]:.0f} → {100 * effect.after[k]:.0f} %"),
                html.Td(
                    _points(effect.after[k] - effect.before[k]),
                    title=f"95 % interval {_points(effect.class_low[k])} to {_points(effect.class_high[k])}, "
                    f"{effect.counts[k]:,} images",
                ),
                html.Td(f"{effect.logit_change[k]:+.2f}"),
            ]
        )
        for k in order[:CLASSES_SHOWN].tolist()
    ]
    more = len(order) - len(rows)
    head = html.Tr([html.Th(text, scope="col") for text in ("class", "right", "points", "logit")])
    return html.Div(
        [
            html.Table([html.Thead(head), html.Tbody(rows)], className="ce-figures"),
            *([html.P(f"and {more:,} classes that lose less", className="ce-more")] if more else []),
        ]
    )


def _changes(detail: AblationDetail) -> list[Component]:
    """Return the answers that are given more often than before, most gained first."""
    gained = detail.effect.confusion_after - detail.effect.confusion_before
    best = np.argsort(-gained, axis=None, kind="stable")[:CHANGES_SHOWN]
    texts = []
    for row, column in zip(*np.unravel_index(best, gained.shape), strict=True):
        if gained[row, column] > 0:
            label = detail.class_names[detail.effect.classes[row]]
            answer = output_name(detail, int(detail.effect.outputs[column]))
            texts.append(f"{label} → {answer} +{gained[row, column]}")
    return [html.P("; ".join(texts), className="ce-more")] if texts else []


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
