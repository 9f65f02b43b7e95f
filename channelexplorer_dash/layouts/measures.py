"""The separability measures in words: names, formulas, directions, and how their numbers are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.choices import Measure
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.layouts.controls import select
from channelexplorer_dash.results.layers import LayerFigure


@dataclass(frozen=True)
class MeasureHelp:
    """One measure: its name, a short one, what it says, its formula, and which way is better."""

    name: str
    short: str
    shows: str
    formula: str
    better: Literal["higher", "lower", "neither"] = "higher"
    share: bool = False

    @property
    def direction(self) -> str:
        """Which way is better, in words."""
        return {
            "higher": "higher is better",
            "lower": "lower is better",
            "neither": "0 is even",
        }[self.better]


MEASURES: dict[Measure, MeasureHelp] = {
    "knn": MeasureHelp(
        "kNN accuracy",
        "kNN",
        "How often an image's most similar other images vote for its own class.",
        "The share of images whose k nearest others, by cosine similarity, mostly have their label.",
        share=True,
    ),
    "thornton": MeasureHelp(
        "Thornton index",
        "1-NN",
        "How often the nearest other image is of the same class.",
        "The share of images whose nearest other image, by Euclidean distance, has their label.",
        share=True,
    ),
    "centroid": MeasureHelp(
        "Nearest class mean",
        "Mean",
        "How often an image is nearest to the mean of its own class: whether classes are compact balls.",
        "The share of images x with ‖x − μ of the own class, without x‖ below ‖x − μ‖ of each other class.",
        share=True,
    ),
    "probe": MeasureHelp(
        "Linear probe",
        "Probe",
        "How well a straight cut can read the classes off this layer.",
        "Accuracy of ridge regression to the classes, each image predicted by a fit without it; the penalty "
        "by generalised cross-validation; channels scaled to mean 0 and deviation 1.",
        share=True,
    ),
    "silhouette": MeasureHelp(
        "Silhouette",
        "Silh.",
        "How much nearer an image is to its own class than to the nearest other one: −1 to 1.",
        "Mean of (b − a) / max(a, b): a is the mean distance to the other images of the class, b the least "
        "mean distance to the images of another class.",
    ),
    "silhouette_squared": MeasureHelp(
        "Silhouette, squared distances",
        "Silh.²",
        "The silhouette with squared distances, which needs only class means and spreads: all images count.",
        "As the silhouette, with ‖x − y‖² as distance: its mean over a class is ‖x − μ‖² + the class spread.",
    ),
    "gdv": MeasureHelp(
        "Generalised discrimination value",
        "GDV",
        "0 where classes are mixed, towards −1 the better they are apart. It does not depend on the number "
        "of channels or their scale, so that layers can be compared.",
        "(mean distance within classes − mean distance between them) / √C, channels scaled to deviation ½.",
        "lower",
    ),
    "calinski_harabasz": MeasureHelp(
        "Calinski–Harabasz index",
        "CH",
        "How far the class means scatter, over how far images scatter about their class mean.",
        "(Σ n‖μ of class − μ‖² / (K − 1)) / (Σ ‖x − μ of class‖² / (N − K)).",
    ),
    "davies_bouldin": MeasureHelp(
        "Davies–Bouldin index",
        "DB",
        "How wide each class and its most confusable other are, over how far their means are apart.",
        "Mean over classes of the largest (radius + other radius) / distance of the means; a radius is the "
        "mean distance to the class mean.",
        "lower",
    ),
    "n2": MeasureHelp(
        "N2",
        "N2",
        "How far the nearest image of the own class is, compared with the nearest of another: ½ where "
        "classes are mixed, 0 where they are far apart.",
        "r / (1 + r), r = Σ distance to the nearest of the class / Σ distance to the nearest of another.",
        "lower",
    ),
    "nc1": MeasureHelp(
        "Neural collapse NC1",
        "NC1",
        "How much images still vary about their class mean, in the directions that tell classes apart. 0 "
        "once a network has collapsed.",
        "Tr(Σ within · pseudo-inverse of Σ between) / K.",
        "lower",
    ),
    "nc2": MeasureHelp(
        "Neural collapse NC2",
        "NC2",
        "How far the class means are from the widest equal angles. 0 once a network has collapsed.",
        "Mean over pairs of classes of |cos(angle of the centred means) + 1 / (K − 1)|.",
        "lower",
    ),
    "hubness": MeasureHelp(
        "Hubness",
        "Hubs",
        "Whether a few images are the neighbours of very many, which spoils neighbour votes. It says nothing "
        "of classes.",
        "Skewness, over the images, of how often each is among the 10 nearest of the others.",
        "neither",
    ),
}


@dataclass(frozen=True)
class BarScale:
    """The range of the bars of a profile."""

    low: float
    high: float

    def span(self, start: float, stop: float) -> dict[str, str]:
        """Return the style of what reaches from one value to another, in per cent of the range."""
        first, last = (100 * self._place(value) for value in sorted((start, stop)))
        return {"left": f"{first:.1f}%", "width": f"{last - first:.1f}%"}

    def _place(self, value: float) -> float:
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def bar_scale(measure: Measure, values: Sequence[float]) -> BarScale:
    """Return the range that holds 0 and all values; 0 to 1 for shares."""
    if MEASURES[measure].share or not values:
        return BarScale(0.0, 1.0)
    low, high = min(0.0, *values), max(0.0, *values)
    return BarScale(low, high) if high > low else BarScale(0.0, 1.0)


def short_number(value: float | None) -> str:
    """Return a number in at most five characters, or a dash."""
    if value is None:
        return "–"
    size = abs(value)
    if size < 10:
        return f"{value:.2f}".replace("-", "−")
    if size < 10_000:
        return f"{value:.0f}".replace("-", "−")
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e").replace("-", "−")


def figure_text(measure: Measure, row: LayerFigure) -> str:
    """Return a measure of a layer in words, with its interval."""
    name = MEASURES[measure].name
    if row.value is None:
        return row.why or f"{name} not known yet"
    interval = ""
    if row.low is not None and row.high is not None:
        interval = f" (95 % interval {row.low:.3f} to {row.high:.3f})"
    return f"{name} {row.value:.3f}{interval}"


def measure_help(measure: Measure) -> list[Component]:
    """Return what a measure shows, its formula, and which way is better."""
    text = MEASURES[measure]
    return [
        html.H3(text.name, className="ce-help-title"),
        html.P(text.shows),
        html.P(text.formula, className="ce-formula"),
        html.P(f"{text.direction.capitalize()}. The thin line is the 95 % interval by resampling images."),
    ]


def measure_choice(measure: Measure) -> Component:
    """Return the line that chooses the profile's measure, explains it, and opens all of them."""
    return html.Div(
        [
            select(ids.MEASURE, "By", [(name, text.name) for name, text in MEASURES.items()], measure),
            html.Button(
                "?",
                id=ids.MEASURE_HELP,
                className="ce-help",
                type="button",
                title="What this measure says",
                **aria(label="Help on the measure"),
            ),
            dbc.Popover(
                html.Div(measure_help(measure), id=ids.MEASURE_HELP_TEXT, className="ce-help-text"),
                target=ids.MEASURE_HELP,
                trigger="legacy",
                placement="right",
                className="ce-popover",
            ),
            html.Button(
                "All",
                id=ids.MEASURES_OPEN,
                className="ce-button ce-measures-open",
                type="button",
                title="All measures of all layers, and which classes come apart where",
                **aria(label="All measures of all layers, and which classes come apart where"),
            ),
        ],
        className="ce-measure-choice",
    )
