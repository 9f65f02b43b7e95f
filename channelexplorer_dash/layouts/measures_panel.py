"""The panel of all measures: layers × measures, and which classes come apart where."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.choices import Measure
from channelexplorer_dash.core.arrays import DoubleArray
from channelexplorer_dash.core.steps import DECIDABLE, STEP_MEASURES, decidable_from
from channelexplorer_dash.layouts.attributes import aria, data
from channelexplorer_dash.layouts.controls import select
from channelexplorer_dash.layouts.head import head_section
from channelexplorer_dash.layouts.measures import MEASURES, figure_text, short_number
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.results.layers import ComingApart, LayerFigure, MeasureMatrix, StepMatrix

MEASURES_LINE = "all"
"""The panel has one status line; its ids have the same keys as those of a layer's panel."""
TABLE, APART, STEPS = "table", "apart", "steps"
TABS = {TABLE: "Layers × measures", APART: "Which classes come apart where", STEPS: "Layers × timesteps"}
_STEPS = 5


def measures_panel(*, stepped: bool = False) -> Component:
    """Return the closed panel, empty; with a tab for timesteps where the dataset has some."""
    closed: Component = dbc.Modal(
        [
            dbc.ModalHeader(dbc.ModalTitle("How far the classes are apart"), close_button=True),
            dbc.ModalBody(
                [
                    dbc.Tabs(
                        [
                            dbc.Tab(label=label, tab_id=name)
                            for name, label in TABS.items()
                            if stepped or name != STEPS
                        ],
                        id=ids.MEASURES_TAB,
                        active_tab=TABLE,
                    ),
                    status_line("measures", MEASURES_LINE, "Computing the measures of all layers"),
                    html.Div(
                        select(
                            ids.STEPS_MEASURE,
                            "Measure",
                            [(name, help_.name) for name, help_ in MEASURES.items() if name in STEP_MEASURES],
                            "knn",
                        ),
                        id=ids.STEPS_CHOICE,
                        className="ce-steps-choice",
                        hidden=True,
                    ),
                    html.Div(id=ids.MEASURES_TABLE, className="ce-measures"),
                    html.Div(
                        [
                            dcc.Graph(
                                id=ids.APART_GRAPH,
                                config={"displayModeBar": False, "responsive": True},
                                responsive=True,
                                className="ce-apart-graph",
                            ),
                            html.Div(id=ids.APART_NOTE, className="ce-apart-note"),
                        ],
                        className="ce-apart",
                    ),
                    head_section(),
                ]
            ),
        ],
        id=ids.MEASURES_PANEL,
        size="xl",
        is_open=False,
        scrollable=True,
        className="ce-measures-panel",
    )
    return closed


def measure_table(matrix: MeasureMatrix) -> list[Component]:
    """Return the layers × measures table: each column shaded from its worst to its best layer."""
    head = html.Tr(
        [
            html.Th("Layer", scope="col"),
            *[html.Th(_column(measure), scope="col") for measure in matrix.figures],
        ]
    )
    shaded = {measure: shades(measure, rows) for measure, rows in matrix.figures.items()}
    rows = [
        html.Tr(
            [
                html.Th(layer.name, scope="row", title=layer.name),
                *[
                    html.Td(_cell(measure, figures[i], shaded[measure][i]))
                    for measure, figures in matrix.figures.items()
                ],
            ]
        )
        for i, layer in enumerate(matrix.layers)
    ]
    return [
        html.P(
            "Each column is shaded from its worst layer to its best. Click a number to open the layer; the "
            "head of a column says what it is.",
            className="ce-more",
        ),
        html.Div(
            html.Table([html.Thead(head), html.Tbody(rows)], className="ce-measure-table"),
            className="ce-scroll",
        ),
    ]


def _column(measure: Measure) -> Component:
    text = MEASURES[measure]
    arrow = {"higher": " ↑", "lower": " ↓", "neither": ""}[text.better]
    return html.Abbr(
        text.short + arrow,
        title=f"{text.name}: {text.shows}\n{text.formula}\n{text.direction.capitalize()}.",
        tabIndex="0",
    )


def shades(measure: Measure, rows: tuple[LayerFigure, ...]) -> list[int | None]:
    """Return how good each layer is in its column, 0 to 5; None where nothing is known."""
    sign = {"higher": 1.0, "lower": -1.0, "neither": 0.0}[MEASURES[measure].better]
    known = [sign * row.value for row in rows if row.value is not None]
    low, width = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    return [
        None if row.value is None else round(_STEPS * (sign * row.value - low) / width) if width else 0
        for row in rows
    ]


def _cell(measure: Measure, row: LayerFigure, shade: int | None) -> Component:
    said = f"{row.layer.name}: {figure_text(measure, row)}"
    return html.Button(
        short_number(row.value),
        className="ce-cell" + ("" if shade is None else f" is-shade-{shade}"),
        type="button",
        title=said,
        **aria(label=f"{said}. Opens the layer."),
        **data(layer=row.layer.name),
    )


def steps_note(found: StepMatrix) -> list[Component]:
    """Return what the map of layers × timesteps means, and where the classes come apart first."""
    text = MEASURES[found.measure]
    told = (
        "A layer that is told the class, by an embedding, knows it at every timestep; one before that has to "
        "see it in the state."
    )
    said = f"Each cell is the {text.name} of a layer, among the states of one timestep alone. "
    if found.measure == "knn":
        said = (
            "Each cell is how well a layer tells the classes at one timestep, among the states of that "
            f"timestep alone: the share of states whose {found.neighbours} nearest others (cosine distance "
            "of the activation summaries) vote for their own class. "
        )
    guess = f"; guessing reaches {found.chance:.2f}" if text.share else f"; {text.direction}"
    parts: list[Component] = [
        html.P(f"{said}Noise is on the left, the image on the right{guess}. {told}"),
        *([] if found.measure == "knn" else [html.P(f"{text.shows} {text.formula}", className="ce-formula")]),
    ]
    if not text.share:
        return parts
    first = [
        f"{layer.name}: {_decidable(found, row)}"
        for layer, row in zip(found.layers, found.values, strict=True)
    ]
    title = html.H3(f"First timestep with at least {DECIDABLE:.0%}", className="ce-help-title")
    return [*parts, title, html.Ul([html.Li(line) for line in first])]


def _decidable(found: StepMatrix, row: DoubleArray) -> str:
    at = decidable_from(row)
    return "at none" if at is None else f"timestep {found.timesteps[at]}"


def apart_note(found: ComingApart) -> list[Component]:
    """Return what the map means, and the pairs that come apart last."""
    names = [found.class_names[label] for label in found.classes.tolist()]
    shown = (
        f" The {len(names)} of {found.of:,} classes that come apart last are shown."
        if len(names) < found.of
        else ""
    )
    return [
        html.P(
            "The colour of a cell is the first layer from which on two classes stay apart: at least "
            f"{found.threshold:.0%} of their images, both classes counting alike, are nearer to the mean of "
            "their own class than to the other's (each left out of its own mean). On the diagonal it is the "
            f"class among all.{shown}"
        ),
        html.H3("Come apart last" if found.hardest else "", className="ce-help-title"),
        html.Ol([html.Li(_pair(found, names, first, second)) for first, second in found.hardest]),
    ]


def _pair(found: ComingApart, names: list[str], first: int, second: int) -> str:
    depth = int(found.depth[first, second])
    where = f"at {found.layers[depth].name}" if depth < len(found.layers) else "nowhere"
    return f"{names[first]} and {names[second]}: {where}; {found.accuracy[first, second]:.2f} at the end"
