"""The report as one HTML file that asks no server for anything."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

import channelexplorer_dash.assets
from channelexplorer_dash.layouts.page import sample_state
from channelexplorer_dash.layouts.report import report_body
from channelexplorer_dash.layouts.report_content import Report
from channelexplorer_dash.layouts.static import json_for_script, to_html

_ASSETS = Path(channelexplorer_dash.assets.__file__).parent
# What a point stands for, and what the pointer says of it, is read by the page's own scripts.
SCRIPTS = (
    "channelexplorer.codec.js",
    "channelexplorer.figures.js",
    "channelexplorer.hover.js",
    "report.figures.js",
)
STYLES = ("channelexplorer.css", "report.css")


def report_html(report: Report) -> str:
    """Write a report as a whole HTML document: styles, scripts, figures and pictures are all inside.

    Its Content-Security-Policy lets only the scripts of this module run, and no address be asked: what stands
    in the names of classes and files can do nothing even if it were taken for markup.
    """
    view = report.selection.view
    theme, drawing = _asset("report.theme.js"), "\n".join(map(_asset, SCRIPTS))
    library, sample = get_plotlyjs(), json_for_script(sample_state(report.sample))
    scripts = " ".join(f"'sha256-{_hash(text)}'" for text in (theme, library, drawing))
    # Plotly's WebGL compiles its shaders' callers, which is what unsafe-eval is for.
    policy = (
        f"default-src 'none'; script-src {scripts} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(f'{view.model} on {view.dataset} – ChannelExplorer')}</title>",
            *(f"<style>{_asset(name)}</style>" for name in STYLES),
            f"<script>{theme}</script></head><body>",
            to_html(report_body(report)),
            f'<script type="application/json" class="ce-sample">{sample}</script>',
            f"<script>{library}</script>",
            f"<script>{drawing}</script>",
            "</body></html>\n",
        )
    )


@lru_cache(maxsize=16)
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
