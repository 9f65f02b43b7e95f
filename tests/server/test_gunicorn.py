"""The server as it runs in production: real processes, real sockets."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            process.kill()


def get(address: str, seconds: float = 60.0) -> tuple[int, str]:
    """Ask for an address; ask again while nothing listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=seconds) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve_prints_where_it_is_and_stops_at_ctrl_c(tmp_path: Path) -> None:
    command = [str(BIN / "channelexplorer"), "serve", "--demo", "--port", "0", "--store", "store"]
    with running(command, tmp_path) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found, line
        assert json.loads(get(f"{found[0]}healthz")[1])["status"] == "ok"
        assert get(f"{found[0]}nothing")[0] == 404
        assert get(f"{found[0]}?layer={'x' * 7_900}")[0] == 200
        status, text = get(f"{found[0]}?layer={'x' * 10_000}")
        assert status == 414 and "too large" in text
    assert process.returncode == 0


def test_the_procfile_s_command_serves_the_demo_with_two_workers(tmp_path: Path) -> None:
    declared = (ROOT / "Procfile").read_text(encoding="utf-8").removeprefix("web: ").strip()
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "CHANNELEXPLORER_STORE": str(tmp_path / "store")}
    with running(["sh", "-c", f"exec {declared}"], tmp_path, **settings) as process:
        assert get(f"http://127.0.0.1:{port}/healthz")[0] == 200
        assert get(f"http://127.0.0.1:{port}/_dash-dependencies")[0] == 200
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if children.exists():
            assert len(children.read_text().split()) == 2
        assert "--threads" in shlex.split(declared)


def test_a_mistake_in_the_settings_stops_gunicorn_with_its_message(tmp_path: Path) -> None:
    command = [
        str(BIN / "gunicorn"),
        "channelexplorer_dash.wsgi:server",
        "--bind",
        f"127.0.0.1:{free_port()}",
    ]
    environment = {**os.environ, "CHANNELEXPLORER_CONFIG": str(tmp_path / "missing.toml")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "There is no settings file" in done.stderr and "Traceback" not in done.stderr


def test_a_taken_port_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [str(BIN / "channelexplorer"), "serve", "--demo", "--port", port]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr


def test_a_store_that_cannot_be_used_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command = [str(BIN / "channelexplorer"), "serve", "--demo", "--port", "0", "--store", "file"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("channelexplorer: ") == 1 and "Traceback" not in done.stderr
