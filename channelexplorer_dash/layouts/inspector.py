"""The Inspector: the marked images, the channel and the pair that are looked at."""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria, marks_channel, marks_image
from channelexplorer_dash.layouts.contributions import ablate_buttons, ablation_parts, contrast_parts
from channelexplorer_dash.layouts.controls import Choice
from channelexplorer_dash.layouts.icons import icon
from channelexplorer_dash.layouts.overlays import overlaid
from channelexplorer_dash.layouts.status import waiting
from channelexplorer_dash.layouts.text import percent
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.channels import ChannelDetail
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.results.views import PairDetail
from channelexplorer_dash.selection import ChannelMark, View

CHIPS_SHOWN = 40
DECIDED = {"keep": "label kept", "relabel": "relabelled", "flag": "flagged"}
SIGNS = {"keep": "✓", "relabel": "→", "flag": "!"}


def inspector(
    poll_milliseconds: int,
    classes: Sequence[Choice],
    review: Component,
    new_images: Component,
    *,
    told_apart: bool,
) -> Component:
    """Return the Inspector, empty; the callbacks fill it as soon as something is marked.

    ``review`` and ``new_images`` are its parts with the labels to review and with new images; the card of
    two groups is open where a link has ``told_apart`` some.
    """
    return html.Aside(
        [
            review,
            new_images,
            html.Div(id=ids.PAIR_CARD),
            *ablation_parts(),
            html.Div(id=ids.CHANNEL_CARD),
            *contrast_parts(classes, is_open=told_apart),
            html.Div(nothing_marked(), id=ids.GALLERY),
            dcc.Interval(id=ids.PAIR_TICK, interval=poll_milliseconds, max_intervals=0),
            dcc.Interval(id=ids.CHANNEL_TICK, interval=poll_milliseconds, max_intervals=0),
        ],
        id=ids.INSPECTOR,
        className="ce-inspector",
        **aria(label="Inspector"),
    )


def nothing_marked() -> list[Component]:
    """Return what the Inspector says while no image is marked."""
    return [
        html.Div([html.H2("Inspector")], className="ce-section-head"),
        html.Div(
            [
                icon("lasso"),
                html.P("Nothing is marked."),
                html.Ul(
                    [
                        html.Li("Draw a lasso or a box in a scatterplot, or click a point."),
                        html.Li("Click a cell of a Jaccard matrix, or a node of its tree."),
                        html.Li("Click a row of a heatmap to look at its channel."),
                    ]
                ),
            ],
            className="ce-empty",
        ),
    ]


def gallery(view: View, rows: Sequence[ImageRow], total: int, urls: Urls) -> list[Component]:
    """Return the marked images: thumbnail, label, prediction (a wrong one is marked) and confidence."""
    wrong = sum(row.correct is False for row in rows)
    facts = [html.Span(f"{total:,} marked", className="ce-count")]
    if wrong:
        facts.append(html.Span(f"{wrong:,} of {len(rows):,} shown are wrong", className="ce-wrong-count"))
    head = html.Div([html.H2("Images"), *facts], className="ce-section-head")
    more = [html.P(f"The first {len(rows):,} are shown. Export gives all.", className="ce-more")]
    return [
        head,
        html.Div(
            [thumbnail_button(view, row, urls, with_text=True) for row in rows],
            className="ce-thumbs ce-gallery",
        ),
        *(more if total > len(rows) else []),
    ]


def thumbnail_button(view: View, row: ImageRow, urls: Urls, *, with_text: bool = False) -> Component:
    """Return one image as a button that marks it."""
    wrong = row.correct is False
    said = f"{row.source}: {row.label_name}"
    if row.decision is not None:
        said += f", {DECIDED[row.decision]} {row.decided_label or ''}".rstrip() + f" by {row.decided_by}"
    if row.prediction_name is not None:
        said += f", predicted {row.prediction_name}"
        said += f" ({percent(row.confidence)})" if row.confidence is not None else ""
    return html.Button(
        [
            html.Img(
                src=urls.thumbnail(view.dataset, row.image_id),
                alt=row.label_name,
                className="ce-thumb",
            ),
            *decision_mark(row),
            *([_caption(row, wrong)] if with_text else []),
        ],
        className="ce-image" + (" is-wrong" if wrong else ""),
        title=said,
        type="button",
        **aria(label=f"{said}. Marks this image."),
        **marks_image(row.image_id),
    )


