"""What runs in the engine's worker. Importing this is cheap; torch comes with the first task that needs it.

Every task may be run twice, or killed at any moment: it looks in the store first, and publishes atomically.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.extraction.plan import Derivation, Describe, Extraction, Plan, plan_from_json
from channelexplorer_dash.store import JobBoard, Store

logger = logging.getLogger(__name__)


class CancelledError(Exception):
    """Nobody wants the work any more; ends a task quietly."""


@lru_cache(maxsize=8)
def _open(root: str) -> tuple[Store, JobBoard]:
    store = Store(Path(root))
    return store, JobBoard(store)


def run(root: str, work: Mapping[str, Any], token: str) -> bool:
    """Do a describing or a deriving plan; return whether its result is there.

    Parameters
    ----------
    root
        The store's folder.
    work
        The plan's JSON form.
    token
        The attempt, as on the job board.
    """
    plan = plan_from_json(work)

    def act(store: Store, _board: JobBoard) -> None:
        if isinstance(plan, Describe):
            from channelexplorer_dash.extraction.shards import publish_description

            publish_description(store, plan)
        elif isinstance(plan, Derivation):
            from channelexplorer_dash.extraction.derivations import publish_derivation

            publish_derivation(store, plan)

    return _attempt(root, plan, token, act, last=True)


def extract_shard(root: str, work: Mapping[str, Any], token: str, start: int) -> bool:
    """Publish one shard of every tapped layer; return whether it is there."""
    plan = plan_from_json(work)
    assert isinstance(plan, Extraction)

    def act(store: Store, board: JobBoard) -> None:
        from channelexplorer_dash.extraction.shards import publish_shards

        def still_wanted() -> None:
            if not board.wanted(plan.key, token):
                raise CancelledError
            board.touch(plan.key)

        publish_shards(store, plan, start, still_wanted)

    return _attempt(root, plan, token, act, last=False)


def merge(root: str, work: Mapping[str, Any], token: str, shards: list[bool]) -> bool:
    """Publish the summaries from their shards, once all of them are there."""
    plan = plan_from_json(work)
    assert isinstance(plan, Extraction)
    if not all(shards):
        return False

    def act(store: Store, _board: JobBoard) -> None:
        from channelexplorer_dash.extraction.merging import publish_merged

        publish_merged(store, plan)

    return _attempt(root, plan, token, act, last=True)


def _attempt(
    root: str, plan: Plan, token: str, act: Callable[[Store, JobBoard], None], *, last: bool
) -> bool:
    store, board = _open(root)
    if not board.wanted(plan.key, token):
        return False
    board.touch(plan.key)
    try:
        act(store, board)
    except CancelledError:
        return False
    except ChannelExplorerError as error:
        board.fail(plan.key, str(error))
        return False
    except MemoryError:
        board.fail(
            plan.key,
            "The engine ran out of memory. Lower `batch_size` in the settings, or choose fewer images.",
        )
        return False
    except Exception as error:
        # The person gets one line; the whole story goes to the engine's log.
        logger.exception("%s failed", plan.label)
        board.fail(plan.key, f"{plan.label} failed: {type(error).__name__}: {error}")
        return False
    if last:
        board.remove(plan.key)
    return True
