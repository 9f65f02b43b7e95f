"""A way out of long work: its loops ask now and then whether anybody still waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

# Asking may mean a look at the disk.
_SECONDS_BETWEEN = 0.5


def _nothing() -> None:
    """Ask nobody."""


_ask: ContextVar[Callable[[], None]] = ContextVar("ask", default=_nothing)


@contextmanager
def interruptible(ask: Callable[[], None]) -> Iterator[None]:
    """Have the loops of the block call ``ask`` now and then, which raises an exception to end them.

    It is asked in this thread only.
    """
    last = monotonic()

    def ask_at_times() -> None:
        nonlocal last
        if monotonic() - last >= _SECONDS_BETWEEN:
            ask()
            last = monotonic()

    before = _ask.set(ask_at_times)
    try:
        yield
    finally:
        _ask.reset(before)


def come_up_for_air() -> None:
    """Ask whether to go on; a loop calls this once for each of its pieces."""
    _ask.get()()
