"""The panel that compares two models: what changed, which layers are alike, which channels match."""

from __future__ import annotations

from collections.abc import Sequence

import dash_bootstrap_components as dbc
import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.explorer.comparing import (
    Comparison,
    ConfusedPair,
    MatchedChannels,
    PairAccuracy,
)
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.layouts.attributes import aria, data, marks_channel, marks_group
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.measures import short_number
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.layouts.text import percent
from channelexplorer_dash.layouts.urls import Urls

LINE = "all"
CHANGED, LAYERS = "changed", "layers"
CLASSES_SHOWN, PAIRS_SHOWN, IMAGES_SHOWN, CHANNELS_SHOWN = 12, 6, 8, 40
_STEPS = 5


def compare_panel() -> Component:
    """Return the closed panel, empty."""
    closed: Component = dbc.Modal(
        [
            dbc.ModalHeader(
                [
                    dbc.ModalTitle("Two models", id=ids.COMPARE_TITLE),
                    help_button("compare"),
                    html.A(
                        "Side by side",
                        id=ids.COMPARE_SIDE,
                        href="",
                        className="ce-button ce-compare-side",
                        title="The panels of both models in one window, with the same images marked",
                    ),
                    html.A(
                        "In a second tab ↗",
                        id=ids.COMPARE_LINK,
                        href="",
                        target="_blank",
                        className="ce-link ce-compare-link",
                        title="The same layers and marked images, in a second tab. What is marked in one "
                        "of the two is marked in the other",
                    ),
                ],
                close_button=True,
            ),
            dbc.ModalBody(
                [
                    status_line("compare", LINE, "Comparing two models"),
                    dbc.Tabs(
                        [
                            dbc.Tab(
                                html.Div(id=ids.COMPARE_CHANGED, className="ce-compare-changed"),
                                label="What changed",
                                tab_id=CHANGED,
                            ),
                            dbc.Tab(_layers(), label="Layers and channels", tab_id=LAYERS),
                        ],
                        active_tab=CHANGED,
                    ),
                ]
            ),
        ],
        id=ids.COMPARE_PANEL,
        size="xl",
        is_open=False,
        scrollable=True,
        className="ce-measures-panel ce-compare-panel",
    )
    return closed


def _layers() -> Component:
    """Return the map of all layers, and beside it the channels of the two layers that are looked at."""
    return html.Div(
        [
            dcc.Graph(
                id=ids.COMPARE_MAP,
                config={"displayModeBar": False, "responsive": True},
                responsive=True,
                className="ce-apart-graph",
            ),
            html.Div(
                [
                    html.P("Click a cell to match the channels of its two layers."),
                    status_line("matching", LINE, "Matching channels"),
                    html.Div(id=ids.COMPARE_CHANNELS),
                ],
                className="ce-apart-note",
            ),
        ],
        className="ce-apart ce-compare-layers",
    )


def changed(found: Comparison, urls: Urls, dataset: str) -> list[Component]:
    """Return which classes changed, in which layers, and the pairs that are newly confused or resolved."""
    before, after = found.models
    first = found.class_names[int(found.classes[0])]
    most = (
        f"{first} changed most (score {found.score[0]:.2f})"
        if found.score[0] > 0
        else "No class changed in any way that is measured"
    )
    return [
        html.P([html.Strong(most), f", from {before} to {after}, on {found.images:,} images."]),
        html.Div(
            [
                html.Div([_class_table(found), _layer_table(found)], className="ce-scroll ce-compare-tables"),
                html.Div(
                    [
                        *_confused(f"Newly confused by {after}", found.confused, found, urls, dataset),
                        *_confused(f"Newly resolved by {after}", found.resolved, found, urls, dataset),
                        *_accuracies("Closer together at the last layer", found.closer, found.class_names),
                        *_accuracies("Further apart at the last layer", found.apart, found.class_names),
                    ],
                    className="ce-scroll ce-compare-pairs",
                ),
            ],
            className="ce-compare-columns",
        ),
    ]


def _class_table(found: Comparison) -> Component:
    head = ["Class", "Score", "Answers differ", "Right before", "Right after"]
    rows = []
    for position, label in enumerate(found.classes[:CLASSES_SHOWN].tolist()):
        shares = [None, None] if found.right is None else found.right[:, position].tolist()
        answers = None if found.answers is None else float(found.answers[position])
        cells = [f"{found.score[position]:.2f}", _share(answers), *map(_share, shares)]
        name = found.class_names[label]
        rows.append(html.Tr([html.Th(name, scope="row", title=name), *[html.Td(text) for text in cells]]))
    more = len(found.classes) - CLASSES_SHOWN
    return html.Section(
        [
            html.H3("Classes, those that changed most first", className="ce-help-title"),
            _table(head, rows),
            html.P(f"and {more:,} more classes" if more > 0 else "", className="ce-more"),
        ]
    )


