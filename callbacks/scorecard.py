"""The scorecard table of a layer: opened from its heatmap, sorted, filtered, paged, exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.export import to_csv
from channelexplorer_dash.callbacks.following import followed
from channelexplorer_dash.callbacks.panels import clicked_part
from channelexplorer_dash.errors import ChannelExplorerError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.contributions import LINE
from channelexplorer_dash.layouts.scorecard import (
    ANY,
    BEST_CLASS,
    CHANNEL,
    EFFECTS,
    Look,
    scorecard_table,
    shown_channels,
    shown_columns,
)
from channelexplorer_dash.layouts.status import waiting
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.results.channels import ScorecardTable
from channelexplorer_dash.selection import Marks, View

FILTERS = (ids.SCORECARD_CLASS, ids.SCORECARD_BEST, ids.SCORECARD_LEAST)


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the scorecard."""

    @app.callback(
        Output(ids.SCORECARD_ASKED, "data"),
        Output(ids.SCORECARD, "is_open"),
        Output(ids.SCORECARD, "title"),
        Input(ids.part("heatmap", "table", ALL), "n_clicks"),
        Input(ids.part("scorecard", "sort", ALL), "n_clicks"),
        Input(ids.part("scorecard", "turn", ALL), "n_clicks"),
        State(ids.SCORECARD_ASKED, "data"),
        prevent_initial_call=True,
    )
    def ask_scorecard(_tables: Any, _sorts: Any, _turns: Any, asked: Any) -> tuple[Any, Any, Any]:
        clicked = clicked_part(ctx.triggered)
        if clicked is None:
            raise PreventUpdate
        state = asked_next(asked, str(clicked["part"]), str(clicked["panel"]))
        return state, True, f"Scorecard of {state['layer']}"

    @app.callback(
        Output(ids.SCORECARD_TABLE, "children"),
        Output(ids.SCORECARD_TICK, "max_intervals"),
        Input(ids.SCORECARD_ASKED, "data"),
        Input(ids.SCORECARD_TICK, "n_intervals"),
        *[Input(name, "value") for name in FILTERS],
        Input(ids.MARKED_CHANNEL, "data"),
        Input(ids.SCORECARD_FILL, "value"),
        Input(ids.EFFECTS_THERE, "data"),
        State(ids.VIEW, "data"),
    )
    def show_scorecard(
        asked: Any,
        ticks: int | None,
        label: Any,
        best: Any,
        least: Any,
        channel: Any,
        fill: Any,
        _effects: Any,
        view: Any,
    ) -> tuple[Any, int]:
        if not asked:
            return [], ticks or 0
        layer, mark = str(asked["layer"]), Marks.from_json({"channel": channel}).channel
        try:
            answer = explorer.scorecard(View.from_json(view), layer, fill)
        except ChannelExplorerError as error:
            return html.P(str(error), className="ce-error-text", role="alert"), ticks or 0
        if isinstance(answer, Pending):
            return waiting(f"{answer.job.label} …"), (ticks or 0) + 1
        marked = mark.channel if mark is not None and mark.layer == layer else None
        return scorecard_table(answer.value, look(asked, label, best, least), marked), ticks or 0

    @app.callback(
        Output(ids.SCORECARD_DOWNLOAD, "data"),
        Input(ids.SCORECARD_EXPORT, "n_clicks"),
        State(ids.SCORECARD_ASKED, "data"),
        *[State(name, "value") for name in FILTERS],
        State(ids.SCORECARD_FILL, "value"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def export_scorecard(
        clicks: int | None, asked: Any, label: Any, best: Any, least: Any, fill: Any, view: Any
    ) -> Any:
        if not clicks or not asked:
            return no_update
        answer = explorer.scorecard(View.from_json(view), str(asked["layer"]), fill)
        if isinstance(answer, Pending):
            raise SelectionError("The scorecard is still being computed. Try again in a moment.")
        table = as_frame(answer.value, look(asked, label, best, least))
        name = f"scorecard-{asked['layer']}.csv".replace("/", "-")
        return {"content": to_csv(table), "filename": name, "type": "text/csv", "base64": False}

    @app.callback(
        Output(ids.EFFECTS_ASKED, "data"),
        Input(ids.SCORECARD_MEASURE, "n_clicks"),
        State(ids.SCORECARD_ASKED, "data"),
        State(ids.SCORECARD_FILL, "value"),
        prevent_initial_call=True,
    )
    def ask_effects(clicks: int | None, asked: Any, fill: Any) -> Any:
        if not clicks or not asked:
            raise PreventUpdate
        return {"layer": asked["layer"], "fill": fill}

    @app.callback(
        Output(ids.EFFECTS_THERE, "data"),
        Output(ids.part(EFFECTS, "state", LINE), "data"),
        Input(ids.EFFECTS_ASKED, "data"),
        Input(ids.part(EFFECTS, "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.part(EFFECTS, "state", LINE), "data"),
        State(ids.VIEW, "data"),
    )
    def measure_effects(asked: Any, _tick: Any, control: Any, state: Any, view: Any) -> tuple[Any, Any]:
        def ask() -> Any:
            return explorer.effects(View.from_json(view), str(asked["layer"]), asked["fill"])

        return followed(explorer, asked, control, state, ask, lambda key: key)

    return {
        "ask_scorecard": ask_scorecard,
        "show_scorecard": show_scorecard,
        "export_scorecard": export_scorecard,
        "ask_effects": ask_effects,
        "measure_effects": measure_effects,
    }


def asked_next(asked: Any, part: str, panel: str) -> dict[str, Any]:
    """Return what the table is asked after a click: another layer, another sorting, another page."""
    state: dict[str, Any] = (
        dict(asked) if isinstance(asked, Mapping) else {"column": "f", "falling": True, "page": 0}
    )
    if part == "table":
        return {**state, "layer": panel, "page": 0}
    if part == "sort":
        # What is named or numbered rises at first, what is measured falls.
        falls = panel not in {CHANNEL, BEST_CLASS}
        falling = not state["falling"] if state["column"] == panel else falls
        return {**state, "column": panel, "falling": falling, "page": 0}
    return {**state, "page": int(state["page"]) + (1 if panel == "next" else -1)}


def look(asked: Mapping[str, Any], label: Any, best: Any, least: Any) -> Look:
    """Return how the table is looked at; raise SelectionError where a filter cannot be read."""
    try:
        return Look(
            column=str(asked["column"]),
            falling=bool(asked["falling"]),
            page=int(asked["page"]),
            label=None if label in (None, ANY) else int(label),
            best_only=bool(best),
            least=None if least in (None, "") else float(least),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SelectionError("The scorecard's filter cannot be read. Choose it again.") from error


def as_frame(table: ScorecardTable, chosen: Look) -> pl.DataFrame:
    """Return the channels that pass the filters, sorted, with every column."""
    channels = shown_channels(table, chosen)
    columns: dict[str, Any] = {
        name: values[channels] for name, values in shown_columns(table, chosen.label).items()
    }
    columns[CHANNEL] = channels
    columns[BEST_CLASS] = [table.class_names[label] for label in table.best_class[channels].tolist()]
    return pl.DataFrame(columns)
