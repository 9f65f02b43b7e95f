"""The real callbacks on the digits demo, computed in this process and called as plain functions."""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dash import Dash
from dash._callback_context import context_value
from dash._utils import AttributeDict

from channelexplorer_dash.callbacks import Callbacks, register
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.shell import shell
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings

LAYER = "layer4.0"
PREFIX = "/channels/"
OTHER = "untrained"
Call = Callable[..., Any]


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    store = tmp_path_factory.mktemp("callbacks") / "store"
    made = Explorer(load_settings([demo_settings_file()], flags={"store": store, "engine": "inline"}))
    yield made
    made.close()


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """Return an explorer of the demo with the same network, untrained, as a second model."""
    store = tmp_path_factory.mktemp("comparing") / "store"
    settings = load_settings([demo_settings_file()], flags={"store": store, "engine": "inline"})
    spec = settings.models[0]
    other = spec.model_copy(update={"name": OTHER, "weights": "random"})
    made = Explorer(settings.model_copy(update={"models": (spec, other)}))
    yield made
    made.close()


@pytest.fixture(scope="session")
def app(explorer: Explorer) -> Dash:
    made = Dash("callbacks", url_base_pathname=PREFIX, suppress_callback_exceptions=True)
    made.layout = shell()
    return made


@pytest.fixture(scope="session")
def functions(app: Dash, explorer: Explorer) -> Callbacks:
    return register(app, explorer)


@pytest.fixture(scope="session")
def view() -> View:
    return View("digits-resnet", "digits", per_class=12)


@pytest.fixture(scope="session")
def computed(explorer: Explorer, view: View) -> View:
    """Return a view whose layer, profile and predictions are there."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        status = explorer.status(view, LAYER, "pca")
        profile = explorer.profile(view, "stage")
        if status.job is None and isinstance(profile, Ready) and profile.value.job is None:
            return view
        time.sleep(0.1)
    raise AssertionError("The demo was not computed in time.")


@pytest.fixture
def call() -> Call:
    """Return a function that calls a callback as if Dash did, with what triggered it."""

    def called(function: Call, *values: Any, triggered: dict[str, Any] | None = None, **named: Any) -> Any:
        items = [{"prop_id": name, "value": value} for name, value in (triggered or {}).items()]
        context = contextvars.copy_context()
        context.run(context_value.set, AttributeDict(triggered_inputs=items))
        return context.run(function, *values, **named)

    return called


def prop(component: dict[str, Any] | str, name: str) -> str:
    """Return what Dash calls a property of a component in ``triggered``."""
    text = (
        component
        if isinstance(component, str)
        else json.dumps(component, sort_keys=True, separators=(",", ":"))
    )
    return f"{text}.{name}"


def until_idle(ask: Any) -> Any:
    """Ask until nothing is computed any more; return the content without the line's state."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        *answer, state = ask()
        if state["phase"] != "busy":
            assert state["phase"] == "idle", state
            return answer
        time.sleep(0.1)
    raise AssertionError("The answer never came.")
