"""The real app on the digits demo, computed in this process, through Flask's test client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dash import Dash
from flask.testing import FlaskClient

from channelexplorer_dash import create_app
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.settings import load_settings


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    store = tmp_path_factory.mktemp("server") / "store"
    made = Explorer(
        load_settings(
            [demo_settings_file()], flags={"store": store, "engine": "inline", "patience_seconds": 0}
        )
    )
    yield made
    made.close()


@pytest.fixture(scope="session")
def app(explorer: Explorer) -> Dash:
    return create_app(explorer)


@pytest.fixture
def client(app: Dash) -> FlaskClient:
    client: FlaskClient = app.server.test_client()
    return client


def served(app: Dash) -> list[str]:
    """Return the outputs of the callbacks that run on the server."""
    return sorted(output for output, spec in app.callback_map.items() if "callback" in spec)
