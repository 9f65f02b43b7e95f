"""Shards: written row by row, published whole, read in order."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.errors import StoreError, VanishedError
from channelexplorer_dash.store import Store, digest
from channelexplorer_dash.store.shards import ShardFolder

PLAN, WIDE, NARROW = digest("plan"), digest("wide"), digest("narrow")
CHANNELS = {WIDE: 5, NARROW: 2}


@pytest.fixture
def shards(tmp_path: Path) -> ShardFolder:
    return Store(tmp_path / "store").shards(PLAN)


def numbers(rows: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    random = np.random.default_rng(rows)
    return {key: random.normal(size=(rows, width)).astype(np.float32) for key, width in CHANNELS.items()}


def read(shards: ShardFolder, start: int, stop: int, key: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    shard = shards.read(start, stop)
    assert shard is not None
    return np.concatenate([block.copy() for block in shard.blocks(key, bytearray())])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_rows_come_back_as_they_were_written_and_the_others_as_nan(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], data: st.DataObject
) -> None:
    shards = ShardFolder(tmp_path_factory.mktemp("shards"), PLAN)
    values, rows = numbers(sum(batches)), np.arange(sum(batches))
    readable = np.array([data.draw(st.booleans()) for _ in rows])
    with shards.writer(7, 7 + len(rows), CHANNELS) as shard:
        for part in np.split(rows, np.cumsum(batches)[:-1]):
            good = part[readable[part]]
            if len(good):
                shard.write(good, {key: value[good] for key, value in values.items()})
        shard.record.update(left_out=[1])
    for key, value in values.items():
        expected = np.where(readable[:, None], value, np.float32(np.nan))
        np.testing.assert_array_equal(read(shards, 7, 7 + len(rows), key), expected)
    found = shards.read(7, 7 + len(rows))
    assert found is not None and found.record == {"left_out": [1]} and found.channels == CHANNELS


def test_large_shards_are_read_in_blocks(shards: ShardFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channelexplorer_dash.store.shards._BLOCK_BYTES", 64)
    values = numbers(50)
    with shards.writer(0, 50, CHANNELS) as shard:
        shard.write(np.arange(50), values)
    for key, value in values.items():
        np.testing.assert_array_equal(read(shards, 0, 50, key), value)


def test_shards_of_another_size_are_others(shards: ShardFolder) -> None:
    with shards.writer(0, 4, CHANNELS) as shard:
        shard.write(np.arange(4), numbers(4))
    assert shards.there() == {(0, 4)}
    assert shards.read(0, 8) is None
    shards.drop()
    assert shards.there() == frozenset()
    shards.drop()


def test_a_shard_that_is_not_finished_is_not_there(shards: ShardFolder) -> None:
    with pytest.raises(PermissionError), shards.writer(0, 4, CHANNELS) as shard:
        shard.write(np.arange(2), numbers(2))
        # What fails in the work itself is no fault of the store.
        raise PermissionError("the images")
    assert list(shards.path.iterdir()) == []


def test_a_full_disk_is_noticed_before_the_work(shards: ShardFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreError, match="disk is full"), shards.writer(0, 4, CHANNELS):
        raise AssertionError("The work began.")
    assert list(shards.path.iterdir()) == []


def test_a_file_that_is_no_shard_is_named(shards: ShardFolder) -> None:
    with shards.writer(0, 4, CHANNELS) as shard:
        shard.write(np.arange(4), numbers(4))
    file = next(shards.path.iterdir())
    file.write_bytes(b"x" * 100)
    with pytest.raises(StoreError, match="is not a shard"):
        shards.read(0, 4)


def test_a_system_that_cannot_reserve_room_writes_the_same(
    shards: ShardFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    values = numbers(4)
    with shards.writer(0, 4, CHANNELS) as shard:
        shard.write(np.arange(4), values)
    for key, value in values.items():
        np.testing.assert_array_equal(read(shards, 0, 4, key), value)


def test_a_shard_that_goes_while_it_is_read_is_said_to_be_gone(shards: ShardFolder) -> None:
    with shards.writer(0, 4, CHANNELS) as shard:
        shard.write(np.arange(4), numbers(4))
    found = shards.read(0, 4)
    assert found is not None
    shards.drop()
    with pytest.raises(VanishedError, match=found.path.name):
        next(found.blocks(WIDE, bytearray()))
