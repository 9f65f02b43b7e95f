"""The embedded engine with real processes: shared, cancelled, killed, and started again."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.errors import JobFailedError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.extraction.joining import JoiningClient
from channelexplorer_dash.results.answers import Pending, Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings, load_settings
from channelexplorer_dash.store import Kind, Store, digest
from tests.engine.processes import engine_processes
from tests.explorer.conftest import settled

VIEW = View("digits-resnet", "digits", summary="l2")
LAYERS = ("layer1.0", "layer4.0")


def make_settings(store: Path, **flags: object) -> Settings:
    values = {"store": store, "engine_linger_seconds": 1.0, "threads": 1, **flags}
    return load_settings([demo_settings_file()], flags=values, environment=False)


@pytest.fixture
def explorer(tmp_path: Path) -> Iterator[Explorer]:
    made = Explorer(make_settings(tmp_path / "store"))
    yield made
    made.close()
    for process in engine_processes(tmp_path / "store"):
        process.wait(30)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the published summaries of a run that nothing happened to, by key."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    quiet = Explorer(make_settings(store, engine="inline"))
    settled(lambda: quiet.compute(VIEW, LAYERS, output=True))
    quiet.close()
    return summaries(store)


def summaries(store: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((store / "summaries").glob("*/*.npy"))}


ASK = """
import sys, time
from pathlib import Path
from tests.engine.test_engine import VIEW, LAYERS, make_settings
from tests.explorer.conftest import settled
from channelexplorer_dash.explorer import Explorer
explorer = Explorer(make_settings(Path(sys.argv[1])))
settled(lambda: explorer.compute(VIEW, LAYERS, output=True))
explorer.close()
"""


@pytest.mark.slow
def test_two_servers_share_one_engine_and_do_the_work_once(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    store = tmp_path / "store"
    askers = [subprocess.Popen([sys.executable, "-c", ASK, str(store)]) for _ in range(2)]
    seen: set[int] = set()
    while any(asker.poll() is None for asker in askers):
        seen |= {process.pid for process in engine_processes(store)}
        time.sleep(0.1)
    assert [asker.returncode for asker in askers] == [0, 0]
    assert len(seen) == 1
    assert summaries(store) == undisturbed
    # Nobody needs the engine any more: it ends by itself.
    deadline = time.monotonic() + 30
    while engine_processes(store) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not engine_processes(store)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(
    explorer: Explorer, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    store = tmp_path / "store"
    asked = explorer.compute(VIEW, LAYERS, output=True)
    killed = 0
    while not isinstance(asked, Ready):
        if killed < 2 and isinstance(asked, Pending) and asked.job.done > 256 * killed:
            for engine in engine_processes(store):
                for worker in engine.children(recursive=True):
                    if "spawn_main" in " ".join(worker.cmdline()):
                        worker.kill()
                        killed += 1
        time.sleep(0.1)
        asked = explorer.compute(VIEW, LAYERS, output=True)
    assert killed >= 1
    assert summaries(store) == undisturbed
    assert not list((store / "summaries").glob("*/.writing-*"))


@pytest.mark.slow
def test_a_killed_engine_is_started_again(
    explorer: Explorer, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    store = tmp_path / "store"
    asked = explorer.compute(VIEW, LAYERS, output=True)
    killed = False
    deadline = time.monotonic() + 120
    while not isinstance(asked, Ready):
        assert time.monotonic() < deadline
        if not killed and asked.job.done > 0:
            for engine in engine_processes(store):
                for process in [*engine.children(recursive=True), engine]:
                    process.kill()
                killed = True
        time.sleep(0.1)
        asked = explorer.compute(VIEW, LAYERS, output=True)
    assert killed
    assert summaries(store) == undisturbed


@pytest.mark.slow
def test_cancelled_work_stops_and_goes_on_where_it_was(explorer: Explorer, tmp_path: Path) -> None:
    asked = explorer.compute(VIEW, LAYERS, output=True)
    while isinstance(asked, Pending) and not 0 < asked.job.done < asked.job.total:
        time.sleep(0.05)
        asked = explorer.compute(VIEW, LAYERS, output=True)
    assert isinstance(asked, Pending)
    explorer.cancel(asked.job.key)
    assert explorer.jobs() == ()
    time.sleep(1.0)
    shards = sorted((tmp_path / "store" / "shards").rglob("*.shard"))
    time.sleep(1.0)
    assert sorted((tmp_path / "store" / "shards").rglob("*.shard")) == shards
    assert shards
    settled(lambda: explorer.compute(VIEW, LAYERS, output=True))


def test_a_failure_is_told_and_can_be_tried_again(tmp_path: Path) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text(
        '[[models]]\nname = "m"\nsource = "factory:not_there_yet:build"\n'
        '[[datasets]]\nname = "digits"\nkind = "digits"\n'
    )
    flags = {"store": tmp_path / "store", "engine": "inline"}
    explorer = Explorer(load_settings([config], flags=flags, environment=False))
    with pytest.raises(JobFailedError, match="not_there_yet") as failed:
        settled(lambda: explorer.describe("m"))
    with pytest.raises(JobFailedError):
        explorer.describe("m")
    assert explorer.jobs() == ()
    explorer.retry(failed.value.key)
    with pytest.raises(JobFailedError):
        settled(lambda: explorer.describe("m"))
    explorer.close()


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    explorer = Explorer(make_settings(tmp_path / "store", engine="tcp://127.0.0.1:9"))
    with pytest.raises(JobFailedError, match=r"no engine at tcp://127\.0\.0\.1:9"):
        settled(lambda: explorer.describe("digits-resnet"))
    explorer.close()


def test_a_cluster_that_cannot_be_reached_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with pytest.raises(OSError):
        JoiningClient("tcp://127.0.0.1:9", 0.2)
    assert not [thread.name for thread in set(threading.enumerate()) - before if thread.name == "IO loop"]


@pytest.mark.slow
def test_only_the_owner_can_read_how_to_reach_the_engine(explorer: Explorer, tmp_path: Path) -> None:
    settled(lambda: explorer.describe("digits-resnet"))
    file = tmp_path / "store" / "engine" / "scheduler.json"
    assert file.stat().st_mode & 0o077 == 0
    address = json.loads(file.read_text())["address"]
    assert address.startswith("tls://127.0.0.1:")
    stranger = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from distributed import Client; Client({address.replace('tls', 'tcp')!r}, timeout=2)",
        ],
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert stranger.returncode != 0
    for process in engine_processes(tmp_path / "store"):
        tells_nothing(process, *process.children(recursive=True))


def test_the_inline_engine_tells_nothing_to_other_accounts(tmp_path: Path) -> None:
    explorer = Explorer(make_settings(tmp_path / "store", engine="inline"))
    before = {address.port for address in listening(psutil.Process())}
    settled(lambda: explorer.describe("digits-resnet"))
    tells_nothing(psutil.Process(), besides=before)
    explorer.close()


def listening(process: psutil.Process) -> list[Any]:
    return [c.laddr for c in process.net_connections() if c.status == psutil.CONN_LISTEN]


def tells_nothing(*processes: psutil.Process, besides: Collection[int] = ()) -> None:
    """Nothing is reachable from outside, and no page is served to whoever holds no certificate."""
    addresses = [address for process in processes for address in listening(process)]
    opened = [address for address in addresses if address.port not in besides]
    assert opened and {address.ip for address in opened} == {"127.0.0.1"}
    for address in opened:
        for page in ("info/main/workers.html", "health", "json/identity.json", "status"):
            with pytest.raises((urllib.error.HTTPError, OSError)):
                urllib.request.urlopen(f"http://127.0.0.1:{address.port}/{page}", timeout=5)


def test_the_engine_of_another_account_is_not_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = Explorer(make_settings(tmp_path / "store"))
    folder = tmp_path / "store" / "engine"
    folder.mkdir()
    (folder / "scheduler.json").write_text('{"address": "tls://127.0.0.1:9", "certificate": "", "key": ""}')
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(JobFailedError, match="belongs to another account"):
        settled(lambda: explorer.describe("digits-resnet"))
    explorer.close()


def test_shards_of_any_size_give_the_same_summary(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    odd = Explorer(make_settings(tmp_path / "odd", engine="inline", shard_size=500, batch_size=7))
    settled(lambda: odd.compute(VIEW, LAYERS, output=True))
    odd.close()
    for key, content in summaries(tmp_path / "odd").items():
        first = Store(tmp_path / "odd").array(Kind.SUMMARY, key)
        second = np.frombuffer(undisturbed[key][-first.nbytes :], np.float32).reshape(first.shape)
        np.testing.assert_allclose(first, second, rtol=2e-5, atol=1e-6)
        assert len(content) == len(undisturbed[key])


def test_what_was_dropped_on_the_page_is_forgotten_after_its_hour(explorer: Explorer, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    old, new = digest({"dropped": "old"}), digest({"dropped": "new"})
    for key, age in ((old, 3700.0), (new, 60.0)):
        store.publish_array(Kind.PASSING, key, np.zeros(3))
        path = store.path(Kind.PASSING, key)
        os.utime(path, (time.time() - age, time.time() - age))
    # Nobody drops anything: an engine that runs for another reason is enough.
    settled(lambda: explorer.compute(VIEW, LAYERS[:1], output=False))
    deadline = time.monotonic() + 30
    while store.has(Kind.PASSING, old) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not store.has(Kind.PASSING, old)
    assert store.has(Kind.PASSING, new)
