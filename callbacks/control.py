"""Cancelling and trying again: one click reaches every line that waits for the same job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from channelexplorer_dash.errors import ChannelExplorerError, JobFailedError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Job

Action = Literal["cancel", "retry", "leave"]
State = dict[str, Any]

STOPPED = {"cancelled", "failed"}


def asked_action(control: Any, state: Any) -> Action:
    """Return what a click on any line's button means for the line with ``state``.

    Cancelling a job stops every line that waits for it: a line that went on asking would start it again.
    """
    control, state = _mapping(control), _mapping(state)
    if control.get("action") == "cancel" and control.get("key") and control["key"] == state.get("key"):
        return "cancel"
    if control.get("action") == "retry" and state.get("phase") in STOPPED:
        return "retry"
    return "leave"


def cancel(explorer: Explorer, state: Any) -> State:
    """Stop the job that a line waits for; return the line's new state."""
    key = str(_mapping(state).get("key"))
    explorer.cancel(key)
    return {"phase": "cancelled", "key": key}


def forgive(explorer: Explorer, state: Any) -> None:
    """Allow the job that failed, if one did, to be tried again."""
    found = _mapping(state)
    if found.get("phase") == "failed" and found.get("key"):
        explorer.retry(str(found["key"]))


def working(job: Job | None) -> State:
    """Return the state of a line whose job is under way, or done (None)."""
    if job is None:
        return {"phase": "idle", "key": None}
    return {"phase": "busy", "key": job.key, "label": job.label, "done": job.done, "total": job.total}


def failed(error: ChannelExplorerError) -> State:
    """Return the state of a line whose job failed."""
    return {
        "phase": "failed",
        "label": str(error),
        "key": error.key if isinstance(error, JobFailedError) else None,
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
