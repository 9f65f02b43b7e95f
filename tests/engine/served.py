"""A web application that asks the engine, for gunicorn; the store is named by ``TEST_STORE``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from channelexplorer_dash.explorer import Explorer
from tests.engine.processes import ask, slow_settings


@cache
def explorer() -> Explorer:
    """Return this worker's explorer, made after the fork."""
    return Explorer(slow_settings(Path(os.environ["TEST_STORE"])))


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer ``Ready`` or ``Pending``."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [type(ask(explorer())).__name__.encode()]
