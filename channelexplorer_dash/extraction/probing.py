"""Is the engine there, or can it be started; how fast does it answer; do its workers see what they need."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from channelexplorer_dash.errors import EngineError
from channelexplorer_dash.extraction.engine import SCHEDULER_FILE, Engine, join_file
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.store import Store

_ANSWER_SECONDS = 30.0
_STOP_SECONDS = 15.0
_REACH_SECONDS = 5.0
# Long enough for its client to join on a busy machine, and short enough to wait for its end.
_LINGER_SECONDS = 5.0
_ROUNDS = 5


@dataclass(frozen=True)
class Worker:
    """What a worker says of itself: its versions, the files that it does not see, or its error."""

    python: str
    version: str
    missing: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True)
class Probe:
    """An engine that answers.

    Attributes
    ----------
    was_running
        Whether somebody else had started it.
    ready_seconds
        Until the first answer of all workers, with its start if it was not running.
    round_trip_seconds
        A question and its answer, the fastest of a few.
    """

    was_running: bool
    ready_seconds: float
    round_trip_seconds: float
    workers: tuple[Worker, ...]


def look(paths: Sequence[str]) -> Worker:
    """Say what this worker is, and which of the paths it cannot read; runs in the worker."""
    import channelexplorer_dash

    unseen = tuple(path for path in paths if not os.access(path, os.R_OK))
    return Worker(platform.python_version(), channelexplorer_dash.__version__, unseen)


def is_running(store: Path) -> bool:
    """Tell whether a store's embedded engine runs; raise PermissionError where it is another account's."""
    client = join_file(store / "engine")
    if client is None:
        return False
    client.close()
    return True


def probe(settings: Settings, paths: Sequence[str]) -> Probe:
    """Join the engine, or start one on an empty store, and ask its workers; what was started is stopped.

    Parameters
    ----------
    paths
        What the workers have to see.

    Raises
    ------
    EngineError
        If there is none, it does not start, or does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="channelexplorer-", ignore_cleanup_errors=True) as scratch:
        embedded = settings.engine == "embedded"
        running = is_running(settings.store) if embedded else settings.engine != "inline"
        root = settings.store if embedded and running else Path(scratch)
        if running and not embedded:
            _check_reachable(settings.engine)
        engine = Engine(settings.model_copy(update={"engine_linger_seconds": _LINGER_SECONDS}), Store(root))
        begun = time.monotonic()
        try:
            client = engine.connected()
            # The scheduler may be there before the first of its workers.
            with contextlib.suppress(TimeoutError):
                client.wait_for_workers(1, timeout=_ANSWER_SECONDS)
            answers = client.run(look, paths, on_error="return", callback_timeout=_ANSWER_SECONDS)
            ready, rounds = time.monotonic() - begun, []
            for _ in range(_ROUNDS):
                asked = time.monotonic()
                client.run(look, (), on_error="return", callback_timeout=_ANSWER_SECONDS)
                rounds.append(time.monotonic() - asked)
            if embedded and not running:
                client.shutdown()
        except TimeoutError as error:
            raise EngineError(
                f"The engine did not answer for {_ANSWER_SECONDS:.0f} seconds. Stop it, and try again."
            ) from error
        finally:
            engine.close()
            if embedded and not running:
                _wait_for_end(root / "engine" / SCHEDULER_FILE)
        workers = tuple(
            answer if isinstance(answer, Worker) else Worker("", "", (), f"{type(answer).__name__}: {answer}")
            for answer in answers.values()
        )
        return Probe(running, ready, min(rounds), workers)


def _check_reachable(address: str) -> None:
    """Find out at once, and without Dask's many tries, where nobody listens."""
    try:
        at = urlsplit(address if "://" in address else f"tcp://{address}")
        socket.create_connection((at.hostname or "", at.port or 0), timeout=_REACH_SECONDS).close()
    except (OSError, ValueError) as error:
        raise EngineError(
            f"Nobody listens at {address} ({error}). Check `engine` in the settings, or run `dask scheduler` "
            "there."
        ) from error


def _wait_for_end(file: Path) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    while file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
