"""Export: the marked images, or all of the sample, as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from typing import Any

from dash import Dash, Input, Output, State
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results import ImageRow
from channelexplorer_dash.selection import Marks, View

COLUMNS = (
    "image_id",
    "source",
    "label",
    "label_name",
    "prediction",
    "prediction_name",
    "confidence",
    "correct",
)


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
        rows = explorer.images(current, marked or explorer.sample(current).image_ids.tolist())
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{current.dataset}-{current.model}")
        filename = f"{name}-{'marked' if marked else 'all'}.csv"
        return {"content": to_csv(rows), "filename": filename, "type": "text/csv", "base64": False}

    return {"export_images": export_images}


def to_csv(rows: Iterable[ImageRow]) -> str:
    """Write images as CSV: what is known of each, then the dataset's further columns."""
    rows = list(rows)
    further = list(rows[0].columns) if rows else []
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*COLUMNS, *map(_plain, further)])
    for row in rows:
        known = [getattr(row, name) for name in COLUMNS]
        writer.writerow([_plain(value) for value in (*known, *(row.columns[name] for name in further))])
    return file.getvalue()


def _plain(value: Any) -> Any:
    """Keep text from being read as a formula by a spreadsheet."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return "" if value is None else value
