"""A real server for benchmarks and screenshots, on a free port and a store of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 60.0


@contextmanager
def serving(store: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``channelexplorer serve``; yield the process and its address.

    Afterwards the server and the engine of its store have ended.

    Parameters
    ----------
    words
        Arguments of the command.
    """
    environment = {
        **os.environ,
        "CHANNELEXPLORER_STORE": str(store),
        "CHANNELEXPLORER_PORT": "0",
        "CHANNELEXPLORER_THREADS": "1",
        "CHANNELEXPLORER_ENGINE_LINGER_SECONDS": "0.5",
    }
    process = subprocess.Popen(
        [str(_command()), "serve", *words], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "http://" in line:
                yield process, "http://" + line.partition("http://")[2].split()[0]
                break
        else:
            raise SystemExit("`channelexplorer serve` ended before it printed an address.")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_SECONDS)
        _until_engine_ended(store)


def _command() -> Path:
    beside = Path(sys.executable).with_name("channelexplorer")
    found = beside if beside.exists() else shutil.which("channelexplorer")
    if found is None:
        raise SystemExit("The command `channelexplorer` is not installed: run `make install`.")
    return Path(found)


def _until_engine_ended(store: Path) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while (store / "engine" / "scheduler.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
