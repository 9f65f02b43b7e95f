"""The first requests that a fresh process takes, when they come together."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dash import Dash

from channelexplorer_dash import create_app, load_settings
from channelexplorer_dash.demo import demo_settings_file


def fresh_app(store: Path) -> Dash:
    return create_app(load_settings([demo_settings_file()], flags={"store": store}, environment=False))


def test_scripts_are_answered_while_another_thread_sets_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = fresh_app(tmp_path).server.test_client().get("/").text
    scripts = re.findall(r'src="(/_dash-component-suites/[^"]+)"', page)
    assert len(scripts) > 3
    app = fresh_app(tmp_path)
    collect = app._generate_scripts_html

    def slowly() -> str:
        time.sleep(0.2)
        return collect()

    monkeypatch.setattr(app, "_generate_scripts_html", slowly)
    with ThreadPoolExecutor(len(scripts)) as threads:
        answers = list(threads.map(lambda script: app.server.test_client().get(script).status_code, scripts))
    assert set(answers) == {200}
