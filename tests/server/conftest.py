"""The real app on the digits demo, computed in this process, through Flask's test client."""

from __future__ import annotations

import json
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
    """Return the body that the page sends for a callback, with one component behind every wildcard.

    ``values`` are by ``id.property``; those that are not given are None.
    """
    spec, known = app.callback_map[output], values or {}

    def filled(one: dict[str, Any]) -> Any:
        name = f"{one['id']}.{one['property']}"
        return addressed(one["id"], one["property"], value=known.get(name))

    targets = []
    for name in output.removeprefix("..").removesuffix("..").split("...") if output[0] != "{" else [output]:
        component, _, prop = name.rpartition(".")
        targets.append(addressed(component, prop.partition("@")[0]))
    return {
        "output": output,
        "outputs": targets if output.startswith("..") else targets[0],
        "inputs": [filled(one) for one in spec["inputs"]],
        "state": [filled(one) for one in spec["state"]],
        "changedPropIds": [f"{one['id']}.{one['property']}" for one in spec["inputs"][:1]],
    }


def addressed(component: str, prop: str, **value: Any) -> Any:
    """Return a component and its property as the page names them: in a list where all are meant."""
    if not component.startswith("{"):
        return {"id": component, "property": prop, **value}
    pattern = json.loads(component.replace("\\.", "."))
    found = {key: "layer1.0" if isinstance(part, list) else part for key, part in pattern.items()}
    one = {"id": found, "property": prop, **value}
    return [one] if ["ALL"] in pattern.values() else one


def served(app: Dash) -> list[str]:
    """Return the outputs of the callbacks that run on the server."""
    return sorted(output for output, spec in app.callback_map.items() if "callback" in spec)
