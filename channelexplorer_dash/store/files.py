"""Files of the store: published atomically, never changed after, read without a lock."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.errors import StoreError
from channelexplorer_dash.store.keys import SCHEMA_VERSION

_KEY = re.compile(r"[0-9a-f]{40}")
_VERSION_FILE = "VERSION"


class Kind(Enum):
    """Folder and suffix of what the store keeps."""

    SUMMARY = ("summaries", ".npy")
    ARRAY = ("arrays", ".npy")
    TABLE = ("tables", ".parquet")
    RECORD = ("records", ".json")


def checked_key(key: str) -> str:
    """Return a key, or raise StoreError: keys become file names, and may come from a browser."""
    if not _KEY.fullmatch(key):
        raise StoreError(f"{key[:60]!r} is not a key of the store.")
    return key


class Store:
    """A folder of published results.

    Parameters
    ----------
    root
        The folder; made when it is not there.

    Raises
    ------
    StoreError
        If the folder cannot be made or written, or was written by another version.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with _explained(root):
            root.mkdir(parents=True, exist_ok=True)
            self._check_version()

    def path(self, kind: Kind, key: str) -> Path:
        """Return where a result lies, or would lie; a key that is not one of ours is refused."""
        folder, suffix = kind.value
        return self.root / folder / checked_key(key)[:2] / (key + suffix)

    def has(self, kind: Kind, key: str) -> bool:
        """Tell whether a result was published."""
        return self.path(kind, key).exists()

    def publish_array(self, kind: Kind, key: str, array: npt.NDArray[Any]) -> None:
        """Publish an array (.npy, C order); nothing happens when the key is there already."""
        self._publish(kind, key, lambda file: np.save(file, np.ascontiguousarray(array), allow_pickle=False))

    def array(self, kind: Kind, key: str) -> npt.NDArray[Any]:
        """Map a published array read-only: all processes of the machine share its pages."""
        with _explained(self.root):
            mapped: npt.NDArray[Any] = np.load(self.path(kind, key), mmap_mode="r", allow_pickle=False)
            return mapped

    def publish_record(self, key: str, record: Mapping[str, Any]) -> None:
        """Publish a JSON object."""
        text = json.dumps(record, allow_nan=False).encode()
        self._publish(Kind.RECORD, key, lambda file: file.write(text))

    def record(self, key: str) -> dict[str, Any]:
        """Read a published JSON object."""
        with _explained(self.root):
            found: dict[str, Any] = json.loads(self.path(Kind.RECORD, key).read_bytes())
            return found

    def publish_table(self, key: str, table: pl.DataFrame, schema: pl.Schema) -> None:
        """Publish a table (Parquet) after casting it to its schema."""
        ordered = table.select([pl.col(name).cast(dtype) for name, dtype in schema.items()])
        self._publish(Kind.TABLE, key, lambda file: ordered.write_parquet(file, compression="zstd"))

    def scan(self, key: str) -> pl.LazyFrame:
        """Scan a published table lazily."""
        return pl.scan_parquet(self.path(Kind.TABLE, key))

    # Shards: the parts of a summary that is still being computed.

    def shard_folder(self, key: str) -> Path:
        """Return the folder of a summary's shards."""
        return self.path(Kind.SUMMARY, key).with_suffix(".shards")

    def publish_shard(self, key: str, start: int, array: npt.NDArray[Any], record: Mapping[str, Any]) -> None:
        """Publish the rows from ``start`` on, and what is to be said of them.

        The record goes first, so that a shard that is there always has its record.
        """
        folder = self.shard_folder(key)
        text = json.dumps(record, allow_nan=False).encode()
        self._write(folder / f"{start:09d}.json", lambda file: file.write(text))
        self._write(folder / f"{start:09d}.npy", lambda file: np.save(file, array, allow_pickle=False))

    def shards(self, key: str) -> frozenset[int]:
        """Return the starts of the shards that were published."""
        try:
            names = [path.name for path in self.shard_folder(key).iterdir()]
        except FileNotFoundError:
            return frozenset()
        return frozenset(int(name[:-4]) for name in names if name.endswith(".npy") and name[:-4].isdigit())

    def shard(self, key: str, start: int) -> npt.NDArray[Any]:
        """Map one shard read-only."""
        with _explained(self.root):
            mapped: npt.NDArray[Any] = np.load(self.shard_folder(key) / f"{start:09d}.npy", mmap_mode="r")
            return mapped

    def shard_records(self, key: str, starts: Iterable[int]) -> list[dict[str, Any]]:
        """Read the records of shards."""
        folder = self.shard_folder(key)
        with _explained(self.root):
            return [json.loads((folder / f"{start:09d}.json").read_bytes()) for start in starts]

    def merge_shards(self, key: str, starts: Iterable[int]) -> None:
        """Publish a summary from its shards, in the order of ``starts``; the shards stay.

        Raises
        ------
        StoreError
            If a shard is missing.
        """
        parts = [self.shard(key, start) for start in starts]
        header = {
            "descr": np.lib.format.dtype_to_descr(parts[0].dtype),
            "fortran_order": False,
            "shape": (sum(len(part) for part in parts), *parts[0].shape[1:]),
        }

        def write(file: IO[bytes]) -> None:
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                file.write(np.ascontiguousarray(part).data)

        self._publish(Kind.SUMMARY, key, write)

    def drop_shards(self, key: str) -> None:
        """Remove a summary's shards."""
        shutil.rmtree(self.shard_folder(key), ignore_errors=True)

    def _publish(self, kind: Kind, key: str, write: Callable[[IO[bytes]], Any]) -> None:
        target = self.path(kind, key)
        if not target.exists():
            self._write(target, write)

    def _write(self, target: Path, write: Callable[[IO[bytes]], Any]) -> None:
        """Write beside the target, flush to disk, rename: a reader sees all of it or nothing."""
        with _explained(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def _check_version(self) -> None:
        file = self.root / _VERSION_FILE
        if not file.exists():
            self._write(file, lambda out: out.write(f"{SCHEMA_VERSION}\n".encode()))
        found = file.read_text(encoding="ascii", errors="replace").strip()
        if found != str(SCHEMA_VERSION):
            raise StoreError(
                f"The store {self.root} was written by another version of ChannelExplorer (schema "
                f"{found[:20]}, this one reads {SCHEMA_VERSION}). Choose another folder with --store, "
                "or remove it."
            )


@contextlib.contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(
            f"A file of the store {root} is gone: {error.filename}. Ask for it again."
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            reason = (
                "the disk is full. Free some space, or choose another folder with --store; nothing is lost"
            )
        elif error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
            reason = "it may not be written. Change its permissions, or choose another folder with --store"
        else:
            reason = str(error)
        raise StoreError(f"The store {root} cannot be used: {reason}.") from error
