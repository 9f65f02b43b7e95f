"""What runs in the engine's worker. Importing this is cheap; torch comes with the first task that needs it.

Every task may be run twice, or killed at any moment: it looks in the store first, and publishes atomically.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from channelexplorer_dash.core.interrupt import interruptible
from channelexplorer_dash.errors import ChannelExplorerError, VanishedError
from channelexplorer_dash.extraction.plan import (
    Ablation,
    Derivation,
    Describe,
    Effects,
    Extraction,
    Generation,
    HeadInput,
    Plan,
    plan_from_json,
)
from channelexplorer_dash.store import JobBoard, Store
from channelexplorer_dash.store.jobs import FRESH_SECONDS
from channelexplorer_dash.store.tidying import SPARE_SECONDS, keep_to_quota

logger = logging.getLogger(__name__)

_TOUCH_SECONDS = FRESH_SECONDS / 3


class CancelledError(Exception):
    """Nobody wants the work any more; ends a task quietly."""


@lru_cache(maxsize=8)
def _open(root: str) -> tuple[Store, JobBoard]:
    store = Store(Path(root))
    return store, JobBoard(store)


def run(root: str, key: str, token: str, quota: int) -> bool:
    """Do a plan that is one task; return whether its result is there.

    Parameters
    ----------
    root
        The store's folder.
    key
        Key of the plan: the plan itself is on the job board.
    token
        The attempt, as on the job board.
    quota
        Bytes that the store may hold, or 0 for no bound.
    """

    def act(store: Store, plan: Plan, still_wanted: Callable[[], None]) -> None:
        if isinstance(plan, Describe):
            from channelexplorer_dash.extraction.shards import publish_description

            publish_description(store, plan)
        elif isinstance(plan, Derivation):
            from channelexplorer_dash.extraction.derivations import publish_derivation

            # What a library does in one piece (UMAP, t-SNE) goes on to its end.
            with interruptible(still_wanted):
                publish_derivation(store, plan)
        elif isinstance(plan, Ablation):
            from channelexplorer_dash.extraction.ablation import publish_logits

            publish_logits(store, plan, still_wanted)
        elif isinstance(plan, HeadInput):
            from channelexplorer_dash.extraction.head import publish_head_input

            publish_head_input(store, plan, still_wanted)
        elif isinstance(plan, Generation):
            from channelexplorer_dash.extraction.generation import publish_generated

            publish_generated(store, plan, still_wanted)

    return _attempt(root, key, token, act, quota)


def extract_shard(root: str, key: str, token: str, start: int) -> bool:
    """Publish one shard of a plan that is cut into them; return whether it is there."""

    def act(store: Store, plan: Plan, still_wanted: Callable[[], None]) -> None:
        if isinstance(plan, Effects):
            from channelexplorer_dash.extraction.effects import publish_part

            publish_part(store, plan, start, still_wanted)
            return
        from channelexplorer_dash.extraction.shards import publish_shard

        assert isinstance(plan, Extraction)
        publish_shard(store, plan, start, still_wanted)

    return _attempt(root, key, token, act)


def merge(root: str, key: str, token: str, quota: int, shards: list[bool]) -> bool:
    """Publish what a plan's shards make up, once all of them are there."""
    if not all(shards):
        return False

    def act(store: Store, plan: Plan, still_wanted: Callable[[], None]) -> None:
        if isinstance(plan, Effects):
            from channelexplorer_dash.extraction.effects import publish_effects

            publish_effects(store, plan)
            return
        from channelexplorer_dash.extraction.merging import publish_merged

        assert isinstance(plan, Extraction)
        publish_merged(store, plan, still_wanted)

    return _attempt(root, key, token, act, quota)


def _attempt(
    root: str,
    key: str,
    token: str,
    act: Callable[[Store, Plan, Callable[[], None]], None],
    quota: int | None = None,
) -> bool:
    """Do a part of a plan while it is wanted; the last part has the ``quota``, and takes the marker down."""
    store, board = _open(root)
    marker = board.find(key)
    if marker is None or marker.token != token:
        return False
    board.touch(key)
    plan = plan_from_json(marker.work)

    def still_wanted() -> None:
        if not board.wanted(key, token):
            raise CancelledError
        board.touch(key)

    try:
        with _touching(board, key):
            act(store, plan, still_wanted)
    except CancelledError:
        return False
    except VanishedError:
        # A quota took what the work needs, or two servers tidied up at once. Whoever still wants the result
        # asks again, and then what it needs is computed first.
        logger.warning("%s: something it needs was removed", plan.label)
        board.remove(key, token)
        return False
    except ChannelExplorerError as error:
        board.fail(key, token, str(error))
        return False
    except MemoryError:
        board.fail(
            key,
            token,
            "The engine ran out of memory. Lower `batch_size` in the settings, or choose fewer images.",
        )
        return False
    except Exception as error:
        # The person gets one line; the whole story goes to the engine's log.
        logger.exception("%s failed", plan.label)
        board.fail(key, token, f"{plan.label} failed: {type(error).__name__}: {error}")
        return False
    if quota is not None:
        board.remove(key, token)
    if quota:
        _tidy(store, board, quota)
    return True


@contextlib.contextmanager
def _touching(board: JobBoard, key: str) -> Iterator[None]:
    """Touch a marker all the while: work in one piece has no step at which to say that it is under way."""
    over = threading.Event()

    def touch() -> None:
        while not over.wait(_TOUCH_SECONDS):
            board.touch(key)

    thread = threading.Thread(target=touch, name="touch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _tidy(store: Store, board: JobBoard, quota: int) -> None:
    """Keep the store to its quota; the work is done by then, whatever becomes of this."""
    try:
        keep_to_quota(store, board, quota, spare_seconds=SPARE_SECONDS)
    except Exception:
        logger.exception("The store %s could not be kept to its quota", store.root)
