"""Real engines of every kind, joined or started; and what is said of those that are not well."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil
import pytest
from distributed import LocalCluster

import channelexplorer_dash
from channelexplorer_dash import Settings
from channelexplorer_dash.doctor.engine import (
    check_leftover_engine,
    check_probe,
    look_at_engine,
    needed,
)
from channelexplorer_dash.extraction.engine import Engine
from channelexplorer_dash.extraction.probing import Probe, Worker, is_running, probe
from channelexplorer_dash.store import Store

WORKER = Worker(platform.python_version(), channelexplorer_dash.__version__, ())


def test_an_inline_engine_answers_and_leaves_no_store(settings: Settings) -> None:
    (found,) = look_at_engine(settings)
    assert (
        found.level in {"ok", "warning"} and "inline: started" in found.found and "1 worker;" in found.found
    )
    assert not settings.store.exists()


@pytest.mark.slow
def test_an_embedded_engine_is_started_beside_the_store_and_stopped(settings: Settings) -> None:
    embedded = settings.model_copy(update={"engine": "embedded"})
    found = look_at_engine(embedded)
    assert [one.what for one in found] == ["engine"] and "embedded: started" in found[0].found
    assert not settings.store.exists()
    # Its process ends with its scheduler.
    started = [p for p in psutil.Process().children() if "channelexplorer-" in " ".join(p.cmdline())]
    assert not psutil.wait_procs(started, 30)[1]


@pytest.mark.slow
def test_an_embedded_engine_that_runs_is_joined_and_left_running(settings: Settings) -> None:
    embedded = settings.model_copy(update={"engine": "embedded", "engine_linger_seconds": 0.5})
    engine = Engine(embedded, Store(settings.store))
    try:
        engine.connected()
        (found,) = look_at_engine(embedded)
        assert "was running, joined" in found.found and is_running(settings.store)
    finally:
        engine.close()
    (ended,) = (p for p in psutil.Process().children() if str(settings.store) in " ".join(p.cmdline()))
    ended.wait(30)


def test_a_cluster_is_joined_and_asked_what_it_sees(settings: Settings, tmp_path: Path) -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
    ) as cluster:
        there = settings.model_copy(update={"engine": cluster.scheduler_address})
        (found,) = look_at_engine(there)
        assert "joined" in found.found
        asked = probe(there, [str(tmp_path), str(tmp_path / "unseen")])
        assert asked.was_running and asked.workers[0].missing == (str(tmp_path / "unseen"),)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://127.0.0.1", "tcp://127.0.0.1:x"])
def test_a_cluster_that_is_not_there_is_a_problem(settings: Settings, address: str) -> None:
    (found,) = look_at_engine(settings.model_copy(update={"engine": address}))
    assert found.level == "problem" and f"Nobody listens at {address}" in found.found


@pytest.mark.parametrize(
    ("worker", "level", "said"),
    [
        (Worker("3.1", WORKER.version, ()), "warning", "Python 3.1"),
        (Worker(WORKER.python, "0.0.1", ()), "problem", "0.0.1"),
        (Worker(WORKER.python, WORKER.version, ("/data/a",)), "problem", "does not see /data/a"),
        (Worker("", "", (), "ModuleNotFoundError: no probing"), "problem", "ModuleNotFoundError"),
    ],
)
def test_a_worker_that_is_not_as_it_should_be_is_told(
    settings: Settings, worker: Worker, level: str, said: str
) -> None:
    fine, told = check_probe(settings, Probe(True, 0.1, 0.001, (WORKER, worker)))
    assert (fine.level, told.level, told.what) == ("ok", level, "worker 1") and said in told.found


def test_no_worker_is_a_problem_and_a_slow_answer_a_warning(settings: Settings) -> None:
    assert check_probe(settings, Probe(True, 0.1, 0.001, ()))[0].level == "problem"
    assert check_probe(settings, Probe(True, 0.1, 0.9, (WORKER,)))[0].level == "warning"


def test_an_address_that_a_dead_engine_left_is_told(settings: Settings, tmp_path: Path) -> None:
    embedded = settings.model_copy(update={"engine": "embedded", "store": tmp_path})
    assert check_leftover_engine(embedded) == [] and not is_running(tmp_path)
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "scheduler.json").write_text('{"address": "tls://127.0.0.1:1"}')
    (found,) = check_leftover_engine(embedded)
    assert found.level == "warning" and "does not answer" in found.found
    assert check_leftover_engine(settings.model_copy(update={"store": tmp_path})) == []


def test_workers_need_what_is_on_disk(settings: Settings) -> None:
    assert [Path(path).suffix for path in needed(settings)].count(".safetensors") == 4
    settings.store.mkdir()
    assert needed(settings)[0] == str(settings.store)
