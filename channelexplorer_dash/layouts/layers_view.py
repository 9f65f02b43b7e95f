"""Layers: the depth profile, as a list of buttons that open panels."""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.controls import segmented
from channelexplorer_dash.layouts.status import status_line, waiting
from channelexplorer_dash.layouts.text import shape_text
from channelexplorer_dash.results import LayerFigure, Profile
from channelexplorer_dash.selection import Granularity

PROFILE_LINE = "all"
"""The profile has one status line; its ids have the same keys as those of a panel."""
GRANULARITIES = (("stage", "Stages"), ("block", "Blocks"), ("leaf", "Leaves"))


def layers_view(granularity: Granularity) -> Component:
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
        className="ce-section ce-layers",
        **aria(label="Layers"),
    )


def profile_rows(profile: Profile) -> list[Component]:
    """Return one button per layer, in execution order: name, channels, bar and accuracy."""
    return [_row(row, profile.chance) for row in profile.rows]


def profile_status(profile: Profile) -> list[Component]:
    """Return the line above the profile: what the bars are, and how many are known."""
    known = sum(row.accuracy is not None for row in profile.rows)
    asked = profile.voters < profile.images
    among = f", {profile.voters:,} of {profile.images:,} images asked" if asked else ""
    share = "" if known == len(profile.rows) else f"{known} of {len(profile.rows)} known, "
    return [
        html.Span(f"kNN accuracy, k = {profile.neighbours}{among}"),
        html.Span(f"{share}chance {profile.chance:.2f}", className="ce-count"),
    ]


def _row(row: LayerFigure, chance: float) -> Component:
    layer, accuracy = row.layer, row.accuracy
    number = "–" if accuracy is None else f"{accuracy:.2f}"
    facts = f"{layer.name}: {layer.kind}, {shape_text(layer)}"
    spread = f" ± {row.standard_error:.3f}" if row.standard_error else ""
    said = (
        "accuracy not known yet"
        if accuracy is None
        else f"kNN accuracy {accuracy:.3f}{spread}, chance {chance:.3f}"
    )
    warned = f"; {row.non_finite:,} values were not finite" if row.non_finite else ""
    return html.Button(
        [
            html.Span([html.Span(layer.name, className="ce-layer-path")], className="ce-layer-name"),
            html.Span(f"{layer.channels:,}", className="ce-layer-channels"),
            html.Span(
                html.Span(className="ce-bar-fill", style={"width": f"{100 * (accuracy or 0.0):.1f}%"}),
                className="ce-bar" + (" is-unknown" if accuracy is None else ""),
            ),
            html.Span(number, className="ce-layer-figure" + (" has-warning" if row.non_finite else "")),
        ],
        id=ids.part("layers", "row", layer.name),
        className="ce-layer",
        title=f"{facts}\n{said}{warned}",
        type="button",
        **aria(pressed="false", label=f"{facts}; {said}{warned}. Opens a panel."),
    )
