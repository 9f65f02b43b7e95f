"""The engine as a web process sees it: plans go in, the job board and the store tell how they fare.

One mechanism from laptop to cluster: ``dask.distributed``. The embedded engine is one process tree on this
machine, started on demand under a lock and found by every web process through a file in the store.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from channelexplorer_dash.errors import ChannelExplorerError, EngineError, JobFailedError, StoreError
from channelexplorer_dash.extraction import tasks
from channelexplorer_dash.extraction.plan import Effects, Extraction, Plan, plan_from_json
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.store import JobBoard, Marker, Store

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.security import Security

logger = logging.getLogger(__name__)

SCHEDULER_FILE = "scheduler.json"
LOG_FILE = "engine.log"
DASK_SETTINGS: dict[str, Any] = {
    # Dask's own web pages need no certificate: they would tell every account of the machine what is computed.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # A worker holds the task that it does and no other: what a person waits for is next, whatever is queued.
    "distributed.scheduler.worker-saturation": 1.0,
}
_LOG_BYTES = 5_000_000
_START_SECONDS = 60.0
_CONNECT_SECONDS = 3.0


class Engine:
    """Submits plans; starts or joins the cluster at the first of them, in a thread of its own.

    Parameters
    ----------
    settings
        ``engine``, ``engine_workers``, ``threads``, ``engine_linger_seconds`` and ``store_quota_gb`` count.
    store
        Where the plans publish, and where the job board lies.
    batch
        Whether nobody waits in front of a page: such work gives way to what a person waits for.
    """

    def __init__(self, settings: Settings, store: Store, *, batch: bool = False) -> None:
        self._settings = settings
        self._store = store
        self._board = JobBoard(store)
        self._priority_offset = -100 if batch else 0
        self._sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._futures: dict[str, Future[bool]] = {}
        # Messages that a full disk did not take.
        self._unwritten: dict[str, str] = {}
        self._client: Client | None = None
        self._cluster: Any = None
        self._lock = threading.Lock()

    @property
    def board(self) -> JobBoard:
        """The store's job board."""
        return self._board

    def submit(self, plan: Plan) -> Marker:
        """Have a plan done, unless that is under way; return at once with its marker.

        Raises
        ------
        JobFailedError
            If the last attempt failed; :meth:`retry` allows another.
        """
        if (message := self.failure(plan.key)) is not None:
            raise JobFailedError(message, plan.key)
        marker = self._board.post(plan.key, plan.label, plan.covers, plan.to_json())
        self._board.touch(plan.key)
        with self._lock:
            future = self._futures.get(marker.token)
        if future is None or future.status not in {"pending", "finished"}:
            self._sender.submit(self._send, plan, marker)
        return marker

    def failure(self, key: str) -> str | None:
        """Return the message of a failed piece of work."""
        return self._unwritten.get(key) or self._board.failure(key)

    def cancel(self, key: str) -> None:
        """Stop wanting a piece of work; what it has published stays."""
        marker = self._board.find(key)
        if marker is None:
            return
        self._board.remove(key, marker.token)
        with self._lock:
            future = self._futures.pop(marker.token, None)
        if future is not None:
            with contextlib.suppress(Exception):
                future.cancel(force=True)

    def retry(self, key: str) -> None:
        """Forget that a piece of work failed."""
        self._unwritten.pop(key, None)
        self._board.forgive(key)

    def close(self) -> None:
        """Leave the cluster; work under way goes on, except in the inline engine, which ends."""
        self._sender.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            client, cluster = self._client, self._cluster
            self._client = self._cluster = None
            self._futures.clear()
        for thing in (client, cluster):
            if thing is not None:
                with contextlib.suppress(Exception):
                    thing.close(timeout=2)

    def _send(self, plan: Plan, marker: Marker) -> None:
        """Hand a plan to the cluster; runs in the sending thread, so one at a time."""
        try:
            with self._lock:
                future = self._futures.get(marker.token)
            if future is not None:
                if future.status in {"pending", "finished"}:
                    return
                if future.status == "error":
                    self._explain_error(plan, marker.token, future)
                    return
            if not self._board.wanted(plan.key, marker.token):
                return
            # Another process may have put the marker up, with other shards: its plan is the one that is done.
            future = self._submit_to(self.connected(), plan_from_json(marker.work), marker.token)
            with self._lock:
                self._futures = {token: f for token, f in self._futures.items() if f.status == "pending"}
                self._futures[marker.token] = future
        except EngineError as error:
            self._fail(plan.key, marker.token, str(error))
        except Exception as error:
            logger.exception("The engine took no work")
            message = f"The engine took no work: {type(error).__name__}: {error}. Try again."
            self._fail(plan.key, marker.token, message)

    def _submit_to(self, client: Client, plan: Plan, token: str) -> Future[bool]:
        """Submit the tasks of a plan. They find it on the job board: its thousand names travel once."""
        from distributed import fire_and_forget

        common = (str(self._store.root), plan.key, token)
        priority = plan.priority + self._priority_offset
        # Dask gives a task its priority once. A person who joins batch work submits it anew: these
        # tasks overtake the batch's, which then find everything done.
        name = f"{plan.key}-{token}-{priority}"
        quota = round(self._settings.store_quota_gb * 1e9)
        if isinstance(plan, Extraction | Effects):
            # Dask tells tasks apart by the first word of their name. Only if a group depends on nothing does
            # the scheduler hold its tasks back, so that more urgent ones overtake them.
            shards = [
                client.submit(
                    tasks.extract_shard, *common, start, key=f"shard-{name}-{start}", priority=priority
                )
                for start in plan.starts
            ]
            future = client.submit(
                tasks.merge, *common, quota, shards, key=f"merge-{name}", priority=priority + 1
            )
        else:
            future = client.submit(tasks.run, *common, quota, key=f"run-{name}", priority=priority)
        # The work outlives the web process that asked for it.
        fire_and_forget(future)
        return future

    def _explain_error(self, plan: Plan, token: str, future: Future[bool]) -> None:
        """Say what happened to a task that left no message itself: its worker died, or the disk is full."""
        if self._board.failure(plan.key) is None:
            error = future.exception()
            self._fail(
                plan.key,
                token,
                str(error)
                if isinstance(error, ChannelExplorerError)
                else f"{plan.label} ended the engine's worker again and again ({type(error).__name__}). "
                "It may need more memory than there is: lower `batch_size` in the settings.",
            )
        with self._lock:
            self._futures = {token: f for token, f in self._futures.items() if f is not future}

    def _fail(self, key: str, token: str, message: str) -> None:
        try:
            self._board.fail(key, token, message)
        except StoreError:
            self._unwritten[key] = message
            self._board.remove(key, token)

    def connected(self) -> Client:
        """Return the cluster's client: joins it, or starts it, where that has not been done.

        Raises
        ------
        EngineError
            If there is none at the address, or it does not start.
        """
        with self._lock:
            client = self._client
        if client is not None and client.status == "running":
            return client
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=0)
        kind = self._settings.engine
        if kind == "inline":
            fresh = self._start_inline()
        elif kind == "embedded":
            fresh = self._join_or_start()
        else:
            fresh = _join(kind, _CONNECT_SECONDS * 3)
        with self._lock:
            self._client = fresh
            self._futures.clear()
        return fresh

    def _start_inline(self) -> Client:
        import dask
        from distributed import Client, LocalCluster

        _quiet()
        with dask.config.set(DASK_SETTINGS):
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                processes=False,
                # Any free port, on this machine only: by default the worker's is open to the network.
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                memory_limit=0,
            )
        return Client(self._cluster, set_as_default=False)

    def _join_or_start(self) -> Client:
        folder = self._store.root / "engine"
        folder.mkdir(exist_ok=True, mode=0o700)
        if (client := join_file(folder)) is not None:
            return client
        try:
            with FileLock(folder / "start.lock", timeout=_START_SECONDS):
                if (client := join_file(folder)) is not None:
                    return client
                process = _start_process(folder, self._settings)
                deadline = time.monotonic() + _START_SECONDS
                while time.monotonic() < deadline and process.poll() is None:
                    if (client := join_file(folder)) is not None:
                        return client
                    time.sleep(0.05)
        except Timeout as error:
            raise EngineError(
                "Another process has been starting the engine for a minute. Try again."
            ) from error
        raise EngineError(f"The engine did not start. What it said is in {folder / LOG_FILE}.")


