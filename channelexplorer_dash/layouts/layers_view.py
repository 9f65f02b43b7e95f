"""Layers: the depth profile, as a list of buttons that open panels."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.choices import Granularity, LayersAs, Measure
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.controls import segmented
from channelexplorer_dash.layouts.help import help_button
from channelexplorer_dash.layouts.measures import (
    MEASURES,
    BarScale,
    bar_scale,
    figure_text,
    measure_choice,
    short_number,
)
from channelexplorer_dash.layouts.status import status_line, waiting
from channelexplorer_dash.layouts.text import shape_text
from channelexplorer_dash.results.layers import LayerFigure, Profile

PROFILE_LINE = "all"
"""The profile has one status line; its ids have the same keys as those of a panel."""
WAYS = (("list", "List"), ("graph", "Graph"))
GRANULARITIES = (("stage", "Stages"), ("block", "Blocks"), ("leaf", "Leaves"))


def layers_view(granularity: Granularity, layers_as: LayersAs, measure: Measure) -> Component:
    """Return the empty Layers view; :func:`profile_rows` fills it as soon as the model is described."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Layers"),
                    segmented(ids.GRANULARITY, "", GRANULARITIES, granularity),
                ],
                className="ce-section-head",
            ),
            html.Div(
                [
                    segmented(ids.LAYERS_AS, "", WAYS, layers_as),
                    help_button("flow"),
                    html.Label(
                        [
                            html.Span("Size", className="ce-label"),
                            dbc.Input(
                                id=ids.FLOW_ZOOM,
                                type="range",
                                min=0.3,
                                max=1.5,
                                step=0.1,
                                value=1,
                                className="ce-range",
                            ),
                        ],
                        className="ce-field ce-flow-zoom",
                    ),
                    html.Button(
                        "Enlarge",
                        id=ids.FLOW_LARGE,
                        className="ce-link ce-flow-large",
                        type="button",
                        n_clicks=0,
                    ),
                ],
                className="ce-layers-as",
            ),
            measure_choice(measure),
            dbc.Input(
                id=ids.LAYER_FILTER,
                type="search",
                placeholder="Find a layer  ( / )",
                size="sm",
                className="ce-input",
            ),
            html.Div(id=ids.PROFILE_STATUS, className="ce-profile-status"),
            status_line("profile", PROFILE_LINE, "Computing the depth profile"),
            html.Div(waiting("Reading the model …"), id=ids.PROFILE, className="ce-profile"),
        ],
        id=ids.LAYERS_VIEW,
        className="ce-section ce-layers",
        **aria(label="Layers"),
    )


def profile_rows(profile: Profile) -> list[Component]:
    """Return one button per layer, in execution order: name, channels, bar and figure."""
    known = [row.value for row in profile.rows if row.value is not None]
    scale = bar_scale(profile.measure, known)
    return [_row(row, profile, scale) for row in profile.rows]


def profile_status(profile: Profile) -> list[Component]:
    """Return the line above the profile: what the bars are, and how many are known."""
    known = sum(row.value is not None or bool(row.why) for row in profile.rows)
    asked = profile.voters < profile.images
    among = f", by {profile.voters:,} of {profile.images:,} images" if asked else ""
    name = f"k = {profile.neighbours}" if profile.measure == "knn" else MEASURES[profile.measure].direction
    share = "" if known == len(profile.rows) else f"{known} of {len(profile.rows)} known"
    chance = "" if profile.chance is None else f"chance {profile.chance:.2f}"
    return [
        html.Span(f"{name}{among}"),
        html.Span(", ".join(filter(None, (share, chance))), className="ce-count"),
    ]


def _row(row: LayerFigure, profile: Profile, scale: BarScale) -> Component:
    layer, value = row.layer, row.value
    facts = f"{layer.name}: {layer.kind}, {shape_text(layer)}"
    said = figure_text(profile.measure, row)
    if value is not None and profile.chance is not None:
        said += f", chance {profile.chance:.3f}"
    warned = f"; {row.non_finite:,} values were not finite" if row.non_finite else ""
    return html.Button(
        [
            html.Span([html.Span(layer.name, className="ce-layer-path")], className="ce-layer-name"),
            html.Span(f"{layer.channels:,}", className="ce-layer-channels"),
            html.Span(_bar(row, scale), className="ce-bar" + (" is-unknown" if value is None else "")),
            html.Span(
                short_number(value), className="ce-layer-figure" + (" has-warning" if row.non_finite else "")
            ),
        ],
        id=ids.part("layers", "row", layer.name),
        className="ce-layer",
        title=f"{facts}\n{said}{warned}",
        type="button",
        **aria(pressed="false", label=f"{facts}; {said}{warned}. Opens a panel."),
    )


def _bar(row: LayerFigure, scale: BarScale) -> list[Component]:
    """Return the bar from 0 to the value, and the interval across its end."""
    bars: list[Component] = [html.Span(className="ce-bar-fill", style=scale.span(0.0, row.value or 0.0))]
    if row.low is not None and row.high is not None:
        bars.append(html.Span(className="ce-bar-interval", style=scale.span(row.low, row.high)))
    return bars
