"""Keeping a store small: what dead processes left behind, and a quota on the rest.

Nothing is taken that a piece of work under way needs, so that all of this is safe beside running servers of
the same machine. A result that vanishes is computed anew when it is asked for again; who maps it keeps his
pages, as long as the file was removed by his own machine. On a network file system (NFS), the pages of a file
that another machine removed are gone, and reading them ends the process (SIGBUS): see docs/deployment.md.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.store.files import USE_SECONDS, Kind, Store, files_below
from channelexplorer_dash.store.jobs import FAILURES, JOBS, JobBoard
from channelexplorer_dash.store.keys import about_key, is_key, moments_key
from channelexplorer_dash.store.shards import FOLDER as SHARDS
from channelexplorer_dash.store.writing import TEMPORARY

SPARE_SECONDS = 2 * USE_SECONDS
"""What was used so recently stays when results are published, even over the quota: somebody looks at it."""

PASSING_SECONDS = 3600.0
"""How long an image that was dropped on the page, and what was found about it, stays after its last use."""

_ENGINE = "engine"
_DEAD_WRITER_SECONDS = 600.0
_ABANDONED_SECONDS = 86_400.0

_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_EVICTED = (Kind.SUMMARY, Kind.ARRAY, Kind.TABLE)


@dataclass(frozen=True)
class Item:
    """What can be removed as one.

    Attributes
    ----------
    paths
        Files, or one folder, in the order in which they are removed.
    bytes
        What they take on disk.
    used
        When they were last used or written, in seconds of the epoch.
    what
        What it is, for a person.
    """

    paths: tuple[Path, ...]
    bytes: int
    used: float
    what: str


def parse_size(text: str) -> int:
    """Return the bytes of ``20GB``, ``500M`` or ``1000``; raise SettingsError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text, re.IGNORECASE)
    if not found:
        raise SettingsError(f"{text[:40]!r} is not a size. Write for example 20GB or 500MB.")
    return round(float(found[1]) * _UNITS[found[2].lower()])


def clean(store: Store, board: JobBoard, *, dry_run: bool = False) -> list[Item]:
    """Remove what nobody will use again: half-written files, what is left of work given up, old failures.

    Returns
    -------
    list of Item
        What was removed, or would be.
    """
    now = time.time()
    keep = _needed(board)
    found = [
        *(item for item in _half_written(store) if now - item.used > _DEAD_WRITER_SECONDS),
        *(
            item
            for item in (
                *_files(store.root / JOBS, "marker of work given up", "*.json"),
                *_files(store.root / FAILURES, "old failure", "*.json"),
                *_shards(store, keep),
            )
            if now - item.used > _ABANDONED_SECONDS
        ),
        *_files(store.root / _ENGINE, "old log", "*.log.1"),
        *_passed(store, now),
    ]
    return _remove(found, dry_run=dry_run)


def forget_passing(store: Store) -> None:
    """Remove the images that were dropped on the page, and what was found about them, an hour after."""
    _remove(list(_passed(store, time.time())), dry_run=False)


def _passed(store: Store, now: float) -> Iterator[Item]:
    folder = store.root / Kind.PASSING.value[0]
    for item in _items((Path(entry.path) for entry in files_below(folder)), "image dropped on the page"):
        if now - item.used > PASSING_SECONDS:
            yield item


def keep_to_quota(
    store: Store, board: JobBoard, quota: int, *, spare_seconds: float = 0.0, dry_run: bool = False
) -> list[Item]:
    """Remove the least recently used results until the store fits.

    Parameters
    ----------
    quota
        Bytes that the store may take.
    spare_seconds
        What was used so recently stays, even if the store then does not fit.

    Returns
    -------
    list of Item
        What was removed, or would be.
    """
    excess = store.size().bytes - quota
    if excess <= 0:
        return []
    keep, latest = _needed(board), time.time() - spare_seconds
    chosen: list[Item] = []
    for item in sorted((*_results(store, keep), *_shards(store, keep)), key=lambda item: item.used):
        if excess <= 0 or item.used > latest:
            break
        chosen.append(item)
        excess -= item.bytes
    return _remove(chosen, dry_run=dry_run)


def _needed(board: JobBoard) -> frozenset[str]:
    """Return every key that work under way, or in the queue, reads or writes.

    That is all work whose marker was touched in the last day. A worker touches the marker of what it does,
    and a page that of what it waits for; work in the queue of which nobody asks is touched by nobody. What a
    dead process left up keeps its results for that day as well.
    """
    keys: set[str] = set()
    for marker in board.all(touched_within=_ABANDONED_SECONDS):
        keys |= {marker.key, *marker.covers, *_keys(marker.work)}
    return frozenset(keys | {beside(key) for key in keys for beside in (about_key, moments_key)})


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if is_key(value):
            yield value
    elif isinstance(value, dict):
        yield from _keys(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _keys(part)


def _results(store: Store, keep: frozenset[str]) -> Iterator[Item]:
    """Yield every result that may be computed anew; a summary goes with its moments.

    The small record about it stays: figures that were derived from the summary are still shown with it.
    """
    found = {
        kind: {Path(entry.name).stem: entry for entry in files_below(store.root / kind.value[0])}
        for kind in _EVICTED
    }
    tables = found[Kind.TABLE]
    for key in found[Kind.SUMMARY]:
        tables.pop(moments_key(key), None)
    for kind, entries in found.items():
        for key, entry in entries.items():
            if key in keep or not is_key(key):
                continue
            paths = [Path(entry.path)]
            if kind is Kind.SUMMARY:
                paths.append(store.path(Kind.TABLE, moments_key(key)))
            with contextlib.suppress(FileNotFoundError):
                yield Item(tuple(paths), _bytes(paths), entry.stat().st_mtime, kind.name.lower())


def _shards(store: Store, keep: frozenset[str]) -> Iterator[Item]:
    """Yield the shards of plans that are not under way."""
    for folder in sorted((store.root / SHARDS).glob("*")):
        if folder.name not in keep:
            with contextlib.suppress(FileNotFoundError):
                files = [Path(entry.path) for entry in files_below(folder)]
                used = max(path.stat().st_mtime for path in (folder, *files))
                yield Item((folder,), _bytes(files), used, "shards of work given up")


def _half_written(store: Store) -> Iterator[Item]:
    """Yield files that somebody writes, or wrote until he died; the engine's own folder is none of ours."""
    found = list(store.root.glob(TEMPORARY + "*"))
    for folder in sorted(store.root.iterdir()):
        if folder.is_dir() and folder.name != _ENGINE:
            found += [Path(e.path) for e in files_below(folder) if e.name.startswith(TEMPORARY)]
    yield from _items(found, "half-written file")


def _files(folder: Path, what: str, pattern: str) -> Iterator[Item]:
    yield from _items(folder.glob(pattern), what)


def _items(paths: Iterable[Path], what: str) -> Iterator[Item]:
    """Yield each file by itself, but for those that have gone meanwhile."""
    for path in sorted(paths):
        with contextlib.suppress(FileNotFoundError):
            yield Item((path,), _bytes([path]), path.stat().st_mtime, what)


def _bytes(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


def _remove(items: list[Item], *, dry_run: bool) -> list[Item]:
    for item in () if dry_run else items:
        for path in item.paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
    return items
