"""Labels to review: the ranked list, decisions about it, and their export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import control as lines
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.callbacks.export import download
from channelexplorer_dash.errors import ChannelExplorerError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.review import (
    REVIEW_LINE,
    nothing_to_review,
    review_facts,
    review_pager,
    review_rows,
)
from channelexplorer_dash.layouts.text import file_name
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.results.images import LabelReview
from channelexplorer_dash.selection import View

STATE = ids.part("review", "state", REVIEW_LINE)


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the labels to review."""
    urls = Urls(app.config.requests_pathname_prefix)

    @app.callback(
        Output(ids.REVIEWED, "data"),
        Output(STATE, "data"),
        Output(ids.REVIEW_BODY, "hidden"),
        Output(ids.REVIEW_START, "hidden"),
        Input(ids.part("review", "tick", REVIEW_LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        Input(ids.REVIEW_START, "n_clicks"),
        Input(ids.COLOUR_BY, "value"),
        State(ids.VIEW, "data"),
        State(STATE, "data"),
    )
    def find_wrong_labels(
        _ticks: Any, control: Any, clicks: int | None, colour_by: Any, view: Any, state: Any
    ) -> tuple[Any, ...]:
        """Have labels ranked, once somebody asked for it: by the button, or by the colours of the points."""
        if not clicks and colour_by != "suspicion":
            return no_update, lines.working(None), True, False
        if control and ctx.triggered_id == ids.JOB_CONTROL:
            action = lines.asked_action(control, state)
            if action == "leave":
                raise PreventUpdate
            if action == "cancel":
                return no_update, lines.cancel(explorer, state), no_update, no_update
            lines.forgive(explorer, state)
        try:
            answer = explorer.label_review(View.from_json(view))
        except ChannelExplorerError as error:
            return no_update, lines.failed(error), no_update, True
        if isinstance(answer, Pending):
            return no_update, lines.working(answer.job), no_update, True
        return answer.key, lines.working(None), False, True

    @app.callback(
        Output(ids.REVIEW_LIST, "children"),
        Output(ids.REVIEW_FACTS, "children"),
        Input(ids.REVIEWED, "data"),
        Input(ids.DECIDED, "data"),
        Input(ids.REVIEW_CLASS, "value"),
        Input(ids.REVIEW_STATE, "value"),
        Input(ids.REVIEW_PAGE, "data"),
        State(ids.VIEW, "data"),
    )
    def list_labels(
        reviewed: Any, _decided: Any, label: Any, state: Any, page: Any, view: Any
    ) -> tuple[Any, Any]:
        current = View.from_json(view)
        answer = explorer.label_review(current) if reviewed else None
        if answer is None or isinstance(answer, Pending):
            raise PreventUpdate
        return listing(current, answer.value, label_of(label), str(state), number_of(page))

    def listing(view: View, review: LabelReview, label: int | None, state: str, page: int) -> tuple[Any, Any]:
        found = explorer.labels.chosen(view.dataset, review, label, state, explorer.settings.spot_check)
        facts, chosen = review_facts(found), found.places
        if not len(chosen):
            return nothing_to_review(state), facts
        many = explorer.settings.review_rows
        pages = -(-len(chosen) // many)
        page = min(max(page, 0), pages - 1)
        shown = chosen[page * many : (page + 1) * many]
        rows = explorer.images(view, review.image_ids[shown].tolist())
        drawn = review_rows(view, found.review, shown.tolist(), rows, urls)
        return [*drawn, *review_pager(page, pages)], facts

    @app.callback(
        Output(ids.DECIDED, "data"),
        Input(ids.REVIEW_EVENT, "data"),
        State(ids.REVIEW_AS, "value"),
        State(ids.REVIEW_AUTHOR, "value"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def decide(event: Any, chosen: Any, author: Any, view: Any) -> Any:
        """Keep what was decided; its time tells everything that shows decisions to look again."""
        if not isinstance(event, Mapping):
            raise PreventUpdate
        action = str(event.get("action"))
        label = None
        if action == "relabel":
            label = label_of(chosen)
            label = number_of(event.get("proposed")) if label is None else label
        dataset = View.from_json(view).dataset
        image = number_of(event.get("image"))
        return explorer.labels.decide(dataset, image, action, label, str(author or "")).time

    @app.callback(
        Output(ids.REVIEW_DOWNLOAD, "data"),
        Input(ids.REVIEW_CSV, "n_clicks"),
        Input(ids.REVIEW_PARQUET, "n_clicks"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def export_decisions(csv: int | None, parquet: int | None, view: Any) -> Any:
        if not (csv or parquet):
            raise PreventUpdate
        dataset = View.from_json(view).dataset
        table = explorer.labels.table(dataset)
        name = file_name(dataset, "decisions")
        return download(table, name, parquet=ctx.triggered_id == ids.REVIEW_PARQUET)

    app.clientside_callback(
        script("drawReview"),
        Output(ids.REVIEW_DRAWN, "data"),
        Input(ids.REVIEW_LIST, "children"),
        Input(ids.MARKED_IMAGES, "data"),
    )
    return {
        "find_wrong_labels": find_wrong_labels,
        "list_labels": list_labels,
        "decide": decide,
        "export_decisions": export_decisions,
    }


def label_of(value: Any) -> int | None:
    """Return the label that a menu names, or None for its first choice, which names none."""
    return None if value in {None, "all", "proposed"} else number_of(value)


def number_of(value: Any) -> int:
    """Return a whole number that the page sent."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SelectionError("The page's state cannot be read. Reload the page.") from error
