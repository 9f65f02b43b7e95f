"""Labels to review: a part of the Inspector that lists what is probably labelled wrong."""

from __future__ import annotations

from collections.abc import Sequence

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.core.label_checks import FEWEST, WITHIN
from channelexplorer_dash.explorer.labels import LabelList
from channelexplorer_dash.layouts.attributes import aria, data, marks_image
from channelexplorer_dash.layouts.controls import select
from channelexplorer_dash.layouts.guide import view_help
from channelexplorer_dash.layouts.inspector import decision_mark
from channelexplorer_dash.layouts.status import status_line
from channelexplorer_dash.layouts.text import give_or_take, percent
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.images import ImageRow, LabelReview
from channelexplorer_dash.selection import View

REVIEW_LINE = "all"
"""The review has one status line; its ids have the same keys as those of a panel."""
STATES = (
    ("open", "To review"),
    ("check", "Spot check"),
    ("all", "All"),
    ("keep", "Kept"),
    ("relabel", "Relabelled"),
    ("flag", "Flagged"),
)
BUTTONS = (
    ("keep", "Keep", "k", "The label is right"),
    ("relabel", "Relabel", "r", "The label is wrong: give it the new one"),
    ("flag", "Flag", "f", "Look at it again later"),
    ("undo", "Undo", "u", "Take the last decision back"),
)


def review(class_names: Sequence[str], reviewer: str) -> Component:
    """Return the part, with nothing computed yet: the callbacks fill it as soon as it is asked for.

    ``reviewer`` is the name under which decisions are kept where the page gives none.
    """
    names = [(str(label), name) for label, name in enumerate(class_names)]
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Labels to review"),
                    html.Details(
                        [html.Summary("What is this?"), *view_help("review")], className="ce-review-help"
                    ),
                ],
                className="ce-section-head",
            ),
            html.Button(
                "Look for wrong labels", id=ids.REVIEW_START, className="ce-button ce-primary", type="button"
            ),
            status_line("review", REVIEW_LINE, "Looking for wrong labels"),
            html.Div(
                [
                    html.Div(id=ids.REVIEW_FACTS, className="ce-review-facts"),
                    html.Div(
                        [
                            select(ids.REVIEW_CLASS, "Class", [("all", "All classes"), *names], "all"),
                            select(ids.REVIEW_STATE, "Show", STATES, "open"),
                        ],
                        className="ce-review-controls",
                    ),
                    html.Div(
                        [html.Span("labels"), html.Span("score"), html.Span("precision")],
                        className="ce-review-head",
                        **aria(hidden="true"),
                    ),
                    html.Div(id=ids.REVIEW_LIST, className="ce-review-list", role="list"),
                    html.Div(
                        [_decide(*button) for button in BUTTONS],
                        className="ce-review-buttons",
                        role="toolbar",
                        **aria(label="Decide about the label that is looked at"),
                    ),
                    html.Div(
                        [
                            select(
                                ids.REVIEW_AS,
                                "Relabel to",
                                [("proposed", "the proposed label"), *names],
                                "proposed",
                            ),
                            _author(reviewer),
                        ],
                        className="ce-review-controls",
                    ),
                    html.Div(
                        [
                            html.Span("Export decisions", className="ce-label"),
                            html.Button("CSV", id=ids.REVIEW_CSV, className="ce-button", type="button"),
                            html.Button(
                                "Parquet", id=ids.REVIEW_PARQUET, className="ce-button", type="button"
                            ),
                        ],
                        className="ce-review-controls",
                    ),
                ],
                id=ids.REVIEW_BODY,
                hidden=True,
            ),
        ],
        id=ids.REVIEW,
        className="ce-card ce-review",
        **aria(label="Labels to review"),
    )


def review_facts(found: LabelList) -> list[Component]:
    """Return the lines above the list: how many labels are expected to be wrong, how many are decided."""
    review, wrong, images = found.review, found.review.expected_wrong, len(found.review.image_ids)
    return [
        html.P(
            f"About {wrong:,.0f} of {images:,} labels are expected to be wrong ({percent(wrong / images)}).",
        ),
        html.P(
            f"{len(found.places):,} listed, {found.decided:,} decided. "
            f"Looked for in {', '.join(review.layers)}.",
            className="ce-more",
        ),
        html.P(_spot_check(found), className="ce-more"),
    ]


