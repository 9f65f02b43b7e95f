"""The job board: one marker a piece of work, whoever asks; removing it cancels."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from channelexplorer_dash.errors import StoreError
from channelexplorer_dash.store import JobBoard, Store, digest
from channelexplorer_dash.store.jobs import FRESH_SECONDS

KEY, RESULT = digest("work"), digest("result")


@pytest.fixture
def board(tmp_path: Path) -> JobBoard:
    return JobBoard(Store(tmp_path))


def test_many_post_and_one_wins(board: JobBoard) -> None:
    with ThreadPoolExecutor(8) as pool:
        posted = list(pool.map(lambda _: board.post(KEY, "Running", (RESULT,), {"kind": "x"}), range(40)))
    assert len({marker.token for marker in posted}) == 1
    assert board.all() == (posted[0],)
    assert board.covering(RESULT) == posted[0]


def test_a_cancelled_attempt_is_not_wanted_and_the_next_has_another_token(board: JobBoard) -> None:
    first = board.post(KEY, "Running", (RESULT,), {})
    assert board.wanted(KEY, first.token)
    board.remove(KEY, first.token)
    assert not board.wanted(KEY, first.token)
    second = board.post(KEY, "Running", (RESULT,), {})
    assert second.token != first.token
    assert not board.wanted(KEY, first.token)


def test_an_attempt_that_was_replaced_neither_fails_nor_ends_the_next(board: JobBoard) -> None:
    first = board.post(KEY, "Running", (RESULT,), {})
    board.remove(KEY, first.token)
    second = board.post(KEY, "Running", (RESULT,), {})
    board.fail(KEY, first.token, "The first attempt failed.")
    board.remove(KEY, first.token)
    assert board.find(KEY) == second
    assert board.failure(KEY) is None


def test_a_failure_is_kept_until_it_is_forgiven(board: JobBoard) -> None:
    marker = board.post(KEY, "Running", (RESULT,), {})
    board.fail(KEY, marker.token, "The model failed.")
    assert board.failure(KEY) == "The model failed."
    assert board.find(KEY) is None
    board.forgive(KEY)
    assert board.failure(KEY) is None


def test_a_marker_that_nobody_touches_grows_stale(board: JobBoard, tmp_path: Path) -> None:
    board.post(KEY, "Running", (RESULT,), {})
    old = time.time() - 3600
    os.utime(tmp_path / "jobs" / f"{KEY}.json", (old, old))
    assert board.all(touched_within=FRESH_SECONDS) == ()
    board.touch(KEY)
    assert len(board.all(touched_within=FRESH_SECONDS)) == 1


@pytest.mark.parametrize("key", ["", "x", "../VERSION", f"../records/ab/{KEY}", f"{KEY}\n", "{outside}"])
def test_a_key_that_is_none_reaches_no_file(board: JobBoard, tmp_path: Path, key: str) -> None:
    """Keys come back from the browser, to cancel and to retry: they must not name files elsewhere."""
    outside = tmp_path / "outside.json"
    outside.write_text('{"message": "mine"}')
    for use in (board.forgive, board.find, board.failure, board.touch):
        with pytest.raises(StoreError, match="not a key"):
            use(key.format(outside=outside.with_suffix("")))
    with pytest.raises(StoreError, match="not a key"):
        board.fail(key, "token", "message")
    with pytest.raises(StoreError, match="not a key"):
        board.remove(key, "token")
    assert outside.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"key": 1}'])
def test_what_a_crash_left_half_written_is_dropped(board: JobBoard, tmp_path: Path, text: str) -> None:
    for folder in ("jobs", "failures"):
        (tmp_path / folder / f"{KEY}.json").write_text(text)
    assert board.all() == ()
    assert board.failure(KEY) is None
    assert board.post(KEY, "Running", (RESULT,), {}).key == KEY
