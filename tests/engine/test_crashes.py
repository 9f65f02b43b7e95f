"""Whatever is killed in the middle of a job: it finishes, and every byte is as if nothing had happened."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from channelexplorer_dash.errors import ChannelExplorerError, JobFailedError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Pending, Ready
from tests.engine.processes import (
    IMAGES,
    ROOT,
    SLOW_VIEW,
    ask,
    computed,
    engine_processes,
    half_written,
    kill,
    results,
    slow_settings,
    until,
    workers,
)
from tests.engine.slow_model import SEEN
from tests.explorer.conftest import settled
from tests.server.test_gunicorn import free_port


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the model write down how many images it was given, one line a batch."""
    file = tmp_path / "seen.txt"
    monkeypatch.setenv(SEEN, str(file))
    # The engine's processes import the slow model from the checkout.
    monkeypatch.chdir(ROOT)
    return file


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "store"
    yield folder
    for process in engine_processes(folder):
        process.wait(30)


def images(seen: Path) -> int:
    return sum(map(int, seen.read_text().split())) if seen.exists() else 0


def shards(store: Path) -> list[Path]:
    return sorted(store.glob("shards/*/*.shard"))


def kill_worker(store: Path) -> None:
    (engine,) = engine_processes(store)
    kill(*workers(engine))


def kill_scheduler(store: Path) -> None:
    # Its workers notice, and end by themselves.
    kill(*engine_processes(store))


@pytest.mark.slow
@pytest.mark.parametrize("killed", [kill_worker, kill_scheduler])
def test_a_killed_engine_loses_only_the_shard_at_hand(
    store: Path, seen: Path, quiet: dict[str, bytes], killed: object
) -> None:
    explorer = Explorer(slow_settings(store))
    until(lambda: ask(explorer) and len(shards(store)) >= 3)
    assert callable(killed)
    killed(store)
    settled(lambda: ask(explorer))
    explorer.close()
    assert results(store) == quiet
    assert not half_written(store) and not shards(store)
    assert IMAGES <= images(seen) <= IMAGES + 256 + 32


@pytest.mark.slow
def test_effects_go_on_after_a_worker_and_a_scheduler_were_killed(
    store: Path, seen: Path, tmp_path: Path
) -> None:
    def measured(folder: Path, *kills: Callable[[Path], None], **flags: object) -> dict[str, bytes]:
        explorer = Explorer(slow_settings(folder, effect_images=240, **flags))
        settled(lambda: ask(explorer))
        done = 0
        for killed in kills:
            until(partial(is_under_way, explorer, folder, done + 2))
            killed(folder)
            done = len(shards(folder))
        settled(lambda: explorer.effects(SLOW_VIEW, "second"))
        # Its parts are removed once the table is there.
        until(lambda: not shards(folder))
        explorer.close()
        assert not half_written(folder)
        return results(folder)

    def is_under_way(explorer: Explorer, folder: Path, parts: int) -> bool:
        return isinstance(explorer.effects(SLOW_VIEW, "second"), Pending) and len(shards(folder)) > parts

    (tmp_path / "quiet").mkdir()
    undisturbed = measured(tmp_path / "quiet" / "store", engine="inline")
    assert measured(store, kill_worker, kill_scheduler) == undisturbed


@pytest.mark.slow
def test_the_job_of_a_killed_web_server_goes_on(store: Path, seen: Path, quiet: dict[str, bytes]) -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "tests.engine.served:app", "-w", "2", "-b", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env={**os.environ, "TEST_STORE": str(store), SEEN: str(seen)},
        stderr=subprocess.DEVNULL,
    )

    def asked() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(lambda: asked() and len(shards(store)) >= 2)
    master = psutil.Process(server.pid)
    # The engine is a session of its own.
    web = [p for p in master.children(recursive=True) if os.getsid(p.pid) == os.getsid(server.pid)]
    kill(master, *web)
    server.wait(30)
    # Nobody asks any more.
    until(lambda: not list((store / "jobs").glob("*.json")))
    assert results(store) == quiet
    assert images(seen) == IMAGES
    assert not half_written(store) and not shards(store)


@pytest.mark.slow
def test_two_servers_compute_a_layer_once(store: Path, seen: Path, quiet: dict[str, bytes]) -> None:
    both = [Explorer(slow_settings(store)), Explorer(slow_settings(store, shard_size=100))]
    until(lambda: all(isinstance(ask(explorer), Ready) for explorer in both))
    for explorer in both:
        explorer.close()
    assert results(store) == quiet
    assert images(seen) == IMAGES


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def cluster(folder: Path, size: int) -> Iterator[str]:
    """Run a plain Dask scheduler and plain workers, as a person would; yield the address."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    quietly = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    processes = [subprocess.Popen([*dask, *words], **quietly) for words in (scheduler, *[worker] * size)]  # type: ignore[call-overload]
    try:
        until(lambda: answers(port))
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(30)


@pytest.mark.slow
def test_three_workers_of_a_cluster_give_exactly_the_result_of_one(
    tmp_path: Path, store: Path, seen: Path, quiet: dict[str, bytes]
) -> None:
    with cluster(tmp_path / "scratch", 3) as address:
        computed(slow_settings(store, engine=address, shard_size=96))
    assert results(store) == quiet
    assert images(seen) == IMAGES


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of one MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("A small disk cannot be mounted here: that takes root.")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(file: Path) -> None:
    """Take all of the space that a disk has left."""
    with pytest.raises(OSError), file.open("wb", buffering=0) as out:
        for size in (4096, 1):
            while True:
                out.write(bytes(size))


@pytest.mark.parametrize("kept", [60_000, 0])
def test_a_full_disk_is_told_and_the_job_goes_on_once_there_is_room(
    small_disk: Path, seen: Path, quiet: dict[str, bytes], kept: int
) -> None:
    store = small_disk / "store"
    explorer = Explorer(slow_settings(store, engine="inline"))
    settled(lambda: explorer.describe("slow"))
    until(lambda: ask(explorer) and shards(store))
    filler, reserve = small_disk / "filler", small_disk / "reserve"
    reserve.write_bytes(bytes(kept))
    fill(filler)
    reserve.unlink()
    with pytest.raises(ChannelExplorerError, match="disk is full") as told:
        settled(lambda: ask(explorer))
    until(lambda: not half_written(store))
    before = results(store)
    assert all(quiet[name] == content for name, content in before.items())
    filler.unlink()
    if isinstance(told.value, JobFailedError):
        explorer.retry(told.value.key)
    settled(lambda: ask(explorer))
    explorer.close()
    assert results(store) == quiet
    assert not half_written(store)
