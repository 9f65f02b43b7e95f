"""The embedded engine's process: a Dask scheduler and one warm worker, on this machine only.

Started by :mod:`channelexplorer_dash.extraction.engine`; ends a while after its last client left and its
last task ended. A worker that dies is started again by its nanny.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import dask
from distributed import Nanny, Scheduler

from channelexplorer_dash.extraction.engine import SCHEDULER_FILE

_NO_CLIENTS = {"fire-and-forget"}


async def serve(folder: Path, threads: int, linger_seconds: float) -> None:
    """Run until nobody needs the engine any more.

    Parameters
    ----------
    folder
        The store's ``engine`` folder: the scheduler's address is published there.
    threads
        Threads of torch, BLAS and OpenMP in the worker. It runs one task at a time.
    linger_seconds
        How long to stay after the last client left.
    """
    environment = {
        name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    # Dask's own default would pin the worker to one thread before it starts.
    dask.config.set({"distributed.nanny.pre-spawn-environ": environment})
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        worker = Nanny(
            scheduler.address,
            nthreads=1,
            memory_limit=0,
            host="127.0.0.1",
            local_directory=str(folder / "scratch"),
            # Its dashboard would import bokeh and open a port that nobody asked for.
            dashboard=False,
        )
        async with worker:
            published = folder / SCHEDULER_FILE
            temporary = published.with_suffix(".writing")
            temporary.write_text(json.dumps({"address": scheduler.address}), encoding="utf-8")
            temporary.replace(published)
            await _until_unneeded(scheduler, linger_seconds)
            published.unlink(missing_ok=True)


async def _until_unneeded(scheduler: Any, linger_seconds: float) -> None:
    needed = time.monotonic()
    while time.monotonic() - needed < linger_seconds:
        await asyncio.sleep(0.5)
        working = any(task.state in {"processing", "waiting", "queued"} for task in scheduler.tasks.values())
        if working or set(scheduler.clients) - _NO_CLIENTS:
            needed = time.monotonic()


def main() -> None:
    """Entry point of ``python -m channelexplorer_dash.extraction.engine_process``."""
    folder, threads, linger = sys.argv[1:4]
    asyncio.run(serve(Path(folder), int(threads), float(linger)))


if __name__ == "__main__":
    main()
