"""Files of the store: published atomically, never changed after, read without a lock."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.errors import StoreError
from channelexplorer_dash.store.keys import SCHEMA_VERSION, about_key, checked_key, moments_key
from channelexplorer_dash.store.shards import ShardFolder
from channelexplorer_dash.store.writing import explained, written

_VERSION_FILE = "VERSION"

USE_SECONDS = 300.0
"""How exactly the store knows when a result was last used."""


class Kind(Enum):
    """Folder and suffix of what the store keeps."""

    SUMMARY = ("summaries", ".npy")
    ARRAY = ("arrays", ".npy")
    TABLE = ("tables", ".parquet")
    RECORD = ("records", ".json")
    # What is looked at for a moment and then removed, such as an image that was dropped on the page.
    PASSING = ("passing", ".npy")
    PASSING_RECORD = ("passing", ".json")


@dataclass(frozen=True)
class StoreSize:
    """What a store takes: ``bytes`` on disk in ``files`` files, and ``free`` bytes that the disk has left."""

    bytes: int
    files: int
    free: int


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
        with explained(root):
            root.mkdir(parents=True, exist_ok=True)
            self._check_version()

    def path(self, kind: Kind, key: str) -> Path:
        """Return where a result lies, or would lie; a key that is not one of ours is refused."""
        folder, suffix = kind.value
        return self.root / folder / checked_key(key)[:2] / (key + suffix)

    def has(self, kind: Kind, key: str) -> bool:
        """Tell whether a result was published; a summary only is where its moments and its record are, too.

        Whichever file of it somebody deletes, the whole of it is computed again.
        """
        if not self.path(kind, key).exists():
            return False
        return kind is not Kind.SUMMARY or (
            self.has(Kind.TABLE, moments_key(key)) and self.has(Kind.RECORD, about_key(key))
        )

    def publish_array(self, kind: Kind, key: str, array: npt.NDArray[Any]) -> None:
        """Publish an array (.npy, C order); nothing happens when the key is there already."""
        self._publish(kind, key, lambda file: np.save(file, np.ascontiguousarray(array), allow_pickle=False))

    def array(self, kind: Kind, key: str) -> npt.NDArray[Any]:
        """Map a published array read-only: all processes of the machine share its pages."""
        path = self.path(kind, key)
        inode = self._use(path)
        with explained(self.root):
            return np.memmap(path, mode="r", **_layout(path, inode))

    def publish_record(self, key: str, record: Mapping[str, Any], kind: Kind = Kind.RECORD) -> None:
        """Publish a JSON object."""
        text = json.dumps(record, allow_nan=False).encode()
        self._publish(kind, key, lambda file: file.write(text))

    def record(self, key: str, kind: Kind = Kind.RECORD) -> dict[str, Any]:
        """Read a published JSON object."""
        with explained(self.root):
            found: dict[str, Any] = json.loads(self.path(kind, key).read_bytes())
            return found

    def publish_table(self, key: str, table: pl.DataFrame, schema: pl.Schema) -> None:
        """Publish a table (Parquet) after casting it to its schema."""
        ordered = table.select([pl.col(name).cast(dtype) for name, dtype in schema.items()])
        self._publish(Kind.TABLE, key, lambda file: ordered.write_parquet(file, compression="zstd"))

    def table(self, key: str, columns: list[str] | None = None) -> pl.DataFrame:
        """Read a published table, or some of its columns; raise VanishedError where it is gone."""
        path = self.path(Kind.TABLE, key)
        self._use(path)
        with explained(self.root), path.open("rb") as file:
            return pl.read_parquet(file, columns=columns)

    def shards(self, plan: str) -> ShardFolder:
        """Return the shards of a plan that is under way."""
        return ShardFolder(self.root, checked_key(plan))

    @contextlib.contextmanager
    def publishing(self, kind: Kind, key: str) -> Iterator[IO[bytes]]:
        """Write a result piece by piece; it is published at the end, unless there is an exception."""
        with explained(self.root), written(self.path(kind, key), self.root) as file:
            yield file

    def size(self) -> StoreSize:
        """Return how much the store holds, and how much its disk has left. Looks at every file."""
        sizes: list[int] = []
        with explained(self.root):
            for entry in files_below(self.root):
                # Others write and remove files meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    sizes.append(entry.stat(follow_symlinks=False).st_blocks * 512)
            return StoreSize(sum(sizes), len(sizes), shutil.disk_usage(self.root).free)

    def _publish(self, kind: Kind, key: str, write: Callable[[IO[bytes]], Any]) -> None:
        if not self.has(kind, key):
            with self.publishing(kind, key) as file:
                write(file)

    def _use(self, path: Path) -> int:
        """Note that a result is used, since the least recently used give way to a quota; return its inode.

        The file's time of change says it: many disks are mounted without times of access.
        """
        with explained(self.root):
            found = path.stat()
        if time.time() - found.st_mtime > USE_SECONDS:
            with contextlib.suppress(OSError):
                os.utime(path)
        return found.st_ino

    def _check_version(self) -> None:
        file = self.root / _VERSION_FILE
        if not file.exists():
            with written(file, self.root) as out:
                out.write(f"{SCHEMA_VERSION}\n".encode())
        found = file.read_text(encoding="ascii", errors="replace").strip()
        if found != str(SCHEMA_VERSION):
            raise StoreError(
                f"The store {self.root} was written by another version of ChannelExplorer (schema "
                f"{found[:20]}, this one reads {SCHEMA_VERSION}). Choose another folder with --store, "
                "or remove it."
            )


# Reading the header takes longer than mapping the file, and a file never changes.
@lru_cache(maxsize=1024)
def _layout(path: Path, inode: int) -> dict[str, Any]:
    """Return what ``numpy.memmap`` has to know of a .npy file."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        return {
            "dtype": dtype,
            "shape": shape,
            "order": "F" if fortran else "C",
            "offset": file.tell(),
        }


def files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield every file below a folder; what vanishes meanwhile is passed over."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(Path(entry.path))
            else:
                yield entry
