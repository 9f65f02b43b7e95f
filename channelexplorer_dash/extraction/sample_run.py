"""Running a classifier over a sample of images, and publishing a row for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.errors import DatasetError, ModelError, VanishedError
from channelexplorer_dash.extraction.batches import batches
from channelexplorer_dash.extraction.fitting import batch_size
from channelexplorer_dash.extraction.inputs import reader
from channelexplorer_dash.extraction.plan import description_key
from channelexplorer_dash.extraction.run_plan import SampleRun
from channelexplorer_dash.extraction.running import place
from channelexplorer_dash.extraction.shards import choose_device, loaded_dataset, loaded_model
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.store import Kind, Store

Rows = Callable[[Tensor], FloatArray]
"""From a batch, float32 (B, C, H, W), to a row for each image, float32 (B, width)."""


def publish_rows(
    store: Store,
    plan: SampleRun,
    begin: Callable[[], tuple[int, Rows]],
    still_wanted: Callable[[], None],
) -> None:
    """Run a model over the plan's sample and publish float32 (n, width), in the sample's order.

    A part of the images is kept as soon as it is done, so that whoever takes over goes on from there.

    Parameters
    ----------
    begin
        Called where something is left to do; returns the width, and what makes rows of a batch.
    still_wanted
        Called before every batch; raises when the work was cancelled.

    Raises
    ------
    DatasetError
        If an image cannot be read.
    VanishedError
        If a part that was done is gone.
    """
    folder = store.shards(plan.key)
    if not store.has(Kind.ARRAY, plan.key):
        left = [part for part in plan.shards if folder.read(*part) is None]
        width, rows_of = begin() if left else (0, None)
        for start, stop in left:
            assert rows_of is not None
            done = 0
            with folder.writer(start, stop, {plan.key: width}) as shard:
                for images in read_images(store, plan, start, stop, still_wanted):
                    shard.write(np.arange(done, done + len(images)), {plan.key: rows_of(images)})
                    done += len(images)
        parts = [folder.read(start, stop) for start, stop in plan.shards]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            raise VanishedError(f"A shard in {folder.path} is gone. Ask for it again.")
        # A block is valid until the next one is read.
        rows = [block.copy() for part in found for block in part.blocks(plan.key, bytearray())]
        store.publish_array(Kind.ARRAY, plan.key, np.concatenate(rows))
    folder.drop()


def classifier(store: Store, plan: SampleRun) -> tuple[ModelDescription, nn.Module]:
    """Return the description and the module of a plan's model, on its device.

    Raises
    ------
    ModelError
        If the model has no class outputs.
    """
    description = ModelDescription.from_json(store.record(description_key(plan.identity)))
    if not description.outputs:
        raise ModelError(f"The model {plan.model.name} has no class outputs.")
    built = loaded_model(plan.model, dict(plan.identity))
    return description, place(built.module, torch.device(choose_device(plan.device)), built.input_size)


def read_images(
    store: Store, plan: SampleRun, start: int, stop: int, still_wanted: Callable[[], None]
) -> Iterator[Tensor]:
    """Yield the images ``start`` … ``stop`` - 1 of a plan's sample in batches, float32 (B, C, H, W).

    Raises
    ------
    DatasetError
        If an image cannot be read.
    """
    description = ModelDescription.from_json(store.record(description_key(plan.identity)))
    built = loaded_model(plan.model, dict(plan.identity))
    dataset = loaded_dataset(store, plan.dataset, plan.dataset_digest, plan.max_image_pixels)
    device = torch.device(choose_device(plan.device))
    size = plan.batch_size or batch_size(description, device.type, plan.batch_memory_mb)
    ids = store.array(Kind.ARRAY, plan.sample)[0, start:stop].tolist()
    for batch in batches(dataset, reader(built, dataset), ids, size):
        still_wanted()
        if batch.images is None or batch.left_out:
            raise DatasetError(f"An image can no longer be read: {batch.left_out[0][2]}")
        yield batch.images
