"""The Dataset View: which classes take part, how many images of each, and a look at them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.filtering import FilterColumn, filter_columns, ticked, written
from channelexplorer_dash.figures.theme import class_colours
from channelexplorer_dash.layouts.attributes import aria, data
from channelexplorer_dash.layouts.inspector import thumbnail_button
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.selection import Only, View

FILTER_FROM_CLASSES = 12
SAMPLE_IMAGES = 24


def dataset_view(view: View, dataset: Dataset, sample: Sample, licence: str) -> Component:
    """Return the Dataset View of a dataset, with the classes and the draw of ``view`` filled in."""
    names = dataset.class_names
    chosen = list(range(len(names))) if view.classes is None else list(view.classes)
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Dataset View"),
                    html.Span(
                        _extent(len(sample.image_ids), len(dataset)),
                        className="ce-count",
                        title=licence,
                    ),
                ],
                className="ce-section-head",
            ),
            html.Div(
                [
                    html.Span("Classes", className="ce-label"),
                    html.Button("all", id=ids.CLASSES_ALL, className="ce-link", type="button"),
                    html.Button("none", id=ids.CLASSES_NONE, className="ce-link", type="button"),
                ],
                className="ce-row",
            ),
            _filter(len(names)),
            html.Div(
                dbc.Checklist(
                    id=ids.CLASSES,
                    options=[{"value": label, "label": name} for label, name in enumerate(names)],
                    value=chosen,
                    className="ce-classes",
                ),
                **_beside_classes(dataset),
            ),
            *row_filter(view, filter_columns(dataset)),
            html.Div(
                [
                    _number(ids.PER_CLASS, "Per class", "Images per class", view.per_class or None, "all", 1),
                    _number(ids.SEED, "Seed", "Seed of the draw", view.seed, "0", 0),
                    html.Button("Apply", id=ids.APPLY, className="ce-button ce-primary", type="button"),
                ],
                className="ce-draw",
            ),
            html.Div(id=ids.DATASET_IMAGES, className="ce-thumbs ce-sample"),
            html.Div(id=ids.DATASET_NOTES),
        ],
        className="ce-section ce-dataset",
        **aria(label="Dataset View"),
    )


def row_filter(view: View, columns: Sequence[FilterColumn]) -> list[Component]:
    """Return the choice of rows by further columns, folded while all take part; nothing without columns."""
    if not columns:
        return []
    chosen = {one.column: one for one in view.only}
    named = ", ".join(column.name for column in columns)
    return [
        html.Details(
            [
                html.Summary(
                    [html.Span("Only some rows", className="ce-label"), f" by {named}"],
                    title=f"Choose rows by {named}, then Apply",
                ),
                *[_column(column, chosen.get(column.name)) for column in columns],
            ],
            open=bool(view.only),
            className="ce-only",
        )
    ]


def sample_preview(sample: Sample) -> list[int]:
    """Return image ids that stand for the sample: the same number of each class, at most 24 in all."""
    classes = np.unique(sample.labels)
    each = max(1, SAMPLE_IMAGES // max(len(classes), 1))
    firsts = [sample.image_ids[sample.labels == label][:each] for label in classes[:SAMPLE_IMAGES]]
    return [int(image_id) for image_id in np.concatenate(firsts)] if firsts else []


def preview(view: View, rows: Sequence[ImageRow], urls: Urls) -> list[Component]:
    """Return the thumbnails of the Dataset View."""
    return [thumbnail_button(view, row, urls) for row in rows]


def notes(lines: Sequence[str]) -> list[Component]:
    """Return the notes on images that were left out, folded."""
    if not lines:
        return []
    count = f"{len(lines):,} note" + ("s" if len(lines) > 1 else "")
    return [
        html.Details(
            [
                html.Summary(f"{count} on images left out"),
                html.Ul([html.Li(line) for line in lines[:200]]),
            ],
            className="ce-notes",
        )
    ]


def _column(column: FilterColumn, only: Only | None) -> Component:
    """Return what rows are chosen by in one column: values to tick, or ranges to write."""
    part = ids.part("only", "values", column.name)
    field: Component = (
        dbc.Checklist(
            id=part,
            options=[{"value": value, "label": value} for value in column.values],
            value=list(column.values if only is None else ticked(column, only)),
            inline=True,
            className="ce-only-values",
        )
        if column.values
        else dbc.Input(
            id=part,
            type="text",
            value="" if only is None else written(only),
            placeholder=f"all of {column.low}–{column.high}, such as {column.low}–{column.low + 4}"
            if column.low is not None
            else "",
            size="sm",
            className="ce-input",
        )
    )
    return html.Label([html.Span(column.name, className="ce-label"), field], className="ce-only-column")


def _extent(drawn: int, of: int) -> str:
    return f"{of:,} images" if drawn == of else f"{drawn:,} of {of:,}"


def _beside_classes(dataset: Dataset) -> dict[str, Any]:
    """Return the colours and counts that the page's script puts beside the names.

    As components of their own, those of a thousand classes would cost every update of the page seconds.
    """
    count = len(dataset.class_names)
    counts = np.bincount(dataset.labels, minlength=count).tolist()
    return data(colours=json.dumps(class_colours(count)), counts=json.dumps(counts))


def _filter(classes: int) -> Component:
    box: Component = dbc.Input(
        id=ids.CLASS_FILTER,
        type="search",
        placeholder=f"Find one of {classes:,} classes",
        size="sm",
        className="ce-input" if classes >= FILTER_FROM_CLASSES else "d-none",
    )
    return box


def _number(
    component_id: str, label: str, title: str, value: int | None, placeholder: str, least: int
) -> Component:
    return html.Label(
        [
            html.Span(label, className="ce-label"),
            dbc.Input(
                id=component_id,
                type="number",
                min=least,
                step=1,
                value=value,
                placeholder=placeholder,
                size="sm",
                className="ce-input",
            ),
        ],
        className="ce-field ce-stacked",
        title=title,
    )
