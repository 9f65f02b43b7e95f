"""Export: the marked images, or all of the sample, as CSV."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl
from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.selection import Marks, View

# A text that begins so would be read as a formula by a spreadsheet.
FORMULA = r"^[=+\-@\t\r]"


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callback of the export."""

    @app.callback(
        Output(ids.DOWNLOAD, "data"),
        Input(ids.EXPORT, "n_clicks"),
        State(ids.MARKED_IMAGES, "data"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def export_images(clicks: int | None, images: Any, view: Any) -> Any:
        if not clicks:
            raise PreventUpdate
        current, marked = View.from_json(view), Marks.from_json({"images": images}).images
        table = explorer.image_table(current, marked or explorer.sample(current).image_ids)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{current.dataset}-{current.model}")
        filename = f"{name}-{'marked' if marked else 'all'}.csv"
        return {"content": to_csv(table), "filename": filename, "type": "text/csv", "base64": False}

    return {"export_images": export_images}


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
