"""Atomic writing, and errors of the disk in words that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from channelexplorer_dash.errors import StoreError, VanishedError

TEMPORARY = ".writing-"
"""How the names of files begin that are being written."""


@contextlib.contextmanager
def written(target: Path, root: Path) -> Iterator[IO[bytes]]:
    """Open a file beside the target; at the end flush it to disk and rename it to the target.

    A reader sees all of it or nothing. After an exception nothing of it is left.

    Parameters
    ----------
    root
        The store's folder, for messages.
    """
    with explained(root):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=TEMPORARY)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            with explained(root):
                file.flush()
                os.fsync(file.fileno())
        with explained(root):
            Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn what the disk says into a StoreError; ``root`` is the store's folder."""
    try:
        yield
    except FileNotFoundError as error:
        raise VanishedError(
            f"A file of the store {root} is gone: {error.filename}. Ask for it again."
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            reason = (
                "the disk is full. Free some space (`channelexplorer gc`), or choose another folder with "
                "--store; nothing is lost"
            )
        elif error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
            reason = "it may not be written. Change its permissions, or choose another folder with --store"
        else:
            reason = str(error)
        raise StoreError(f"The store {root} cannot be used: {reason}.") from error
