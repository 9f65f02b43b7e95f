"""Warms a worker of the embedded engine: what the first job would have to import is imported while it idles.

Dask loads this module in every worker at its start (a *preload*).
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

_IDLE_SECONDS = 1.0
_HEAVY = ("channelexplorer_dash.extraction.shards", "channelexplorer_dash.core.moment_loops")

_running: set[asyncio.Task[None]] = set()


async def dask_setup(worker: Any) -> None:
    """Begin to warm a worker; called by Dask."""
    task = asyncio.create_task(_warm(worker))
    # The event loop keeps only a weak reference.
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _warm(worker: Any) -> None:
    """Import the heavy modules one by one in the thread of the tasks, whenever there is no task."""
    for module in _HEAVY:
        await asyncio.sleep(_IDLE_SECONDS)
        while worker.state.executing_count or worker.state.ready:
            await asyncio.sleep(_IDLE_SECONDS)
        await asyncio.get_running_loop().run_in_executor(
            worker.executors["default"], importlib.import_module, module
        )
