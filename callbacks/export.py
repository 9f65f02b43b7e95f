"""Export: the marked images, or all of the sample, as a table; and the page as a report."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.desk import only_looking
from channelexplorer_dash.layouts.controls import LOOKS
from channelexplorer_dash.layouts.report_content import gather
from channelexplorer_dash.layouts.report_file import report_html
from channelexplorer_dash.layouts.text import file_name
from channelexplorer_dash.selection import Marks, Selection, View

# A text that begins so would be read as a formula by a spreadsheet.
FORMULA = r"^[=+\-@\t\r]"


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the exports."""

    @app.callback(
        Output(ids.DOWNLOAD, "data"),
        Input(ids.EXPORT_CSV, "n_clicks"),
        Input(ids.EXPORT_PARQUET, "n_clicks"),
        State(ids.MARKED_IMAGES, "data"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def export_images(csv: int | None, parquet: int | None, images: Any, view: Any) -> Any:
        if not (csv or parquet):
            raise PreventUpdate
        current, marked = View.from_json(view), Marks.from_json({"images": images}).images
        table = explorer.image_table(current, marked or explorer.sample(current).image_ids)
        name = file_name(current.dataset, current.model, "marked" if marked else "all")
        return download(table, name, parquet=ctx.triggered_id == ids.EXPORT_PARQUET)

    @app.callback(
        output=Output(ids.REPORT_DOWNLOAD, "data"),
        inputs={"clicks": Input(ids.EXPORT_REPORT, "n_clicks")},
        state={
            "looks": {name: State(control, "value") for name, control in LOOKS.items()},
            "marks": {
                "images": State(ids.MARKED_IMAGES, "data"),
                "channel": State(ids.MARKED_CHANNEL, "data"),
                "pair": State(ids.MARKED_PAIR, "data"),
            },
            "view": State(ids.VIEW, "data"),
            "layers": State(ids.LAYERS, "data"),
            "address": State(ids.URL, "href"),
        },
        prevent_initial_call=True,
    )
    def export_report(
        clicks: int | None,
        looks: Mapping[str, Any],
        marks: Mapping[str, Any],
        view: Any,
        layers: Sequence[str] | None,
        address: Any,
    ) -> Any:
        if not clicks:
            raise PreventUpdate
        current = View.from_json(view)
        selection = Selection(current, tuple(layers or ()), marks=Marks.from_json(marks), **looks)
        # What is computed meanwhile is left out: a report must not keep the server from others.
        with only_looking():
            found = gather(explorer, selection, lambda ask: ask(), rank_labels=False, link=str(address or ""))
        name = f"{file_name(current.dataset, current.model, 'report')}.html"
        return {"content": report_html(found), "filename": name, "type": "text/html", "base64": False}

    return {"export_images": export_images, "export_report": export_report}


def download(table: pl.DataFrame, name: str, *, parquet: bool) -> dict[str, Any]:
    """Return a table as a file for ``dcc.Download``, as Parquet or as CSV; ``name`` is without ending."""
    if not parquet:
        return {"content": to_csv(table), "filename": f"{name}.csv", "type": "text/csv", "base64": False}
    file = io.BytesIO()
    table.write_parquet(file)
    content = base64.b64encode(file.getvalue()).decode()
    return {"content": content, "filename": f"{name}.parquet", "base64": True}


def to_csv(table: pl.DataFrame) -> str:
    """Write a table as CSV, with its texts guarded; what has no form in CSV is written as a text."""
    flat = table.select(_flat(column) for column in table)
    text = pl.col(pl.String)
    guarded = flat.with_columns(
        pl.when(text.str.contains(FORMULA)).then("'" + text).otherwise(text).name.keep()
    )
    guarded.columns = _plain(table.columns)
    return guarded.write_csv()


def _flat(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if column.dtype.is_nested() or column.dtype in {pl.Binary, pl.Object}:
        texts = [None if value is None else str(value) for value in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    return column


def _plain(names: list[str]) -> list[str]:
    """Return names that are no formulas, and differ."""
    plain: list[str] = []
    for name in names:
        wanted = f"'{name}" if re.match(FORMULA, name) else name
        while wanted in plain:
            wanted += "_"
        plain.append(wanted)
    return plain
