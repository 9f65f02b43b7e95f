"""What a task does around its work: markers, failures and the quota."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.errors import ModelError, VanishedError
from channelexplorer_dash.extraction import tasks
from channelexplorer_dash.extraction.plan import Derivation, Plan
from channelexplorer_dash.store import JobBoard, Kind, Marker, Store, digest

PLAN = Derivation("scaling", "layer", digest("source"), digest("sample"), {"normalisation": "none"})

Act = Callable[[Store, Plan, Callable[[], None]], None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def board(store: Store) -> JobBoard:
    return JobBoard(store)


def posted(board: JobBoard) -> Marker:
    return board.post(PLAN.key, PLAN.label, PLAN.covers, PLAN.to_json())


def attempt(store: Store, marker: Marker, act: Act, quota: int | None = 0) -> bool:
    return tasks._attempt(str(store.root), PLAN.key, marker.token, act, quota)


def publish(store: Store, plan: Plan, _still_wanted: Callable[[], None]) -> None:
    store.publish_array(Kind.ARRAY, plan.key, np.zeros(3))


def test_work_that_is_done_does_not_fail_by_the_quota(
    store: Store, board: JobBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    up: list[bool] = []

    def broken(*_: object, **__: object) -> None:
        up.append(board.find(PLAN.key) is not None)
        raise FileNotFoundError("a file went meanwhile")

    monkeypatch.setattr(tasks, "keep_to_quota", broken)
    assert attempt(store, posted(board), publish, quota=1)
    assert up == [False]
    assert store.has(Kind.ARRAY, PLAN.key)
    assert board.failure(PLAN.key) is None


def test_work_in_one_piece_says_all_the_while_that_it_is_under_way(
    store: Store, board: JobBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_TOUCH_SECONDS", 0.01)
    file = store.root / "jobs" / f"{PLAN.key}.json"

    def long(*_: object) -> None:
        os.utime(file, (0, 0))
        deadline = time.monotonic() + 20
        while file.stat().st_mtime == 0:
            assert time.monotonic() < deadline, "Nobody touched the marker."
            time.sleep(0.005)

    assert attempt(store, posted(board), long)


@pytest.mark.parametrize("error", [None, ValueError("x"), VanishedError("x"), ModelError("x"), MemoryError()])
def test_an_old_attempt_leaves_the_next_alone(
    store: Store, board: JobBoard, error: BaseException | None
) -> None:
    first = posted(board)
    later: list[Marker] = []

    def replaced(*_: object) -> None:
        board.remove(PLAN.key, first.token)
        later.append(posted(board))
        if error is not None:
            raise error

    attempt(store, first, replaced)
    assert [board.find(PLAN.key)] == later
    assert board.failure(PLAN.key) is None
