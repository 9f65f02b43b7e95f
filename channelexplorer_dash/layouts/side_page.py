"""Two models side by side: two frames, each with the panels of one, under one line of controls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.two_models import LayerMap
from channelexplorer_dash.layouts.attributes import aria, data
from channelexplorer_dash.layouts.controls import COLOURS, PROJECTIONS, SORTINGS, action, brand, select
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.page import further_columns
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.selection import MAX_QUERY_CHARACTERS, Marks, Selection, View

LINE = "all"
Two = tuple[ModelDescription, ModelDescription]


def side_page(explorer: Explorer, selection: Selection, urls: Urls) -> Component:
    """Return the page of two models, whose frames come when both are described.

    Raises
    ------
    SelectionError, UnknownNameError
        If no second model is named, or the two cannot be given the same images.
    """
    if not selection.compare:
        raise SelectionError(
            "The link names no second model. Choose one under Compare with, and press Side by side there."
        )
    explorer.two_models.views(selection.view, selection.compare)
    columns = further_columns(explorer.dataset(selection.view.dataset))
    return html.Div(
        [
            dcc.Store(id=ids.JOB_CONTROL),
            dcc.Store(id=ids.SIDE, data=selection.to_query()),
            dcc.Store(id=ids.SIDE_TOLD),
            _header(selection, columns, urls),
            status_line("side", LINE, "Reading both models"),
            html.Main(id=ids.SIDE_BODY, className="ce-side"),
        ],
        className="ce-side-page",
        **data(poll=str(explorer.settings.poll_milliseconds), query_limit=str(MAX_QUERY_CHARACTERS)),
    )


def _header(selection: Selection, columns: Sequence[str], urls: Urls) -> Component:
    looks = (
        ("colour_by", "Colour by", (*COLOURS, *((name, name) for name in columns))),
        ("projection", "Projection", PROJECTIONS),
        ("sorting", "Sort by", SORTINGS),
    )
    plain = Selection(View(selection.view.model, selection.view.dataset))
    return html.Header(
        [
            brand(urls),
            html.H1("Side by side"),
            html.Span(selection.view.dataset, className="ce-tag", title="Dataset"),
            help_button("side"),
            html.Div(
                [
                    select(ids.part("side", "look", name), label, choices, getattr(selection, name))
                    for name, label, choices in looks
                ],
                className="ce-header-controls",
                **data(plain=json.dumps({name: getattr(plain, name) for name, *_ in looks})),
            ),
            html.Div(
                [
                    html.A(
                        "Back to the comparison",
                        id=ids.SIDE_BACK,
                        href=urls.page(replace(selection, show="page", beside="").to_query()),
                        className="ce-button",
                    ),
                    html.Span(className="ce-rule"),
                    action(ids.SIDE_UNDO, "undo", "Undo the last marking (Ctrl+Z)"),
                    action(ids.SIDE_CLEAR, "clear", "Clear what is marked (Esc)"),
                    html.Span(className="ce-rule"),
                    action(ids.SHARE, "share", "Copy a link to exactly this view"),
                    action(ids.THEME_TOGGLE, "theme", "Light or dark"),
                    html.Span(id=ids.SHARED, className="ce-shared", role="status"),
                ],
                className="ce-actions",
            ),
        ],
        className="ce-header ce-side-header",
    )


def halves(selection: Selection, described: Two, layers: tuple[Layer, Layer], urls: Urls) -> list[Component]:
    """Return both halves: whose layer it is, a choice of another, and the frame with its panel."""
    own = replace(selection, show="panels", beside="")
    other = replace(
        own,
        view=replace(own.view, model=selection.compare),
        compare=own.view.model,
        marks=Marks(own.marks.images),
    )
    known = [_choices(selection, *side) for side in zip(described, layers, strict=True)]
    alike = [
        html.Span(id=ids.SIDE_ALIKE, className="ce-count ce-side-alike", role="status"),
        status_line("alike", LINE, "Comparing all layers"),
    ]
    return [
        _half(own, layers[0], known[0], ids.SIDE_FIRST, [], urls),
        _half(other, layers[1], known[1], ids.SIDE_SECOND, alike, urls),
    ]


def _choices(selection: Selection, described: ModelDescription, chosen: Layer) -> list[tuple[str, str]]:
    shown = described.at(selection.granularity)
    return [(layer.name, layer.name) for layer in described.layers if layer in shown or layer == chosen]


def _half(
    selection: Selection,
    layer: Layer,
    choices: Sequence[tuple[str, str]],
    component_id: str,
    beside: Sequence[Component],
    urls: Urls,
) -> Component:
    model = selection.view.model
    address = urls.page(replace(selection, layers=(layer.name,)).to_query())
    return html.Section(
        [
            html.Div(
                [
                    html.H2(model, title=model),
                    select(component_id, "Layer", choices, layer.name),
                    *beside,
                ],
                className="ce-side-head",
            ),
            html.Iframe(
                src=address,
                # A frame that is sent to another address makes a step of the history; a new one does not.
                key=address,
                title=f"The views of {model} on {selection.view.dataset}",
                className="ce-side-frame",
            ),
        ],
        className="ce-side-half",
        **aria(label=f"Model {model}"),
    )


def alike_text(first: str, second: str, known: LayerMap | None = None) -> str:
    """Return whether two layers have the same name and, once it is known, how alike they are."""
    said = ["same name"] if first and first == second else []
    if known and (cka := known.of(first, second)) is not None:
        best = known.most_alike(first)
        said += ["the most alike"] if second == best else []
        said.append(f"CKA {cka:.2f}" if second == best else f"CKA {cka:.2f}; the most alike is {best}")
    return ", ".join(said)
