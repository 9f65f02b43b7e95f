"""The desk: takes plans to the engine and looks results up in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from channelexplorer_dash.errors import JobFailedError
from channelexplorer_dash.extraction.engine import Engine
from channelexplorer_dash.extraction.plan import Extraction, ModelRun, Plan, plan_from_json
from channelexplorer_dash.results.answers import Job, Pending, Ready
from channelexplorer_dash.store import Kind, Marker, Store
from channelexplorer_dash.store.jobs import FRESH_SECONDS

_LOOKING = ContextVar("only_looking", default=False)


@contextmanager
def only_looking() -> Iterator[None]:
    """Have this thread's questions answered with what is published: nothing is computed or waited for."""
    token = _LOOKING.set(True)
    try:
        yield
    finally:
        _LOOKING.reset(token)


class Desk:
    """Answers with published results, and has the engine publish the rest.

    Parameters
    ----------
    patience
        Seconds that a request waits for a result before it is told that the result is pending.
    """

    def __init__(self, store: Store, engine: Engine, patience: float) -> None:
        self.store = store
        self.engine = engine
        self._patience = patience

    def ask(self, plan: Plan, key: str, kind: Kind, *, patience: float | None = None) -> Ready[str] | Pending:
        """Return a result's key once it is published, or the job that will publish it.

        Work of another plan that covers the result is joined rather than done twice.

        Raises
        ------
        JobFailedError
            If the last attempt failed.
        """
        if self.store.has(kind, key):
            return Ready(key, key)
        if _LOOKING.get():
            return Pending(self.job(plan))
        # Nothing else publishes what is derived: looking through hundreds of markers for it takes seconds.
        covering = self.engine.board.covering(key) if isinstance(plan, Extraction) else None
        if covering is not None and covering.key != plan.key:
            plan = plan_from_json(covering.work)
        self.engine.submit(plan)
        seconds = self._patience if patience is None else patience
        if self._wait(lambda: self.store.has(kind, key), plan, seconds):
            return Ready(key, key)
        return Pending(self.job(plan))

    def job(self, plan: Plan) -> Job:
        """Return how far a plan is."""
        if not isinstance(plan, ModelRun):
            return Job(plan.key, plan.label)
        done = sum(stop - start for start, stop in self.store.shards(plan.key).there())
        if not isinstance(plan, Extraction):
            return Job(plan.key, plan.label, done, plan.images)
        # The shards go when everything is published.
        if not done and self.store.has(Kind.SUMMARY, plan.results[plan.layers[-1], plan.summaries[-1]]):
            done = plan.images
        return Job(plan.key, plan.label, min(done, plan.images), plan.images)

    def jobs(self) -> tuple[Job, ...]:
        """Return the work that somebody does or waits for, of all processes that share the store."""
        return tuple(
            self.job(_plan(marker)) for marker in self.engine.board.all(touched_within=FRESH_SECONDS)
        )

    def _wait(self, there: Callable[[], bool], plan: Plan, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        pause = 0.002
        while not there():
            if (message := self.engine.failure(plan.key)) is not None:
                raise JobFailedError(message, plan.key)
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        return True


def _plan(marker: Marker) -> Plan:
    return plan_from_json(marker.work)
