"""The job board: small files that say what is being computed, for all processes that share a store.

A marker stands for one piece of work from the moment somebody asks for it until it is published, fails or
is cancelled. Removing the marker cancels the work: tasks look for it between batches. A failure keeps the
message until somebody asks to try again.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

from channelexplorer_dash.store.files import Store
from channelexplorer_dash.store.keys import checked_key
from channelexplorer_dash.store.writing import TEMPORARY, explained, written

JOBS = "jobs"
FAILURES = "failures"

FRESH_SECONDS = 30.0
"""A marker that nobody touched for so long belongs to work that waits in the queue, with nobody before it, or
to a process that died."""

_KEPT_FAILURES = 200


@dataclass(frozen=True)
class Marker:
    """One piece of work.

    Attributes
    ----------
    key
        Key of the work.
    token
        Differs between two attempts at the same work.
    label
        What a person reads.
    covers
        Keys of the results that the work will publish.
    work
        The work's own JSON form, from which any process can submit it again.
    """

    key: str
    token: str
    label: str
    covers: tuple[str, ...]
    work: Mapping[str, Any]


class JobBoard:
    """Markers and failures of one store."""

    def __init__(self, store: Store) -> None:
        self._root = store.root
        self._jobs = store.root / JOBS
        self._failures = store.root / FAILURES
        with explained(self._root):
            self._jobs.mkdir(exist_ok=True)
            self._failures.mkdir(exist_ok=True)

    def post(self, key: str, label: str, covers: tuple[str, ...], work: Mapping[str, Any]) -> Marker:
        """Put up a marker, or return the one that another process put up first."""
        if (up := self.find(key)) is not None:
            return up
        marker = Marker(key, uuid.uuid4().hex[:12], label, covers, work)
        text = json.dumps(asdict(marker))
        with explained(self._root):
            descriptor, temporary = tempfile.mkstemp(dir=self._jobs, prefix=TEMPORARY)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                # A link, unlike a rename, fails when the name is taken: exactly one process wins.
                os.link(temporary, self._path(key))
            except FileExistsError:
                return self.find(key) or self.post(key, label, covers, work)
            finally:
                Path(temporary).unlink(missing_ok=True)
        return marker

    def find(self, key: str) -> Marker | None:
        """Return the marker of a piece of work, if it is up."""
        return _read(self._path(key))

    def all(self, *, touched_within: float = inf) -> tuple[Marker, ...]:
        """Return every marker that was touched within so many seconds, oldest first."""
        now = time.time()
        found: list[tuple[float, Marker]] = []
        for path in self._jobs.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                touched = path.stat().st_mtime
                if (marker := _read(path)) and now - touched < touched_within:
                    found.append((touched, marker))
        return tuple(marker for _, marker in sorted(found, key=lambda pair: (pair[0], pair[1].key)))

    def covering(self, result: str) -> Marker | None:
        """Return a marker whose work will publish ``result``."""
        return next((marker for marker in self.all() if result in marker.covers), None)

    def touch(self, key: str) -> None:
        """Say that somebody does the work, or waits for it."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._path(key))

    def wanted(self, key: str, token: str) -> bool:
        """Tell whether an attempt is still wanted (it was neither cancelled nor replaced)."""
        marker = self.find(key)
        return marker is not None and marker.token == token

    def remove(self, key: str, token: str) -> None:
        """Take an attempt's marker down: it is done, or cancelled; the marker of another attempt stays up."""
        if self.wanted(key, token):
            self._path(key).unlink(missing_ok=True)

    def fail(self, key: str, token: str, message: str) -> None:
        """Keep the message of an attempt that failed, and take its marker down.

        Nothing is done where the attempt was cancelled or replaced: its failure is nobody's.

        Raises
        ------
        StoreError
            If the message cannot be written: the marker stays.
        """
        if not self.wanted(key, token):
            return
        with written(self._failure_path(key), self._root) as file, explained(self._root):
            file.write(json.dumps({"message": message}).encode())
        self.remove(key, token)
        for path in sorted(self._failures.glob("*.json"), key=_changed)[:-_KEPT_FAILURES]:
            path.unlink(missing_ok=True)

    def failure(self, key: str) -> str | None:
        """Return the message of a failed piece of work."""
        path = self._failure_path(key)
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["message"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            # The machine went down while it was written: the work may be tried again.
            path.unlink(missing_ok=True)
            return None

    def forgive(self, key: str) -> None:
        """Forget a failure, so that the work may be tried again."""
        self._failure_path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._jobs / f"{checked_key(key)}.json"

    def _failure_path(self, key: str) -> Path:
        return self._failures / f"{checked_key(key)}.json"


def _read(path: Path) -> Marker | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Marker(data["key"], data["token"], data["label"], tuple(data["covers"]), data["work"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # The machine went down while it was written. Left there, it would break every request for good.
        path.unlink(missing_ok=True)
        return None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
