"""The store's folder, on real folders."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from channelexplorer_dash import Settings
from channelexplorer_dash.doctor.storage import (
    check_file_system,
    check_leftovers,
    check_room,
    check_writable,
    look_at_store,
)
from channelexplorer_dash.store import JobBoard, Store


def tree(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = look_at_store(Settings(store=tmp_path / "a" / "store"))
    assert [one.what for one in found] == ["store", "space", "file system"]
    assert found[0].level == "ok" and "once it is made" in found[0].found
    assert not list(tmp_path.iterdir())


def test_a_store_is_looked_at_and_left_as_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    JobBoard(store)
    before = tree(tmp_path)
    found = look_at_store(Settings(store=store.root))
    assert [one.what for one in found] == ["store", "space", "file system", "leftovers"]
    assert {one.level for one in found} <= {"ok", "warning"} and found[-1].level == "ok"
    assert tree(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder, said in ((Path("/proc/store"), "cannot be written"), (file / "store", "is a file")):
        (found,) = look_at_store(Settings(store=folder))
        assert found.level == "problem" and said in found.found and "--store" in found.hint
    assert check_writable(tmp_path).level == "ok"


def test_a_store_of_another_version_is_a_problem(tmp_path: Path) -> None:
    Store(tmp_path)
    (tmp_path / "VERSION").write_text("1\n")
    found = look_at_store(Settings(store=tmp_path))
    assert found[-1].level == "problem" and "schema 1" in found[-1].found


@pytest.mark.parametrize(
    ("quota", "size", "free", "level", "said"),
    [
        (0, 1, 100, "ok", ""),
        (0, 1, 3, "warning", "store_quota_gb bounds"),
        (0, 1, 0.1, "problem", "Free some"),
        (10, 5, 20, "ok", ""),
        (10, 11, 20, "warning", "channelexplorer gc"),
        (10, 1, 5, "warning", "before the quota"),
        (10, 8, 3, "ok", ""),
    ],
)
def test_room_is_quota_and_disk(quota: float, size: float, free: float, level: str, said: str) -> None:
    found = check_room(Settings(store_quota_gb=quota), round(size * 1e9), round(free * 1e9))
    assert found.level == level and said in found.hint


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/shared nfs4 rw 0 0
/dev/sdb1 /mnt/shared/local xfs rw 0 0
//server/x /mnt/with\\040space cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "level", "kind"),
    [
        ("/home/store", "ok", "ext4"),
        ("/mnt/shared/store", "warning", "nfs4"),
        ("/mnt/sharedstore", "ok", "ext4"),
        ("/mnt/shared/local/store", "ok", "xfs"),
        ("/mnt/with space", "warning", "cifs"),
    ],
)
def test_a_network_file_system_is_warned_of(folder: str, level: str, kind: str) -> None:
    found = check_file_system(Path(folder), MOUNTS)
    assert found.level == level and found.found.startswith(kind)
    assert check_file_system(Path(folder), "").level == "ok"


def test_what_dead_processes_left_is_counted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert check_leftovers(store).level == "ok"
    JobBoard(store)
    assert check_leftovers(store).found == "none."
    left = tmp_path / "arrays" / ".writing-x"
    left.parent.mkdir()
    left.write_bytes(b"x" * 5000)
    os.utime(left, (time.time() - 5000,) * 2)
    found = check_leftovers(store)
    assert found.level == "warning" and "half-written" in found.found and "gc" in found.hint
    assert left.exists()