def _spot_check(found: LabelList) -> str:
    """Return how well the expected precision is known, and what would make it known better."""
    review = found.review
    many = max(1, round(review.expected_wrong))
    # Both that the spot check looks at: CheckedRanking.is_known.
    depths = tuple(dict.fromkeys((many, (many + 1) // 2)))
    said = ", ".join(
        f"of the first {n:,}: {percent(float(review.precision[n - 1]))} "
        f"{give_or_take(float(review.margin[n - 1]))}"
        for n in depths
    )
    left = "no more to ask"
    if found.is_known:
        left = "done"
    elif found.unchecked:
        least = min(FEWEST, len(review.image_ids)) - review.checks
        fewest = f"at least {least:,} and " if 0 < least < found.unchecked else ""
        until = f"until {'both are' if len(depths) > 1 else 'it is'} {give_or_take(WITHIN)}"
        left = f"{fewest}at most {found.unchecked:,} more, {until}"
    return f"Expected precision {said}. Spot check: {review.checks:,} decided, {left}."


def review_rows(
    view: View, review: LabelReview, positions: Sequence[int], rows: Sequence[ImageRow], urls: Urls
) -> list[Component]:
    """Return one page of the list; ``positions`` are the rows' places in the ranking."""
    return [_row(view, review, position, row, urls) for position, row in zip(positions, rows, strict=True)]


def review_pager(page: int, pages: int) -> list[Component]:
    """Return the buttons that turn the pages of the list, or nothing where there is one page."""
    if pages < 2:
        return []
    buttons = [
        html.Button(
            text,
            className="ce-button",
            type="button",
            disabled=not 0 <= to < pages,
            **data(review_page=str(to)),
        )
        for text, to in (("Previous", page - 1), ("Next", page + 1))
    ]
    where = html.Span(f"{page + 1:,} of {pages:,}", className="ce-count")
    return [html.Div([buttons[0], where, buttons[1]], className="ce-review-pager")]


def nothing_to_review(state: str) -> list[Component]:
    """Return what the list says where no image is chosen."""
    said = {
        "open": "Nothing is left to review here. Choose another class, or show all.",
        "check": "The spot check is done, or asks for no label of this class. Choose “To review”, and begin "
        "at the head of the list.",
    }
    other = "No label is in this list. Choose another class, or show all."
    return [html.P(said.get(state, other), className="ce-more")]


def _row(view: View, review: LabelReview, position: int, row: ImageRow, urls: Urls) -> Component:
    proposed = int(review.proposed[position])
    name = review.class_names[proposed]
    precision = percent(float(review.precision[position]))
    margin = float(review.margin[position])
    expected = f"expected precision up to here {precision}, {give_or_take(margin)}"
    score = float(review.score[position])
    ways = ", ".join(
        f"{title} {float(values[position]):.2f}"
        for title, values in (
            ("neighbours", review.neighbours),
            ("active sets", review.active_sets),
            ("probe", review.probe),
        )
    )
    said = f"{row.source}: labelled {row.label_name}, proposed {name}, score {score:.3f} ({ways})"
    return html.Button(
        [
            html.Img(src=urls.thumbnail(view.dataset, row.image_id), alt="", className="ce-thumb"),
            *decision_mark(row),
            html.Span(
                [
                    html.Span(row.label_name, className="ce-review-given"),
                    html.Span(" → ", **aria(hidden="true")),
                    html.Span(row.decided_label or name, className="ce-review-proposed"),
                ],
                className="ce-review-labels",
            ),
            html.Span(f"{score:.3f}", className="ce-review-score"),
            html.Span(
                [precision, html.Small(give_or_take(margin))],
                className="ce-review-precision",
                title=expected,
            ),
        ],
        className="ce-review-row",
        title=said,
        type="button",
        **aria(label=f"{said}, {expected}. Marks this image."),
        **marks_image(row.image_id),
        **data(proposed=str(proposed)),
    )


def _decide(action: str, text: str, key: str, title: str) -> Component:
    return html.Button(
        [text, html.Kbd(key)],
        className="ce-button",
        title=title,
        type="button",
        **data(review=action),
    )


def _author(reviewer: str) -> Component:
    return html.Label(
        [
            html.Span("Your name", className="ce-label"),
            dbc.Input(
                id=ids.REVIEW_AUTHOR,
                placeholder=reviewer,
                maxlength=80,
                size="sm",
                className="ce-input",
                persistence=True,
            ),
        ],
        className="ce-field",
    )
