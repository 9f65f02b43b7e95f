"""Ablating every channel of a layer, one at a time, and publishing what each alone takes away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from channelexplorer_dash.core.arrays import FloatArray, IntArray
from channelexplorer_dash.core.contribution import channel_effects
from channelexplorer_dash.core.moments import pooled
from channelexplorer_dash.errors import VanishedError
from channelexplorer_dash.extraction.effects_plan import Effects
from channelexplorer_dash.extraction.running import BatchTooLargeError
from channelexplorer_dash.extraction.sample_run import classifier, read_images
from channelexplorer_dash.extraction.tail import Tail
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.store import Kind, Store, schema
from channelexplorer_dash.store.moments import read_moments

# Channels between two looks at whether the work is still wanted.
_CHANNELS_AT_ONCE = 16
_DROPS, _LOST = "drops", "lost"


def publish_part(store: Store, plan: Effects, start: int, still_wanted: Callable[[], None]) -> None:
    """Ablate every channel on the images ``start`` …, and publish a shard of what that changed.

    Nothing is done where the shard is there, or the whole table.

    Parameters
    ----------
    still_wanted
        Called before every few channels of a batch; raises when the work was cancelled.

    Raises
    ------
    ModelError
        If the model has no class outputs, or fails.
    DatasetError
        If an image cannot be read.
    """
    stop = min(start + plan.shard_size, plan.images)
    if store.has(Kind.TABLE, plan.key) or store.shards(plan.key).read(start, stop) is not None:
        return
    description, module = classifier(store, plan)
    layer = description.layer(plan.layer)
    values = pooled(read_moments(store, plan.means))[1] if plan.means else np.zeros(layer.channels)
    labels = store.array(Kind.ARRAY, plan.sample)[1, start:stop]
    targets = np.array(plan.targets)[labels]
    done = 0
    widths = {_DROPS: layer.channels, _LOST: layer.channels}
    with store.shards(plan.key).writer(start, stop, widths) as shard:
        for images in read_images(store, plan, start, stop, still_wanted):
            rows = np.arange(done, done + len(images))
            drops, lost = batch_effects(
                module, layer, images, targets[rows], values.tolist(), still_wanted, plan.precision
            )
            shard.write(rows, {_DROPS: drops, _LOST: lost})
            done += len(images)


def publish_effects(store: Store, plan: Effects) -> None:
    """Publish the table of a plan from its shards.

    Raises
    ------
    VanishedError
        If a shard is gone.
    """
    folder = store.shards(plan.key)
    if not store.has(Kind.TABLE, plan.key):
        parts = [folder.read(start, stop) for start, stop in plan.shards]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            raise VanishedError(f"A shard in {folder.path} is gone. Ask for it again.")
        drops, lost = (
            # A block is valid until the next one is read.
            np.concatenate([block.copy() for part in found for block in part.blocks(name, bytearray())])
            for name in (_DROPS, _LOST)
        )
        effects = channel_effects(drops, lost, store.array(Kind.ARRAY, plan.sample)[1])
        columns = {
            schema.CHANNEL: np.arange(len(effects.effect)),
            schema.EFFECT: effects.effect,
            schema.ACCURACY_LOST: effects.accuracy_lost,
            schema.CLASS_EFFECT: list(effects.class_effect.T),
            schema.CLASS_ACCURACY_LOST: list(effects.class_accuracy_lost.T),
        }
        store.publish_table(plan.key, pl.DataFrame(columns), schema.CHANNEL_EFFECTS)
    folder.drop()


def batch_effects(
    module: nn.Module,
    layer: Layer,
    images: Tensor,
    targets: IntArray,
    values: list[float],
    still_wanted: Callable[[], None],
    precision: str = "float32",
) -> tuple[FloatArray, FloatArray]:
    """Ablate each channel of a layer in turn, on one batch, or on its halves where memory is short.

    Parameters
    ----------
    images
        float32 (B, C, H, W).
    targets
        int64 (B,): the output that is right for each image.
    values
        What each channel is set to.
    still_wanted
        Called before every few channels.

    Returns
    -------
    tuple
        By how much the right output's logit drops (NaN where it is not finite), and 1, 0 or −1 as the answer
        becomes wrong, stays, or becomes right: each float32 (B, channels).

    Raises
    ------
    ModelError
        If the model fails, does not reach the layer, or has no class outputs.
    """
    try:
        return _whole_batch(module, layer, images, targets, values, still_wanted, precision)
    except BatchTooLargeError:
        if len(images) == 1:
            raise
    half = len(images) // 2
    halves = [
        batch_effects(module, layer, images[part], targets[part], values, still_wanted, precision)
        for part in (slice(half), slice(half, None))
    ]
    first, second = zip(*halves, strict=True)
    return np.concatenate(first), np.concatenate(second)


def _whole_batch(
    module: nn.Module,
    layer: Layer,
    images: Tensor,
    targets: IntArray,
    values: list[float],
    still_wanted: Callable[[], None],
    precision: str,
) -> tuple[FloatArray, FloatArray]:
    tail = Tail(module, layer, images, precision)
    own = torch.from_numpy(targets).to(tail.logits.device)[:, None]
    before, right = _answers(tail.logits, own)
    drops, lost = [], []
    for channel, value in enumerate(values):
        if channel % _CHANNELS_AT_ONCE == 0:
            still_wanted()
        after, still_right = _answers(tail.without([channel], [value]), own)
        drops.append(before - after)
        lost.append(right - still_right)
    # Copied to the host only now: a copy for each channel would make the device wait for it.
    moved, gone = (torch.stack(parts, 1).cpu().numpy() for parts in (drops, lost))
    return np.where(np.isfinite(moved), moved, np.float32(np.nan)), gone


def _answers(logits: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Return the right output's logit, and 1 where it is the largest (of equal ones the first), else 0."""
    found = logits.gather(1, own)[:, 0]
    # Of logits with NaN among them, the largest is the NaN.
    return found, ((logits.argmax(1) == own[:, 0]) & found.isfinite()).float()
