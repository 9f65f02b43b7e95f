"""One engine for several workers and several people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.extraction.engine import _start_process
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings
from tests.engine.processes import (
    IMAGES,
    ROOT,
    ask,
    engine_processes,
    results,
    slow_settings,
    until,
    workers,
)
from tests.explorer.conftest import settled


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # The engine's processes import the slow model from the checkout.
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "store"
    yield folder
    for process in engine_processes(folder):
        process.wait(30)


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(store: Path, quiet: dict[str, bytes]) -> None:
    explorer = Explorer(slow_settings(store, engine_workers=2))
    settled(lambda: explorer.describe("slow"))
    (engine,) = engine_processes(store)
    assert len(workers(engine)) == 2
    settled(lambda: ask(explorer))
    explorer.close()
    assert results(store) == quiet


@pytest.mark.slow
def test_what_a_person_waits_for_overtakes_batch_work(store: Path) -> None:
    shard_size = 16
    batch = Explorer(slow_settings(store, shard_size=shard_size), batch=True)
    shards = list(range(0, 1797, shard_size))
    until(lambda: ask(batch) and list(store.glob("shards/*/*.shard")))
    flags = {"store": store, "engine_linger_seconds": 1.0, "threads": 1}
    person = Explorer(load_settings([demo_settings_file()], flags=flags, environment=False))
    settled(lambda: person.describe("digits-resnet"))
    assert len(list(store.glob("shards/*/*.shard"))) < len(shards) - 5
    person.close()
    (job,) = batch.jobs()
    batch.cancel(job.key)
    batch.close()


def test_a_large_log_makes_room_for_a_new_one(store: Path) -> None:
    folder = store / "engine"
    folder.mkdir(parents=True)
    with (folder / "engine.log").open("wb") as log:
        log.truncate(5_000_001)
    explorer = Explorer(slow_settings(store))
    until(lambda: bool(ask(explorer)) and (folder / "scheduler.json").exists())
    explorer.close()
    assert (folder / "engine.log").stat().st_size < 5_000_000
    assert (folder / "engine.log.1").stat().st_size == 5_000_001


def test_an_engine_starts_where_the_system_names_no_cores(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    (store / "engine").mkdir(parents=True)
    process = _start_process(store / "engine", slow_settings(store, threads=0))
    until(lambda: (store / "engine" / "scheduler.json").exists())
    assert process.poll() is None
    process.terminate()
    process.wait(30)


@pytest.mark.slow
def test_batch_work_that_a_person_joins_overtakes_the_other(store: Path) -> None:
    """One batch waits behind another; from the moment that a person asks for its result, it goes first."""
    shard_size = 16
    first = Explorer(slow_settings(store, shard_size=shard_size), batch=True)
    until(lambda: ask(first) and list(store.glob("shards/*/*.shard")))
    (job,) = first.jobs()
    flags = {"store": store, "engine_linger_seconds": 1.0, "threads": 1}
    settings = load_settings([demo_settings_file()], flags=flags, environment=False)
    view = View("digits-resnet", "digits", summary="l2")
    second, person = Explorer(settings, batch=True), Explorer(settings)
    settled(lambda: person.describe("digits-resnet"))
    queued = second.compute(view, ("layer1.0",), output=False)
    assert isinstance(queued, Pending)
    until(lambda: second._engine._futures)
    settled(lambda: person.compute(view, ("layer1.0",), output=False))
    mine = first._work.store.shards(job.key).there()
    for explorer in (person, second):
        explorer.close()
    first.cancel(job.key)
    first.close()
    # The batch that was there first is still under way.
    assert 0 < len(mine) < len(range(0, IMAGES, shard_size)) - 5
