"""The shell: what stays while the page is built anew from the URL."""

from __future__ import annotations

import json

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria, data
from channelexplorer_dash.layouts.guide import guide

SCRIPT_IDS = {
    "event": ids.EVENT,
    "asked": ids.ASKED,
    "clear": ids.CLEAR,
    "undo": ids.UNDO,
    "shared": ids.SHARED,
    "layerFilter": ids.LAYER_FILTER,
    "classes": ids.CLASSES,
    "classesAll": ids.CLASSES_ALL,
    "classFilter": ids.CLASS_FILTER,
    "measuresPanel": ids.MEASURES_PANEL,
    "comparePanel": ids.COMPARE_PANEL,
    "sideBack": ids.SIDE_BACK,
    "sideClear": ids.SIDE_CLEAR,
    "sideUndo": ids.SIDE_UNDO,
    "reviewList": ids.REVIEW_LIST,
    "reviewEvent": ids.REVIEW_EVENT,
    "reviewPage": ids.REVIEW_PAGE,
}


def shell() -> Component:
    """Return ``app.layout``: the address, the theme, the page and the notice.

    ``ROUTE`` stands between the address and the page: the script fills it only where the address
    was changed by something else than the page itself, so that keeping the address up to date does
    not build the page again.
    """
    return html.Div(
        [
            dcc.Location(id=ids.URL, refresh=False),
            dcc.Store(id=ids.ASKED),
            dcc.Store(id=ids.ROUTE),
            dcc.Store(id=ids.THEME, storage_type="local"),
            dcc.Store(id=ids.EVENT),
            dcc.Store(id=ids.URL_WRITTEN),
            dcc.Store(id=ids.MARKS_DRAWN),
            # New images stay while the page is built anew for another model or layer.
            dcc.Store(id=ids.NEW_IMAGES),
            dcc.Store(id=ids.NEW_FILES),
            dcc.Download(id=ids.DOWNLOAD),
            dcc.Download(id=ids.REPORT_DOWNLOAD),
            dcc.Download(id=ids.REVIEW_DOWNLOAD),
            html.Div(_loading(), id=ids.PAGE, className="ce-page"),
            html.Div(id=ids.NOTICE, className="ce-notices", role="status", **aria(live="polite")),
            dbc.Offcanvas(
                guide(),
                id=ids.HELP_PANEL,
                title="How to read this page",
                placement="end",
                is_open=False,
                className="ce-guide",
            ),
        ],
        className="ce-shell",
        # The script finds these parts by the ids that Python knows them by.
        **data(ids=json.dumps(SCRIPT_IDS)),
    )


def _loading() -> Component:
    return html.Div(
        [html.Div(className="ce-spinner"), html.P("Opening ChannelExplorer …")],
        className="ce-splash",
        role="status",
    )
