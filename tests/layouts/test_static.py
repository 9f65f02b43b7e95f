"""Components as plain HTML: escaped, inert, and with figures as JSON that ends no script."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from dash import dcc, html

from channelexplorer_dash.layouts.static import json_for_script, to_html

EVIL = "</script><img src=x onerror=alert(1)>"


def test_texts_and_attributes_are_escaped() -> None:
    written = to_html(html.P([EVIL, 7, None, html.Br()], title=f'"{EVIL}'))
    safe = "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"
    assert written == f'<p title="&quot;{safe}">{safe}7<br></p>'


def test_styles_and_flags_are_written_as_html_has_them() -> None:
    written = to_html(html.Div(hidden=True, style={"backgroundColor": "red", "--ce-share": "3%"}))
    assert written == '<div hidden style="background-color:red;--ce-share:3%"></div>'
    assert to_html(html.Td("x", colSpan=2, hidden=False)) == '<td colspan="2">x</td>'


def test_what_can_be_clicked_is_text() -> None:
    written = to_html(html.Button("Go", id={"a": 1}, n_clicks=2, type="button", **{"aria-label": "Go there"}))
    assert written == "<span>Go</span>"


def test_what_cannot_stand_in_a_file_is_refused() -> None:
    with pytest.raises(TypeError, match="Input"):
        to_html(html.Div(dcc.Input()))


def test_a_figure_is_json_that_ends_no_script() -> None:
    figure = {"data": [{"text": [EVIL, "<!--"], "y": [np.nan, 1.0]}], "layout": {"meta": {"alt": EVIL}}}
    written = to_html(dcc.Graph(figure=figure, config={"scale": 2}, className="ce-graph"))
    (inside,) = re.findall(r'<script type="application/json">(.*?)</script>', written)
    assert not set("<>&") & set(inside)
    read = json.loads(inside)
    assert read["figure"]["data"][0] == {"text": [EVIL, "<!--"], "y": [None, 1.0]}
    assert read["config"] == {"scale": 2}


def test_json_survives_every_sign() -> None:
    value = {"a": "<>&\u2028\u2029'\"\\", "b": [1, None, True]}
    assert json.loads(json_for_script(value)) == value