def _layer_table(found: Comparison) -> Component:
    shown = min(len(found.classes), CLASSES_SHOWN)
    names = [found.class_names[label] for label in found.classes[:shown].tolist()]
    largest = float(np.abs(found.layer_change).max()) or 1.0
    rows = []
    for row, (i, j) in enumerate(found.beside):
        first, second = found.layers[0][i].name, found.layers[1][j].name
        name = first if first == second else f"{first} | {second}"
        before, after = found.knn[row]
        knn = None if before is None or after is None else after - before
        cells = [
            html.Td(_signed(value), className=f"ce-change is-{'less' if value < 0 else 'more'}-{step}")
            for value in found.layer_change[row, :shown].tolist()
            for step in [round(_STEPS * abs(value) / largest)]
        ]
        rows.append(html.Tr([html.Th(name, scope="row", title=name), html.Td(_signed(knn)), *cells]))
    return html.Section(
        [
            html.H3("Change of separability, layer by layer", className="ce-help-title"),
            _table(["Layer", "kNN", *names], rows),
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Component]) -> Component:
    cells = [html.Th(text, scope="col", title=text) for text in head]
    return html.Table([html.Thead(html.Tr(cells)), html.Tbody(list(rows))], className="ce-compare-table")


def _confused(
    title: str, pairs: tuple[ConfusedPair, ...], found: Comparison, urls: Urls, dataset: str
) -> list[Component]:
    if found.right is None:
        return []
    rows = [_confused_pair(pair, found.class_names, urls, dataset) for pair in pairs[:PAIRS_SHOWN]]
    more = f"and {len(pairs) - PAIRS_SHOWN:,} more pairs" if len(pairs) > PAIRS_SHOWN else ""
    return [
        html.H3(title, className="ce-help-title"),
        html.Div(rows or html.P("None.", className="ce-more")),
        html.P(more, className="ce-more"),
    ]


def _confused_pair(pair: ConfusedPair, class_names: tuple[str, ...], urls: Urls, dataset: str) -> Component:
    names = " and ".join(class_names[label] for label in pair.classes)
    images = pair.images.tolist()
    return html.Button(
        [
            html.Span([html.Strong(names), f" {len(images):,}"], className="ce-compare-pair-name"),
            html.Span(
                [
                    html.Img(src=urls.thumbnail(dataset, image), alt="", className="ce-thumb")
                    for image in images[:IMAGES_SHOWN]
                ],
                className="ce-compare-thumbs",
            ),
        ],
        className="ce-compare-pair ce-legend-pick",
        type="button",
        title="Mark these images",
        **aria(label=f"{names}: {len(images):,} images. Marks them."),
        **marks_group(encode_indices(images)),
    )


def _accuracies(title: str, pairs: tuple[PairAccuracy, ...], class_names: tuple[str, ...]) -> list[Component]:
    if not pairs:
        return []
    return [
        html.H3(title, className="ce-help-title"),
        html.Ol(
            [
                html.Li(
                    f"{' and '.join(class_names[label] for label in pair.classes)}: "
                    f"{pair.before:.3f} → {pair.after:.3f}"
                )
                for pair in pairs[:PAIRS_SHOWN]
            ]
        ),
    ]


def matched_list(found: MatchedChannels, link: str) -> list[Component]:
    """Return the matched channels of two layers, and the ways to open these; ``link`` opens the second."""
    first, second = found.layers
    size = np.abs(found.correlation)
    mean = f", mean |r| {size.mean():.2f}" if len(size) else ""
    rows = [
        html.Tr(
            [
                html.Td(
                    html.Button(
                        str(one),
                        className="ce-chip is-shared",
                        type="button",
                        **aria(label=f"Look at channel {one} of {first.name}"),
                        **marks_channel(first.name, one),
                    )
                ),
                html.Td(str(other)),
                html.Td(short_number(r)),
            ]
        )
        for one, other, r in zip(
            found.first[:CHANNELS_SHOWN].tolist(),
            found.second[:CHANNELS_SHOWN].tolist(),
            found.correlation[:CHANNELS_SHOWN].tolist(),
            strict=True,
        )
    ]
    return [
        html.P([html.Strong(f"{first.name} and {second.name}"), f": {len(size):,} matched channels{mean}."]),
        html.Div(
            [
                html.Button(
                    f"Open {first.name}",
                    className="ce-button ce-opens-layer",
                    type="button",
                    **data(layer=first.name),
                ),
                html.A(
                    f"Open {second.name} beside this page ↗",
                    href=link,
                    target="_blank",
                    className="ce-button",
                ),
            ],
            className="ce-compare-open",
        ),
        _table([first.name, second.name, "r"], rows),
        html.P(
            f"The {CHANNELS_SHOWN} most alike are shown." if len(size) > CHANNELS_SHOWN else "",
            className="ce-more",
        ),
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _signed(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")
