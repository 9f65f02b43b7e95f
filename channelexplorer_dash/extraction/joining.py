"""A client of a cluster that may not be there. Importing this imports Dask."""

from __future__ import annotations

import contextlib
from typing import Any

from distributed import Client
from distributed.security import Security

_CLOSE_SECONDS = 2.0


class JoiningClient(Client):
    """A client that leaves nothing behind where it cannot connect.

    Dask raises from the constructor then, and the thread of the client that nobody has would run on: one
    more for every attempt of a server whose cluster is down.
    """

    def __init__(self, address: str, seconds: float, security: Security | None = None) -> None:
        Client.__init__(self, address, timeout=seconds, set_as_default=False, security=security)

    def start(self, **options: Any) -> None:
        """Connect; end what was begun where that fails."""
        try:
            Client.start(self, **options)
        except BaseException:
            with contextlib.suppress(Exception):
                Client.close(self, timeout=_CLOSE_SECONDS)
            # Where Dask has closed the client itself, its thread goes on, and closing it again does nothing.
            self._loop_runner.stop()
            raise
