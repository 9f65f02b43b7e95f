"""Shards: what a plan has computed so far, one file for some of its images, removed once it is merged.

A shard's file holds float32 rows of every result, one result after the other in C order; then two lines
of JSON (which results it holds, and what is to be said of its images); then the lengths of the two lines.
Rows are written as they come, so that a shard takes no memory, and read with plain reads, since pages of a
mapped file count as memory of the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.errors import StoreError
from channelexplorer_dash.store.writing import explained, written

FOLDER = "shards"
_SUFFIX = ".shard"
_TAIL = struct.Struct("<4sQQ")
_MAGIC = b"CESH"
# Bytes of rows in memory while they are merged.
_BLOCK_BYTES = 4 * 2**20

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shard:
    """A published shard: rows ``start`` … ``stop`` - 1 of some results.

    Attributes
    ----------
    root
        The store's folder, for messages.
    channels
        Number of channels by key of the result, in the order of the file.
    record
        What is to be said of its images.
    """

    root: Path
    path: Path
    start: int
    stop: int
    channels: Mapping[str, int]
    record: Mapping[str, Any]

    def blocks(self, key: str, buffer: bytearray) -> Iterator[FloatArray]:
        """Yield a result's rows in order, float32 (n, C); each is valid until the next.

        Parameters
        ----------
        buffer
            Reused from call to call; it grows to a few MB.

        Raises
        ------
        VanishedError
            If the shard is gone.
        """
        width = self.channels[key]
        offset = _offsets(self.channels, self.stop - self.start)[key]
        step = max(1, _BLOCK_BYTES // (4 * width))
        if len(buffer) < 4 * width * step:
            buffer.extend(bytes(4 * width * step - len(buffer)))
        with explained(self.root), self.path.open("rb", buffering=0) as file:
            file.seek(offset)
            for first in range(self.start, self.stop, step):
                rows = min(step, self.stop - first)
                view = memoryview(buffer)[: 4 * width * rows]
                if file.readinto(view) != len(view):
                    raise StoreError(f"{self.path} ends too early. Remove it, and ask again.")
                yield np.frombuffer(view, np.float32).reshape(rows, width)


class ShardWriter:
    """A shard that is being written; see :meth:`ShardFolder.writer`.

    Attributes
    ----------
    record
        JSON-able: what is to be said of its images.
    """

    def __init__(self, root: Path, file: IO[bytes], rows: int, channels: Mapping[str, int]) -> None:
        self.record: dict[str, Any] = {}
        self._root = root
        self._file = file
        self._channels = channels
        self._offsets = _offsets(channels, rows)
        self._there = np.zeros(rows, np.bool_)
        size = sum(4 * rows * width for width in channels.values())
        with explained(root):
            if size:
                _reserve(file.fileno(), size)
            file.seek(size)

    def write(self, rows: npt.NDArray[np.int64], values: Mapping[str, FloatArray]) -> None:
        """Write some rows of every result.

        Parameters
        ----------
        rows
            int64 (n,): positions in the shard, ascending.
        values
            float32 (n, C) by key of every result.
        """
        assert values.keys() == self._channels.keys()
        with explained(self._root):
            for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
                for key, array in values.items():
                    block = np.ascontiguousarray(array[run[0] : run[-1] + 1], np.float32)
                    self._put(key, int(rows[run[0]]), block)
        self._there[rows] = True

    def finish(self) -> None:
        """Fill rows that never came with NaN, and write what is to be said of the images."""
        lines = [json.dumps(part, allow_nan=False).encode() for part in (dict(self._channels), self.record)]
        with explained(self._root):
            for row in np.flatnonzero(~self._there):
                for key, width in self._channels.items():
                    self._put(key, int(row), np.full((1, width), np.nan, np.float32))
            self._file.write(b"".join(lines) + _TAIL.pack(_MAGIC, *map(len, lines)))
            self._file.flush()

    def _put(self, key: str, row: int, block: FloatArray) -> None:
        offset = self._offsets[key] + 4 * self._channels[key] * row
        view = block.data.cast("B")
        while view:
            sent = os.pwrite(self._file.fileno(), view, offset)
            view, offset = view[sent:], offset + sent


class ShardFolder:
    """The shards of one plan.

    Parameters
    ----------
    root
        The store's folder.
    plan
        Key of the plan.
    """

    def __init__(self, root: Path, plan: str) -> None:
        self._root = root
        self.path = root / FOLDER / plan

    def there(self) -> frozenset[tuple[int, int]]:
        """Return (start, stop) of the shards that were published."""
        try:
            names = [path.stem for path in self.path.iterdir() if path.suffix == _SUFFIX]
        except FileNotFoundError:
            return frozenset()
        return frozenset((int(start), int(stop)) for start, _, stop in (n.partition("-") for n in names))

    @contextlib.contextmanager
    def writer(self, start: int, stop: int, channels: Mapping[str, int]) -> Iterator[ShardWriter]:
        """Write a shard of rows ``start`` … ``stop`` - 1; it is published at the end, with one flush.

        Parameters
        ----------
        channels
            Number of channels by key of the result.
        """
        with written(self._file(start, stop), self._root) as file:
            writer = ShardWriter(self._root, file, stop - start, channels)
            yield writer
            writer.finish()

    def read(self, start: int, stop: int) -> Shard | None:
        """Return a shard, or None where it is not there."""
        path = self._file(start, stop)
        if not path.exists():
            return None
        with explained(self._root), path.open("rb") as file:
            file.seek(-_TAIL.size, os.SEEK_END)
            magic, *lengths = _TAIL.unpack(file.read(_TAIL.size))
            if magic != _MAGIC:
                raise StoreError(f"{path} is not a shard. Remove it, and ask again.")
            file.seek(-_TAIL.size - sum(lengths), os.SEEK_END)
            channels, record = (file.read(length) for length in lengths)
        return Shard(self._root, path, start, stop, _parsed(channels), json.loads(record))

    def drop(self) -> None:
        """Remove the plan's shards."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, start: int, stop: int) -> Path:
        return self.path / f"{start:09d}-{stop:09d}{_SUFFIX}"


def _reserve(descriptor: int, size: int) -> None:
    """Give a file its size; where the system can, a full disk is noticed before the work, not after it."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        # macOS has no such call: a file with holes, and a full disk is noticed at a write.
        os.ftruncate(descriptor, size)


# The shards of a plan hold the same results: thousands of them share one dictionary.
@lru_cache(maxsize=64)
def _parsed(channels: bytes) -> Mapping[str, int]:
    found: dict[str, int] = json.loads(channels)
    return found


def _offsets(channels: Mapping[str, int], rows: int) -> dict[str, int]:
    """Return where the rows of each result begin in the file, in bytes."""
    sizes = [4 * rows * width for width in channels.values()]
    return dict(zip(channels, accumulate(sizes, initial=0), strict=False))
