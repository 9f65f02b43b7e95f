"""What the tests of the engine share: settings, the engine's processes, and an undisturbed run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Answer
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings, load_settings
from tests.explorer.conftest import settled

ROOT = Path(__file__).resolve().parents[2]
SLOW_VIEW = View("slow", "digits", summary="l2")
SLOW_LAYERS = ("first", "second")
IMAGES = 1797

CONFIG = """
[[models]]
name = "slow"
source = "factory:tests.engine.slow_model:build"
[models.preprocessing]
input_size = [1, 16, 16]
[[datasets]]
name = "digits"
kind = "digits"
"""


def slow_settings(store: Path, **flags: object) -> Settings:
    """Return settings with the slow model: a job of eight shards and about four seconds."""
    config = store.parent / "slow.toml"
    config.write_text(CONFIG)
    values = {"store": store, "engine_linger_seconds": 1.0, "threads": 1, **flags}
    return load_settings([config], flags=values, environment=False)


def ask(explorer: Explorer) -> Answer[tuple[str, ...]]:
    """Ask for everything that the slow model gives."""
    return explorer.compute(SLOW_VIEW, SLOW_LAYERS, output=True)


def computed(settings: Settings) -> None:
    """Have everything computed by an explorer of its own."""
    explorer = Explorer(settings)
    try:
        settled(lambda: ask(explorer))
    finally:
        explorer.close()


def results(store: Path) -> dict[str, bytes]:
    """Return every published summary and table, by name."""
    kinds = ("summaries", "tables")
    return {path.name: path.read_bytes() for kind in kinds for path in sorted((store / kind).glob("*/*"))}


def half_written(store: Path) -> list[Path]:
    """Return what a dead writer left."""
    return list(store.rglob(".writing-*"))


def engine_processes(store: Path) -> list[psutil.Process]:
    """Return the engine processes of one store."""
    found = {}
    for process in psutil.process_iter(["cmdline", "ppid"]):
        line = process.info["cmdline"] or []
        if str(store / "engine") in line and "channelexplorer_dash.extraction.engine_process" in line:
            found[process.pid] = process
    # A child that has not begun its own program yet still goes by its parent's command.
    return [process for process in found.values() if process.info["ppid"] not in found]


def workers(engine: psutil.Process) -> list[psutil.Process]:
    """Return an engine's worker processes."""
    return [child for child in engine.children(recursive=True) if "spawn_main" in " ".join(child.cmdline())]


def until(there: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "It never came to be."
        time.sleep(0.02)


def kill(*processes: psutil.Process) -> None:
    """Kill processes by their ids, as the kernel does when memory is short."""
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(processes, 30)
