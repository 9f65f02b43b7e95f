"""The scorecard of a layer: a table of all channels that is sorted, filtered and paged by the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.layouts.attributes import aria, marks_channel
from channelexplorer_dash.layouts.contributions import LINE
from channelexplorer_dash.layouts.controls import Choice, select
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.results.channels import ScorecardTable

ROWS = 25
CHANNEL, BEST_CLASS = "channel", "best_class"
CLASS_AUROC, CLASS_FREQUENCY = "class_auroc", "class_frequency"
EFFECT, ACCURACY_LOST = "effect", "accuracy_lost"
ANY = "any"
EFFECTS = "effects"
"""View of the status line of what is measured; its ids have the same keys as those of a panel."""
TITLES: Mapping[str, tuple[str, str]] = {
    CHANNEL: ("channel", "number of the channel"),
    "f": ("F", "one-way analysis of variance over the classes"),
    "eta_squared": ("η²", "share of the variance that the class explains"),
    "mutual_information": ("MI", "mutual information with the class, in bits"),
    "selectivity": ("selectivity", "class selectivity index"),
    BEST_CLASS: ("best class", "class that the channel tells best from the rest by being large"),
    "auroc": ("AUC", "of the best class against the rest"),
    CLASS_AUROC: ("class AUC", "of the chosen class against the rest"),
    CLASS_FREQUENCY: ("active", "share of the chosen class's images in whose active set the channel is"),
    EFFECT: (
        "effect",
        "mean drop of the logit of an image's own class, without the channel; over the chosen class's images",
    ),
    ACCURACY_LOST: (
        "accuracy lost",
        "drop of the share of right answers, without the channel; over the chosen class's images",
    ),
    "variance": ("variance", "over the images, normalised"),
    "pairwise": ("pairwise", "sum of the differences of class means"),
    "count": ("count", "sum of the differences of active frequencies"),
    "edge_weight": ("weight norm", "length of the channel's kernel"),
}


@dataclass(frozen=True)
class Look:
    """How the table is looked at; ``column`` sorts it, and ``label`` is the chosen class."""

    column: str = "f"
    falling: bool = True
    page: int = 0
    label: int | None = None
    best_only: bool = False
    least: float | None = None


def scorecard_panel(classes: Sequence[Choice], poll_milliseconds: int) -> Component:
    """Return the side panel that holds the table, closed and empty."""
    panel: Component = dbc.Offcanvas(
        [
            html.Div(
                [
                    select(ids.SCORECARD_CLASS, "Class", [(ANY, "all classes"), *classes], ANY),
                    dbc.Checkbox(id=ids.SCORECARD_BEST, label="best for it", value=False),
                    html.Label(
                        [
                            html.Span("At least", className="ce-label"),
                            dbc.Input(
                                id=ids.SCORECARD_LEAST,
                                type="number",
                                debounce=True,
                                step="any",
                                size="sm",
                                placeholder="any",
                                className="ce-input ce-least",
                            ),
                        ],
                        className="ce-field",
                        title="Of the column that the table is sorted by",
                    ),
                    html.Span(className="ce-fill"),
                    html.Button("CSV", id=ids.SCORECARD_EXPORT, className="ce-button", type="button"),
                    help_button("scorecard"),
                ],
                className="ce-row ce-scorecard-head",
            ),
            html.Div(
                [
                    html.Button(
                        "Measure the effect of every channel",
                        id=ids.SCORECARD_MEASURE,
                        className="ce-button ce-small-button",
                        type="button",
                    ),
                    select(ids.SCORECARD_FILL, "set to", [("zero", "zero"), ("mean", "its mean")], "zero"),
                    help_button("effects"),
                ],
                className="ce-row ce-scorecard-head",
            ),
            html.Div(
                status_line(EFFECTS, LINE, "Measuring the effect of every channel"),
                className="ce-card-status",
            ),
            html.Div(id=ids.SCORECARD_TABLE),
            dcc.Interval(id=ids.SCORECARD_TICK, interval=poll_milliseconds, max_intervals=0),
            dcc.Download(id=ids.SCORECARD_DOWNLOAD),
        ],
        id=ids.SCORECARD,
        title="Scorecard",
        placement="end",
        is_open=False,
        backdrop=False,
        scrollable=True,
        className="ce-scorecard",
    )
    return panel


def scorecard_table(table: ScorecardTable, look: Look, marked: int | None) -> list[Component]:
    """Return one page of the table, and what leads to the others."""
    columns = shown_columns(table, look.label)
    channels = shown_channels(table, look)
    pages = max(1, -(-len(channels) // ROWS))
    page = min(max(look.page, 0), pages - 1)
    head = html.Tr([_heading(name, look) for name in columns])
    longest = {name: _longest(values) for name, values in columns.items()}
    rows = [
        _row(table, channel, columns, longest, is_marked=channel == marked)
        for channel in channels[page * ROWS : (page + 1) * ROWS].tolist()
    ]
    found = f"{len(channels):,} of {table.layer.channels:,} channels"
    return [
        html.P(_measured(table, look.label), className="ce-more"),
        html.Div(
            html.Table([html.Thead(head), html.Tbody(rows)], className="ce-figures ce-scores"),
            className="ce-scores-frame",
        ),
        html.Div(
            [
                html.Span(found, className="ce-count"),
                html.Span(className="ce-fill"),
                _turn("previous", "‹", page > 0),
                html.Span(f"page {page + 1} of {pages}", className="ce-count"),
                _turn("next", "›", page + 1 < pages),
            ],
            className="ce-row ce-pager",
        ),
    ]


def shown_columns(table: ScorecardTable, label: int | None) -> dict[str, DoubleArray]:
    """Return the columns of the table in order, those of the chosen class among them."""
    columns: dict[str, Any] = {CHANNEL: np.arange(table.layer.channels), BEST_CLASS: table.best_class}
    columns |= dict(table.columns)
    at = np.flatnonzero(table.classes == label) if label is not None else np.zeros(0, np.int64)
    if len(at):
        columns[CLASS_AUROC] = table.class_auroc[:, at[0]]
        columns[CLASS_FREQUENCY] = table.class_frequency[:, at[0]]
    if (found := table.effects) is not None:
        own = np.flatnonzero(found.classes == label)
        if label is None:
            columns |= {EFFECT: found.effect, ACCURACY_LOST: found.accuracy_lost}
        elif len(own):
            columns[EFFECT] = found.class_effect[own[0]]
            columns[ACCURACY_LOST] = found.class_accuracy_lost[own[0]]
    return {name: np.asarray(columns[name], np.float64) for name in TITLES if name in columns}


def shown_channels(table: ScorecardTable, look: Look) -> IntArray:
    """Return the channels that pass the filters, sorted; of equal ones the lower number first."""
    columns = shown_columns(table, look.label)
    values = columns.get(look.column, columns[CHANNEL])
    kept = np.ones(len(values), np.bool_)
    if look.label is not None and look.best_only:
        kept &= table.best_class == look.label
    if look.least is not None:
        kept &= values >= look.least
    order = np.argsort(-values if look.falling else values, kind="stable")
    return order[kept[order]].astype(np.int64)


def _measured(table: ScorecardTable, label: int | None) -> str:
    """Say what the effects were measured on, or what measuring them takes."""
    if not table.effect_images:
        return "The model's outputs are not the dataset's classes: no effect can be measured."
    images = f"{table.of_images:,} images"
    if table.effect_images < table.of_images:
        images = f"{table.effect_images:,} of {table.of_images:,} images"
    set_to = "zero" if table.fill == "zero" else "its mean"
    if table.effects is None:
        return (
            f"Effects of channels set to {set_to} are not measured yet: what follows {table.layer.name} is "
            f"run once for each of {table.layer.channels:,} channels, on {images}."
        )
    says = f"Effects are of each channel alone set to {set_to}, measured on {images}"
    if label is None:
        return f"{says}."
    own = int(table.effects.counts[table.effects.classes == label].sum())
    return f"{says}, {own:,} of them of this class." if own else f"{says}, none of them of this class."


def _heading(name: str, look: Look) -> Component:
    title, says = TITLES[name]
    sorted_by = name == look.column
    arrow = (" ▾" if look.falling else " ▴") if sorted_by else ""
    direction = {"sort": "descending" if look.falling else "ascending"} if sorted_by else {}
    return html.Th(
        html.Button(
            title + arrow,
            id=ids.part("scorecard", "sort", name),
            className="ce-link",
            type="button",
            title=f"{says}: click to sort",
        ),
        scope="col",
        className="ce-name" if name == BEST_CLASS else "",
        **aria(**direction),
    )


def _row(
    table: ScorecardTable,
    channel: int,
    columns: Mapping[str, DoubleArray],
    longest: Mapping[str, float],
    *,
    is_marked: bool,
) -> Component:
    cells: list[Component] = []
    for name, values in columns.items():
        value = float(values[channel])
        if name == CHANNEL:
            continue
        if name == BEST_CLASS:
            cells.append(html.Td(table.class_names[int(value)], className="ce-name"))
            continue
        share = 100.0 if np.isinf(value) else 100 * max(value, 0.0) / longest[name]
        cells.append(html.Td(number(value), className="ce-score", style={"--ce-share": f"{share:.0f}%"}))
    button = html.Button(
        str(channel),
        className="ce-link",
        type="button",
        **aria(label=f"Look at channel {channel}"),
        **marks_channel(table.layer.name, channel),
    )
    return html.Tr(
        [html.Th(button, scope="row"), *cells],
        className="is-marked" if is_marked else "",
    )


def _longest(values: DoubleArray) -> float:
    return float(values.max(where=np.isfinite(values), initial=0.0)) or 1.0


def number(value: float) -> str:
    """Return a figure of the table in at most about five characters."""
    if np.isinf(value):
        return "∞"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


def _turn(where: str, text: str, possible: bool) -> Component:
    return html.Button(
        text,
        id=ids.part("scorecard", "turn", where),
        className="ce-button",
        type="button",
        disabled=not possible,
        **aria(label=f"{where} page"),
    )