def decision_mark(row: ImageRow) -> list[Component]:
    """Return the sign of what was decided about an image's label, or nothing."""
    if row.decision is None:
        return []
    what = f"{DECIDED[row.decision]} {row.decided_label or ''}".rstrip()
    return [html.Span(SIGNS[row.decision], className=f"ce-decision is-{row.decision}", title=what)]


def channel_card(
    view: View, detail: ChannelDetail, figure: object, rows: Sequence[ImageRow], urls: Urls
) -> Component:
    """Return the card of a channel: its distribution per class, and its most activating images, overlaid."""
    mark = ChannelMark(detail.layer.name, detail.channel)
    return html.Section(
        [
            html.Div(
                [
                    html.H2(f"Channel {detail.channel}"),
                    html.Span(detail.layer.name, className="ce-tag"),
                ],
                className="ce-section-head",
            ),
            dcc.Graph(
                id=ids.part("channel", "graph", detail.layer.name),
                figure=figure,
                config={"displayModeBar": False, "responsive": True},
                responsive=True,
                className="ce-distribution",
            ),
            html.P("Most activating images, with the channel laid over them", className="ce-label"),
            html.Div(
                [overlaid(view, mark, row, urls) for row in rows],
                className="ce-thumbs ce-top-images",
            ),
            ablate_buttons("channel", detail.layer.name, [detail.channel], "Ablate"),
        ],
        className="ce-card",
        **aria(label=f"Channel {detail.channel} of {detail.layer.name}"),
    )


def pair_card(view: View, detail: PairDetail, rows: Sequence[ImageRow], urls: Urls) -> Component:
    """Return the card of a pair of images: both, their similarity, and their channels."""
    first, second = rows
    layer = detail.layer.name
    return html.Section(
        [
            html.Div([html.H2("Pair"), html.Span(layer, className="ce-tag")], className="ce-section-head"),
            html.Div(
                [
                    thumbnail_button(view, first, urls, with_text=True),
                    html.Div(
                        [
                            html.Span(f"{detail.similarity:.2f}", className="ce-pair-figure"),
                            html.Span("Jaccard", className="ce-label"),
                        ],
                        className="ce-pair-similarity",
                    ),
                    thumbnail_button(view, second, urls, with_text=True),
                ],
                className="ce-pair",
            ),
            _channels(layer, "shared", "Shared channels", detail.shared.tolist()),
            *(
                [ablate_buttons("pair", layer, detail.shared.tolist(), "Ablate shared")]
                if len(detail.shared)
                else []
            ),
            _channels(layer, "first", "Only in the first", detail.only_first.tolist()),
            _channels(layer, "second", "Only in the second", detail.only_second.tolist()),
        ],
        className="ce-card",
        **aria(label=f"Pair of images in {layer}"),
    )


def pending_card(title: str, label: str) -> Component:
    """Return a card whose content is being computed."""
    return html.Section(
        [html.Div(html.H2(title), className="ce-section-head"), waiting(f"{label} …")], className="ce-card"
    )


def failed_card(title: str, message: str) -> Component:
    """Return a card whose content could not be computed."""
    return html.Section(
        [
            html.Div(html.H2(title), className="ce-section-head"),
            html.P(message, className="ce-error-text", role="alert"),
        ],
        className="ce-card",
    )


def _caption(row: ImageRow, wrong: bool) -> Component:
    """Return label and prediction, a line each: one component, as there are many images."""
    said = row.label_name
    if row.prediction_name is not None:
        sure = f" {percent(row.confidence)}" if row.confidence is not None else ""
        mark = "✗ " if wrong else "✓ " if row.correct else ""
        said += f"\n{mark}{row.prediction_name}{sure}"
    return html.Span(said, className="ce-image-caption")


def _channels(layer: str, group: str, title: str, channels: Sequence[int]) -> Component:
    more: list[Component] = [html.Span(f"and {len(channels) - CHIPS_SHOWN:,} more", className="ce-count")]
    chips: list[Component] = [
        html.Button(
            str(channel),
            className=f"ce-chip is-{group}",
            type="button",
            **aria(label=f"Look at channel {channel}"),
            **marks_channel(layer, channel),
        )
        for channel in channels[:CHIPS_SHOWN]
    ]
    return html.Div(
        [
            html.P([title, html.Span(f"{len(channels):,}", className="ce-count")], className="ce-label"),
            html.Div(
                chips + more if len(channels) > CHIPS_SHOWN else chips,
                className="ce-chips",
            ),
        ],
        className="ce-channels",
    )