def join_file(folder: Path) -> Client | None:
    """Join the engine that the store names, if it is there and answers."""
    from distributed.security import Security

    try:
        with (folder / SCHEDULER_FILE).open(encoding="utf-8") as file:
            owner, found = os.fstat(file.fileno()).st_uid, json.load(file)
        if owner != os.geteuid():
            # A scheduler sends its clients Python objects, which can run code.
            raise PermissionError(f"the engine in {folder} belongs to another account")
        certificate = found["certificate"]
        security = Security(
            require_encryption=True,
            tls_ca_file=certificate,
            tls_client_cert=certificate,
            tls_client_key=found["key"],
        )
        return _join(found["address"], _CONNECT_SECONDS, security)
    except (FileNotFoundError, ValueError, KeyError, EngineError):
        return None


def _join(address: str, seconds: float, security: Security | None = None) -> Client:
    from channelexplorer_dash.extraction.joining import JoiningClient

    _quiet()
    try:
        return JoiningClient(address, seconds, security)
    except (OSError, TimeoutError, ValueError) as error:
        raise EngineError(
            f"There is no engine at {address}. "
            "Check `engine` in the settings, or start a Dask scheduler there."
        ) from error


def _quiet() -> None:
    """Keep Dask from logging each failed connection and each task given up: errors here say it once."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def cores() -> int:
    """Return how many cores this process may use; macOS does not tell, and has all of them counted."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_process(folder: Path, settings: Settings) -> subprocess.Popen[bytes]:
    (folder / SCHEDULER_FILE).unlink(missing_ok=True)
    workers = settings.engine_workers
    threads = settings.threads or max(1, cores() // workers)
    written = folder / LOG_FILE
    with contextlib.suppress(FileNotFoundError):
        if written.stat().st_size > _LOG_BYTES:
            written.replace(written.with_suffix(".log.1"))
    with written.open("ab") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "channelexplorer_dash.extraction.engine_process",
                str(folder),
                str(workers),
                str(threads),
                str(settings.engine_linger_seconds),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Its own session: Ctrl-C in the server's terminal ends the server, not the work.
            start_new_session=True,
        )
