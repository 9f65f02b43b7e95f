"""The embedded engine's process: a Dask scheduler and its warm workers, on this machine only.

Started by :mod:`channelexplorer_dash.extraction.engine`; ends a while after its last client left and its
last task ended. A worker that dies is started again by its nanny.

Whoever can talk to a Dask scheduler can run code as its user. Loopback is open to every account of the
machine, so the engine speaks TLS alone, with a certificate made at its start that only the store's owner
can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import dask
from distributed import Nanny, Scheduler, Status
from distributed.security import Security

from channelexplorer_dash.extraction.engine import DASK_SETTINGS, SCHEDULER_FILE
from channelexplorer_dash.store import Store
from channelexplorer_dash.store.tidying import forget_passing

_NO_CLIENTS = {"fire-and-forget"}
_FORGET_SECONDS = 60.0


async def serve(folder: Path, workers: int, threads: int, linger_seconds: float) -> None:
    """Run until nobody needs the engine any more.

    Parameters
    ----------
    folder
        The store's ``engine`` folder: the scheduler's address is published there.
    workers
        Number of worker processes. Each runs one task at a time.
    threads
        Threads of torch, BLAS and OpenMP in each worker.
    linger_seconds
        How long to stay after the last client left.
    """
    environment = {
        name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    }
    # By default a thread that waits for the others spins: on a machine that does something else as well
    # (a browser, say) one step then takes up to fifty times longer. Sleeping costs nothing measurable.
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    # Dask's own default would pin the worker to one thread before it starts.
    dask.config.set({"distributed.nanny.pre-spawn-environ": environment, **DASK_SETTINGS})
    security = Security.temporary()
    local = {
        "host": "127.0.0.1",
        "security": security,
        "dashboard_address": "127.0.0.1:0",
        "dashboard": False,
    }
    async with Scheduler(port=0, **local) as scheduler:
        nannies = [
            Nanny(
                scheduler.address,
                nthreads=1,
                memory_limit=0,
                local_directory=str(folder / "scratch"),
                preload=["channelexplorer_dash.extraction.warming"],
                **local,
            )
            for _ in range(workers)
        ]
        async with contextlib.AsyncExitStack() as stack:
            await asyncio.gather(*(stack.enter_async_context(nanny) for nanny in nannies))
            published = folder / SCHEDULER_FILE
            _publish(published, scheduler.address, security)
            forgetting = asyncio.create_task(_forget_passing(Store(folder.parent)))
            await _until_unneeded(scheduler, linger_seconds)
            forgetting.cancel()
            published.unlink(missing_ok=True)


def _publish(file: Path, address: str, security: Any) -> None:
    """Say where the engine is, and how to prove that one may use it, to the store's owner alone."""
    temporary = file.with_suffix(".writing")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        certificate, key = security.tls_client_cert, security.tls_client_key
        json.dump({"address": address, "certificate": certificate, "key": key}, out)
    temporary.replace(file)


async def _forget_passing(store: Store) -> None:
    """Keep what was dropped on the page for its hour and no longer, whether or not somebody drops more."""
    while True:
        await asyncio.to_thread(forget_passing, store)
        await asyncio.sleep(_FORGET_SECONDS)


async def _until_unneeded(scheduler: Any, linger_seconds: float) -> None:
    needed = time.monotonic()
    while scheduler.status is Status.running and time.monotonic() - needed < linger_seconds:
        await asyncio.sleep(0.5)
        working = any(task.state in {"processing", "waiting", "queued"} for task in scheduler.tasks.values())
        if working or set(scheduler.clients) - _NO_CLIENTS:
            needed = time.monotonic()


def main() -> None:
    """Entry point of ``python -m channelexplorer_dash.extraction.engine_process``."""
    folder, workers, threads, linger = sys.argv[1:5]
    asyncio.run(serve(Path(folder), int(workers), int(threads), float(linger)))


if __name__ == "__main__":
    main()
