"""The report as components: what it is of, depth profile, each layer in the three views, labels."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash.figures.binary import Figure
from channelexplorer_dash.figures.dendrogram import dendrogram_figure
from channelexplorer_dash.figures.heatmap import heatmap_figure
from channelexplorer_dash.figures.jaccard import jaccard_figure
from channelexplorer_dash.figures.scatterplot import scatter_figure
from channelexplorer_dash.layouts.controls import COLOURS, NORMALISATIONS, SORTINGS, SUMMARIES
from channelexplorer_dash.layouts.extents import heatmap_extent, jaccard_extent, scatter_extent
from channelexplorer_dash.layouts.guide import VIEW_HELP
from channelexplorer_dash.layouts.hierarchy import hierarchy_note
from channelexplorer_dash.layouts.honesty import MEANING, honesty_line
from channelexplorer_dash.layouts.inspector import DECIDED
from channelexplorer_dash.layouts.layers_view import profile_rows, profile_status
from channelexplorer_dash.layouts.legend import legend
from channelexplorer_dash.layouts.measures import MEASURES, figure_text
from channelexplorer_dash.layouts.panel import figure_config
from channelexplorer_dash.layouts.report_content import LabelPart, LayerPart, Report
from channelexplorer_dash.layouts.scorecard import Look, scorecard_table
from channelexplorer_dash.layouts.text import file_name, give_or_take, percent, shape_text
from channelexplorer_dash.results.images import ImageRow, LabelReview
from channelexplorer_dash.results.layers import Profile
from channelexplorer_dash.results.views import Honesty

Facts = Sequence[tuple[str, str]]
HEATMAP_BESIDE = (
    "Beside the matrix, from the left: the class that the channel tells best; η², MI, selectivity and AUC of "
    "its scorecard, as shares of the largest shown; and the statistic that sorts the channels."
)


def report_body(report: Report) -> Component:
    """Return the whole report."""
    view = report.selection.view
    return html.Main(
        [
            html.Header(
                [
                    html.H1(f"{view.model} on {view.dataset}"),
                    html.P(
                        "How the layers and channels of the model take the classes apart: a report by "
                        f"ChannelExplorer {report.version}, {report.when}."
                    ),
                ]
            ),
            _facts(report),
            *_missing(report),
            *([] if report.profile is None else [_profile(report.profile, report)]),
            *[_layer(part, report) for part in report.layers],
            *([] if report.labels is None else [_labels(report.labels)]),
        ],
        className="ce-app ce-shell ce-report",
    )


def _facts(report: Report) -> Component:
    selection = report.selection
    view, sample = selection.view, report.sample
    labels = np.unique(sample.labels)
    drawn = f"{view.per_class:,} of each class at most, seed {view.seed}" if view.per_class else "all"
    names = ", ".join(sample.class_names[label] for label in labels[:12].tolist())
    more = f" and {len(labels) - 12:,} more" if len(labels) > 12 else ""
    facts: Facts = [
        ("Model", " · ".join(filter(None, (view.model, report.model.source, report.model.title)))),
        ("Dataset", " · ".join(filter(None, (view.dataset, report.dataset.title, report.dataset.licence)))),
        ("Images", f"{len(sample.image_ids):,} ({drawn})"),
        *[("Only", f"{one.column}: {', '.join(one.values)}") for one in view.only],
        ("Classes", f"{len(labels):,} of {len(sample.class_names):,}: {names}{more}"),
        (
            "Summary",
            f"{dict(SUMMARIES)[view.summary]} of each channel's activation map, one number for each image",
        ),
        ("Normalisation", dict(NORMALISATIONS)[view.normalisation]),
        ("Active share", f"the {100 * view.top_fraction:.3g} % most active channels of each image"),
        ("Layers shown", ", ".join(selection.layers) + (f" ({report.chosen})" if report.chosen else "")),
        ("Drawn as", _drawn_as(report)),
    ]
    query = selection.to_query()
    link = html.A(query, href=report.address) if report.address else html.Code(query)
    return html.Section(
        [
            html.Dl(
                [
                    *[part for name, said in facts for part in (html.Dt(name), html.Dd(said))],
                    html.Dt("The same view, live"),
                    html.Dd(
                        [
                            link,
                            html.Span(
                                " where ChannelExplorer serves this model and dataset", className="ce-count"
                            ),
                        ]
                    ),
                ],
                className="ce-report-facts",
            ),
        ],
    )


def _drawn_as(report: Report) -> str:
    selection = report.selection
    colour = dict(COLOURS).get(selection.colour_by, selection.colour_by)
    marks = len(selection.marks.images)
    marked = f"; {marks:,} images are marked" if marks else ""
    sorting = dict(SORTINGS)[selection.sorting]
    return f"points coloured by {colour.lower()}; channels sorted by {sorting.lower()}{marked}"


def _missing(report: Report) -> list[Component]:
    lines = [*report.missing, *[f"Left out: {line}" for line in report.left_out[:10]]]
    if not lines:
        return []
    return [
        html.Section(
            [html.H2("Not in this report"), html.Ul([html.Li(line) for line in lines])],
            className="ce-report-missing",
        )
    ]


def _profile(profile: Profile, report: Report) -> Component:
    measure = MEASURES[profile.measure]
    chosen = set(report.selection.layers)
    rows = [
        html.Div(row, className="ce-report-row" + (" is-open" if known.layer.name in chosen else ""))
        for row, known in zip(profile_rows(profile), profile.rows, strict=True)
    ]
    return html.Section(
        [
            html.H2("Depth profile"),
            html.P(
                f"{measure.name} of every {report.selection.granularity} layer, from the image down. "
                f"{measure.shows} {measure.direction.capitalize()}; the thin line is the 95 % interval. "
                "Layers of this report are shaded."
            ),
            html.P(measure.formula, className="ce-formula"),
            html.Div(profile_status(profile), className="ce-profile-status"),
            html.Div(rows, className="ce-report-profile"),
        ]
    )


def _layer(part: LayerPart, report: Report) -> Component:
    layer = part.layer
    rows = () if report.profile is None else report.profile.rows
    figures = [row for row in rows if row.layer.name == layer.name]
    said = [figure_text(report.profile.measure, row) for row in figures] if report.profile else []
    facts = " · ".join((layer.kind, shape_text(layer), f"{layer.channels:,} channels", *said))
    return html.Section(
        [
            html.H2(layer.name),
            html.P(facts, className="ce-more"),
            html.Div([*_scatterplot(part, report), *_jaccard(part, report)], className="ce-report-pair"),
            *_heatmap(part, report),
            *_scorecard(part),
        ],
        className="ce-report-layer",
    )


def _scatterplot(part: LayerPart, report: Report) -> list[Component]:
    if part.scatter is None or part.colouring is None:
        return []
    figure = scatter_figure(part.scatter, part.colouring, report.webgl_points, part.ways)
    marked = report.selection.marks.images
    if marked:
        places = np.flatnonzero(np.isin(part.scatter.sample.image_ids, marked))
        figure["data"][0]["selectedpoints"] = places.tolist()
    return [
        _view(
            "scatterplot",
            scatter_extent(part.scatter),
            [
                html.Div(legend(part.colouring), className="ce-legend"),
                _graph(figure, "scatterplot", part, report),
                *([] if part.honesty is None else _honesty(part.honesty)),
            ],
        )
    ]


def _honesty(found: Honesty) -> list[Component]:
    # Titles cannot be read on paper: what a flag says stands in the text.
    flags = (
        [html.P(f"This picture misleads: {'; '.join(found.flags)}.", className="ce-flag")]
        if found.flags
        else []
    )
    return [
        html.Div(honesty_line(found)[-1], className="ce-report-honesty"),
        *flags,
        html.P(f"{MEANING} By {found.trusted:,} images.", className="ce-more"),
    ]


def _jaccard(part: LayerPart, report: Report) -> list[Component]:
    if part.jaccard is None:
        return []
    shown = [_graph(jaccard_figure(part.jaccard), "jaccard", part, report)]
    note: list[Component] = []
    if part.hierarchy is not None:
        shown.append(_graph(dendrogram_figure(part.hierarchy), "hierarchy", part, report))
        note = [html.P(["The tree: ", hierarchy_note(part.hierarchy)], className="ce-more")]
    return [
        _view("jaccard", jaccard_extent(part.jaccard), [html.Div(shown, className="ce-report-beside"), *note])
    ]


def _heatmap(part: LayerPart, report: Report) -> list[Component]:
    if part.heatmap is None:
        return []
    mark = report.selection.marks.channel
    channel = mark.channel if mark is not None and mark.layer == part.layer.name else None
    figure = heatmap_figure(part.heatmap, channel)
    beside = html.P(HEATMAP_BESIDE, className="ce-more")
    content = [_graph(figure, "heatmap", part, report), *([beside] if part.heatmap.scores else [])]
    return [_view("heatmap", heatmap_extent(part.heatmap), content)]


def _scorecard(part: LayerPart) -> list[Component]:
    if part.scorecard is None:
        return []
    # Without the lines that turn its pages.
    says, table, _ = scorecard_table(part.scorecard, Look(), None)
    measured = [says] if part.scorecard.effects is not None else []
    return [_view("scorecard", "the first channels by F", [table, *measured])]


def _view(view: str, note: str, content: Sequence[Component]) -> Component:
    """Return a figure under its title, with what it shows and how it is computed."""
    told = VIEW_HELP[view]
    return html.Article(
        [
            html.H3([told.title, html.Span(f" {note}", className="ce-count")]),
            html.P(told.shows),
            *content,
            html.Details([html.Summary("How it is computed"), html.P(told.formula, className="ce-formula")]),
        ],
        className="ce-report-view",
    )


def _graph(figure: Figure, view: str, part: LayerPart, report: Report) -> dcc.Graph:
    seen = report.selection.view
    config = figure_config(view, file_name(seen.dataset, seen.model, part.layer.name, view))
    return dcc.Graph(figure=figure, config=config, className=f"ce-graph ce-graph-{view}")


def _labels(part: LabelPart) -> Component:
    content: list[Component] = []
    if part.review is not None:
        review = part.review
        content += [
            html.P(
                f"About {review.expected_wrong:,.0f} of {len(review.image_ids):,} labels are expected to be "
                f"wrong ({percent(review.expected_wrong / len(review.image_ids))}). Looked for in "
                f"{', '.join(review.layers)}. The most suspicious first:"
            ),
            _label_table(part.ranked, part, review),
        ]
    if part.decided:
        content += [html.P(f"{part.decisions:,} labels are decided:"), _label_table(part.decided, part, None)]
    return html.Section([html.H2("Labels to review"), html.P(VIEW_HELP["review"].shows), *content])


def _label_table(rows: Sequence[ImageRow], part: LabelPart, review: LabelReview | None) -> Component:
    """Return images with their labels: ``rows`` are the first of ``review`` where there is one."""
    ranked = ("proposed", "score", "precision") if review is not None else ()
    head = html.Tr([html.Th(title, scope="col") for title in ("image", "", "label", *ranked, "decision")])
    return html.Table(
        [
            html.Thead(head),
            html.Tbody([_label_row(place, row, part, review) for place, row in enumerate(rows)]),
        ],
        className="ce-figures ce-report-labels",
    )


def _label_row(place: int, row: ImageRow, part: LabelPart, review: LabelReview | None) -> Component:
    picture = part.pictures.get(row.image_id)
    source = f"data:image/webp;base64,{base64.b64encode(picture).decode()}" if picture else ""
    cells: list[Any] = [
        html.Img(src=source, alt=row.label_name, className="ce-thumb") if picture else "cannot be read",
        row.source,
        row.label_name,
    ]
    if review is not None:
        cells += [
            review.class_names[int(review.proposed[place])],
            f"{float(review.score[place]):.3f}",
            f"{percent(float(review.precision[place]))} {give_or_take(float(review.margin[place]))}",
        ]
    decided = "" if row.decision is None else f"{DECIDED[row.decision]} {row.decided_label or ''}".rstrip()
    cells.append(f"{decided} by {row.decided_by}, {row.decided_at}" if decided else "–")
    return html.Tr([html.Td(cell, className="ce-name") for cell in cells])
