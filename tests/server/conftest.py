"""The real app on the digits demo, computed in this process, through Flask's test client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def payload(app: Dash, output: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the body that the page sends for a callback; ``values`` by ``id.property``, else None."""
    spec = app.callback_map[output]
    known = values or {}

    def filled(one: dict[str, Any]) -> dict[str, Any]:
        name = f"{one['id']}.{one['property']}"
        return {"id": one["id"], "property": one["property"], "value": known.get(name)}

    component, _, prop = output.rpartition(".")
    return {
        "output": output,
        "outputs": {"id": component, "property": prop},
        "inputs": [filled(one) for one in spec["inputs"]],
        "state": [filled(one) for one in spec["state"]],
        "changedPropIds": [f"{one['id']}.{one['property']}" for one in spec["inputs"][:1]],
    }
