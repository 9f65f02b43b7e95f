"""What is removed, what stays, and in which order."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.cli import main
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.errors import SettingsError, VanishedError
from channelexplorer_dash.store import JobBoard, Kind, Store, about_key, digest, moments_key
from channelexplorer_dash.store.moments import publish_moments, read_moments
from channelexplorer_dash.store.tidying import clean, keep_to_quota, parse_size

OLD = 100_000.0
KEYS = [digest(name) for name in ("first", "second", "third")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three summaries of 4 MB with their moments; the first was used longest ago."""
    made = Store(tmp_path / "store")
    for age, key in zip((30_000, 20_000, 10_000), KEYS, strict=True):
        rows = np.random.default_rng(age).normal(size=(1000, 1000)).astype(np.float32)
        made.publish_record(about_key(key), {"left_out": []})
        publish_moments(made, key, class_moments(rows, np.arange(1000) % 3))
        made.publish_array(Kind.SUMMARY, key, rows)
        aged(made.path(Kind.SUMMARY, key), age)
    return made


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def failed(board: JobBoard, name: object) -> None:
    board.fail(digest(name), board.post(digest(name), "Running", (), {}).token, "x")


def there(store: Store) -> list[str]:
    return [key for key in KEYS if store.has(Kind.SUMMARY, key)]


def test_the_least_recently_used_results_go_first_with_their_moments(store: Store) -> None:
    board = JobBoard(store)
    store.array(Kind.SUMMARY, KEYS[0])
    removed = keep_to_quota(store, board, 9_000_000)
    assert there(store) == [KEYS[0], KEYS[2]]
    assert [item.paths[0].stem for item in removed] == [KEYS[1]]
    assert not store.has(Kind.TABLE, moments_key(KEYS[1]))
    assert store.has(Kind.RECORD, about_key(KEYS[1]))
    assert store.has(Kind.TABLE, moments_key(KEYS[0]))
    assert store.size().bytes <= 9_000_000
    assert keep_to_quota(store, board, 9_000_000) == []


def test_nothing_goes_that_a_job_needs_or_that_was_just_used(store: Store) -> None:
    board = JobBoard(store)
    needed = {"source": KEYS[0], "parameters": {"x": [1]}}
    work = board.post(digest("work"), "Comparing", (KEYS[1],), needed)
    # It has been in the queue for hours, and nobody has asked for it since.
    aged(store.root / "jobs" / f"{digest('work')}.json", 20_000)
    keep_to_quota(store, board, 0)
    assert there(store) == KEYS[:2]
    assert store.has(Kind.TABLE, moments_key(KEYS[0]))
    board.remove(digest("work"), work.token)
    store.array(Kind.SUMMARY, KEYS[1])
    keep_to_quota(store, board, 0, spare_seconds=600)
    assert there(store) == [KEYS[1]]


def test_a_mapped_result_that_is_removed_can_still_be_read(store: Store) -> None:
    mapped = store.array(Kind.SUMMARY, KEYS[0])
    expected = np.array(mapped)
    keep_to_quota(store, JobBoard(store), 0)
    np.testing.assert_array_equal(mapped, expected)
    with pytest.raises(VanishedError, match="Ask for it again"):
        store.array(Kind.SUMMARY, KEYS[0])
    with pytest.raises(VanishedError, match="Ask for it again"):
        read_moments(store, KEYS[0])


def test_what_dead_processes_left_goes_and_what_lives_stays(store: Store) -> None:
    board = JobBoard(store)
    names = ("given up", "under way", "stopped lately")
    for name in names:
        with store.shards(digest(name)).writer(0, 2, {KEYS[0]: 3}) as shard:
            shard.write(np.arange(2), {KEYS[0]: np.zeros((2, 3), np.float32)})
        if name != "stopped lately":
            for path in (*store.shards(digest(name)).path.iterdir(), store.shards(digest(name)).path):
                aged(path, OLD)
        board.post(digest(name), name, (), {})
    for name in (names[0], names[2]):
        aged(store.root / "jobs" / f"{digest(name)}.json", OLD)
    failed(board, "failed long ago")
    aged(store.root / "failures" / f"{digest('failed long ago')}.json", OLD)
    failed(board, "failed just now")
    (store.root / "engine").mkdir()
    (store.root / "engine" / "engine.log.1").write_text("old")
    dead, alive = (store.path(Kind.ARRAY, key) for key in KEYS[:2])
    for path, age in ((dead, 3600), (alive, 1)):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(".writing-x")
        temporary.write_text("half")
        aged(temporary, age)

    planned = clean(store, board, dry_run=True)
    assert [item.paths for item in planned] == [item.paths for item in clean(store, board)]
    assert clean(store, board) == []
    assert not dead.with_name(".writing-x").exists() and alive.with_name(".writing-x").exists()
    assert [bool(store.shards(digest(name)).there()) for name in names] == [False, True, True]
    assert [board.find(digest(name)) is not None for name in names] == [False, True, False]
    assert board.failure(digest("failed long ago")) is None
    assert board.failure(digest("failed just now")) == "x"
    assert there(store) == KEYS


def test_old_failures_make_room_for_new_ones(store: Store) -> None:
    board = JobBoard(store)
    for number in range(220):
        failed(board, number)
    assert len(list((store.root / "failures").iterdir())) == 200
    assert board.failure(digest(219)) == "x"


def test_the_command_says_what_it_does(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["gc", "--store", str(store.root), "--quota", "9MB"]
    assert main([*command, "--dry-run"]) == 0
    assert "Would remove" in capsys.readouterr().out
    assert there(store) == KEYS
    assert main(command) == 0
    assert KEYS[0] in capsys.readouterr().out
    assert there(store) == KEYS[1:]
    assert main(["gc", "--store", str(store.root / "none")]) == 2
    assert not (store.root / "none").exists()


@pytest.mark.parametrize(
    ("text", "size"), [("20GB", 20_000_000_000), ("1.5 m", 1_500_000), ("7", 7), ("3 TB", 3 * 10**12)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e3", "10 apples"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a size"):
        parse_size(text)


def test_folders_that_come_and_go_meanwhile_do_no_harm(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    going = store.root / "shards" / digest("a plan that is merged meanwhile")
    scratch = store.root / "engine" / "scratch" / ".writing-by-dask"
    scan = os.scandir

    def vanishing(folder: str | Path = ".") -> object:
        if Path(folder) == going and going.exists():
            going.rmdir()
        return scan(folder)

    going.mkdir(parents=True)
    scratch.parent.mkdir(parents=True)
    scratch.write_text("not ours")
    aged(scratch, OLD)
    monkeypatch.setattr(os, "scandir", vanishing)
    assert clean(store, JobBoard(store)) == []
    assert not going.exists() and scratch.exists()
    assert keep_to_quota(store, JobBoard(store), 9_000_000) != []
