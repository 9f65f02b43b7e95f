"""Real servers for the browser: the Procfile's gunicorn, and whatever else a test starts."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
UP_SECONDS = 90.0
DOWN_SECONDS = 60.0
LINGER_SECONDS = 1.0
TROUBLE = re.compile(r"error|warning|traceback|exception|critical", re.IGNORECASE)
ENGINE_TROUBLE = re.compile(r"error|traceback|exception|critical", re.IGNORECASE)
# Which process answered whom what: the browser's name, the worker, the status and the path.
ACCESS_FORMAT = "%({user-agent}i)s\t%(p)s\t%(s)s\t%(m)s\t%(U)s"


@dataclass(frozen=True)
class Answered:
    """One line of the access log."""

    browser: str
    worker: int
    status: int
    method: str
    path: str


@dataclass(frozen=True)
class Server:
    """A running server: its address, its store and its logs."""

    address: str
    store: Path
    log: Path
    access_log: Path

    def answered(self) -> list[Answered]:
        """Return what was answered so far; a worker's number is written as ``<number>``."""
        lines = self.access_log.read_text(encoding="utf-8").splitlines() if self.access_log.exists() else []
        found = []
        for line in lines:
            browser, worker, status, method, path = line.split("\t")
            found.append(Answered(browser, int(worker.strip("<>")), int(status), method, path))
        return found

    def trouble(self) -> list[str]:
        """Return the lines of the server's log that tell of errors or warnings, and of the engine's errors.

        The engine may warn: that its worker was slow to end, for one, on a busy machine.
        """
        found: list[str] = []
        for log, trouble in ((self.log, TROUBLE), (self.store / "engine" / "engine.log", ENGINE_TROUBLE)):
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            found += [line for line in lines if trouble.search(line)]
        # Gunicorn's own refusal of a line that a test made too long on purpose.
        return [line for line in found if "Request Line is too large" not in line]


def procfile_command() -> str:
    """Return the command of the Procfile's ``web`` process."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("web:").strip() for line in lines if line.startswith("web:"))


@contextmanager
def serving(
    command: str,
    store: Path,
    folder: Path,
    name: str,
    variables: Mapping[str, str],
    *,
    keeps_engine: bool = False,
) -> Iterator[Server]:
    """Run a server's command, given as a line of shell, on a free port; end it, and its engine, afterwards.

    Parameters
    ----------
    folder
        Where the logs are written, named by ``name``.
    variables
        What is added to the environment, beside ``HOST``, ``PORT`` and the settings that all servers of
        these tests share.
    keeps_engine
        Whether another server uses the store, whose engine therefore stays.

    Raises
    ------
    AssertionError
        If the server does not come up or go down, leaves a process behind, or logs an error or a warning.
    """
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}/", store, folder / f"{name}.log", folder / f"{name}.access.log")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "GUNICORN_CMD_ARGS": f"--access-logfile {server.access_log} --access-logformat '{ACCESS_FORMAT}'",
        "CHANNELEXPLORER_STORE": str(store),
        "CHANNELEXPLORER_THREADS": "1",
        "CHANNELEXPLORER_ENGINE_LINGER_SECONDS": str(LINGER_SECONDS),
        **variables,
    }
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        _until_up(server, process)
        yield server
    finally:
        end(process)
    left = [] if keeps_engine else _until_engine_ended(store)
    assert not left, f"Processes were left behind: {left}"
    assert not server.trouble(), "\n".join(server.trouble())


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> int:
    """End a process; return its exit status, and fail where its children outlive it."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    # The engine is of no server alone: it lingers, and is waited for elsewhere.
    children = [child for child in children if "engine_process" not in " ".join(_words(child))]
    children = [child for child in children if not _is_engine_s(child)]
    if process.poll() is None:
        process.send_signal(how)
    try:
        status = process.wait(DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"The server did not end within {DOWN_SECONDS:.0f} s of {how.name}.") from None
    _, alive = psutil.wait_procs(children, timeout=DOWN_SECONDS)
    assert not alive, f"Workers outlived their server: {alive}"
    return status


def _is_engine_s(process: psutil.Process) -> bool:
    try:
        return any("engine_process" in " ".join(_words(parent)) for parent in process.parents())
    except psutil.NoSuchProcess:
        return True


def _words(process: psutil.Process) -> Sequence[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ()


def _until_up(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"The server ended at once:\n{server.log.read_text()}"
        try:
            # Any answer will do: a host's login check refuses what comes from nobody.
            urllib.request.urlopen(server.address + "healthz", timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"The server did not come up:\n{server.log.read_text()}")


def _until_engine_ended(store: Path) -> list[str]:
    """Wait until no process is at work on a store; return the commands of those that stay."""
    deadline = time.monotonic() + DOWN_SECONDS
    while True:
        commands = [" ".join(_words(process)) for process in psutil.process_iter()]
        left = [command for command in commands if str(store) in command]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)
