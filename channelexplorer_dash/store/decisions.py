"""What people decided about labels: a log for each dataset, only ever appended to.

The log belongs to the content of the dataset (its digest), not to its name, nor to a model. A quota and the
tidying of the store leave it alone: it cannot be computed anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from channelexplorer_dash.errors import SelectionError, StoreError
from channelexplorer_dash.store.writing import explained

FOLDER = "decisions"

Action = Literal["keep", "relabel", "flag", "undo"]
ACTIONS: tuple[str, ...] = get_args(Action)

MAX_AUTHOR_CHARACTERS = 80


@dataclass(frozen=True)
class Decision:
    """One entry of the log.

    Attributes
    ----------
    image_id
        Row of the dataset.
    action
        ``keep`` (the label is right), ``relabel`` (it is ``label``), ``flag`` (look at it again), or
        ``undo``: the image's last decision that was not undone yet does not count.
    label
        The new label, with ``relabel`` only.
    author, time
        Who, and when: UTC, ISO 8601.
    """

    image_id: int
    action: Action
    label: int | None
    author: str
    time: str


def decided(image_id: int, action: str, label: int | None, author: str) -> Decision:
    """Return a decision that is made now.

    Raises
    ------
    SelectionError
        If there is no such action, or the label is missing, or is one too many.
    """
    if action not in ACTIONS:
        raise SelectionError(f"There is no decision {action[:40]!r}. Choose one of {', '.join(ACTIONS)}.")
    if (label is not None) != (action == "relabel"):
        raise SelectionError("A new label is needed where an image is relabelled, and only there.")
    known: Any = action
    named = " ".join(author.split())[:MAX_AUTHOR_CHARACTERS] or "unknown"
    return Decision(int(image_id), known, label, named, datetime.now(UTC).isoformat(timespec="milliseconds"))


def current(entries: Iterable[Decision]) -> dict[int, Decision]:
    """Return the decision that counts for each image, by ``image_id``."""
    stacks: dict[int, list[Decision]] = {}
    for entry in entries:
        stack = stacks.setdefault(entry.image_id, [])
        if entry.action != "undo":
            stack.append(entry)
        elif stack:
            stack.pop()
    return {image: stack[-1] for image, stack in stacks.items() if stack}


class DecisionLog:
    """The decisions about one dataset. Any number of processes may append to it at once.

    Each entry is one line of JSON, written by one call at the end of the file under a lock, and flushed to
    the disk. A line that a crash cut short is passed over.

    Parameters
    ----------
    root
        The store's folder.
    dataset
        The dataset's digest.
    """

    def __init__(self, root: Path, dataset: str) -> None:
        name = hashlib.blake2b(dataset.encode(), digest_size=20).hexdigest()
        self._root = root
        self.path = root / FOLDER / f"{name}.jsonl"
        self._read: tuple[int, list[Decision]] = (0, [])

    def append(self, decision: Decision) -> None:
        """Write a decision to the disk.

        Raises
        ------
        StoreError
            If the disk is full, or may not be written.
        """
        # It begins a line of its own even after one that was cut short.
        line = b"\n" + json.dumps(asdict(decision), allow_nan=False).encode() + b"\n"
        with explained(self._root):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        if written != len(line):
            raise StoreError(
                "The decision was not kept: the disk is full. Free some space, and decide again."
            )

    def entries(self) -> list[Decision]:
        """Return every decision so far, in the order in which they were written."""
        done, known = self._read
        if not self.path.exists():
            return []
        with explained(self._root), self.path.open("rb") as file:
            file.seek(done)
            rest = file.read()
        # What has no end yet is read next time.
        whole = rest.rfind(b"\n") + 1
        found = [*known, *filter(None, map(_entry, rest[:whole].split(b"\n")))]
        # One assignment, so that threads that share the log see the two together.
        self._read = (done + whole, found)
        return found


def _entry(line: bytes) -> Decision | None:
    try:
        values = json.loads(line)
        entry = Decision(**{field.name: values[field.name] for field in fields(Decision)})
    except (ValueError, KeyError, TypeError):
        return None
    return entry if entry.action in ACTIONS and isinstance(entry.image_id, int) else None
