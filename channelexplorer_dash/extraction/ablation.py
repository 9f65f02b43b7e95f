"""Running a model with some channels of a layer held at a value, and publishing its logits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import DatasetError, ModelError, VanishedError
from channelexplorer_dash.extraction.ablation_plan import Ablation
from channelexplorer_dash.extraction.batches import batches
from channelexplorer_dash.extraction.effects_plan import Effects
from channelexplorer_dash.extraction.fitting import Fitting, batch_size
from channelexplorer_dash.extraction.forward import run_batch, split_name
from channelexplorer_dash.extraction.inputs import reader
from channelexplorer_dash.extraction.plan import description_key
from channelexplorer_dash.extraction.running import exclusive, first_tensor, place
from channelexplorer_dash.extraction.shards import choose_device, loaded_dataset, loaded_model
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.store import Kind, Store


def publish_logits(store: Store, plan: Ablation, still_wanted: Callable[[], None]) -> None:
    """Run the model over the plan's sample and publish its logits.

    A part of the images is kept as soon as it is done, so that whoever takes over goes on from there.

    Parameters
    ----------
    still_wanted
        Called before every batch; raises when the work was cancelled.

    Raises
    ------
    ModelError
        If the model has no class outputs, or fails.
    DatasetError
        If an image cannot be read.
    """
    folder = store.shards(plan.key)
    if not store.has(Kind.ARRAY, plan.key):
        for start, stop in plan.shards:
            if folder.read(start, stop) is None:
                _publish_part(store, plan, start, stop, still_wanted)
        parts = [folder.read(start, stop) for start, stop in plan.shards]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            raise VanishedError(f"A shard in {folder.path} is gone. Ask for it again.")
        # A block is valid until the next one is read.
        rows = [block.copy() for part in found for block in part.blocks(plan.key, bytearray())]
        store.publish_array(Kind.ARRAY, plan.key, np.concatenate(rows))
    folder.drop()


def _publish_part(
    store: Store, plan: Ablation, start: int, stop: int, still_wanted: Callable[[], None]
) -> None:
    description, module = classifier(store, plan)
    layer = description.layer(plan.layer) if plan.channels else None

    def run(images: Tensor) -> Any:
        with exclusive(module), held(module, layer, plan.channels, plan.values):
            return run_batch(module, images, [], [], output=True, precision=plan.precision)

    fitting = Fitting(run)
    done = 0
    with store.shards(plan.key).writer(start, stop, {plan.key: description.outputs}) as shard:
        for images in read_images(store, plan, start, stop, still_wanted):
            logits = fitting(images).logits
            if logits is None:
                raise ModelError(f"The model {plan.model.name} gave no class outputs.")
            shard.write(np.arange(done, done + len(logits)), {plan.key: logits})
            done += len(logits)


def classifier(store: Store, plan: Ablation | Effects) -> tuple[ModelDescription, nn.Module]:
    """Return the description and the module of a plan's model, on its device.

    Raises
    ------
    ModelError
        If the model has no class outputs.
    """
    description = ModelDescription.from_json(store.record(description_key(plan.identity)))
    if not description.outputs:
        raise ModelError(f"The model {plan.model.name} has no class outputs that an ablation could change.")
    built = loaded_model(plan.model, dict(plan.identity))
    return description, place(built.module, torch.device(choose_device(plan.device)), built.input_size)


def read_images(
    store: Store, plan: Ablation | Effects, start: int, stop: int, still_wanted: Callable[[], None]
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


@contextmanager
def held(
    module: nn.Module, layer: Layer | None, channels: Sequence[int], values: Sequence[float]
) -> Iterator[None]:
    """Hold channels of a layer's output at values, for one forward pass; nothing without a layer.

    The output is copied, never changed in place: a residual path may hold the same tensor. Every position
    and token of the channel is set, class tokens too.

    Raises
    ------
    ModelError
        If the pass does not reach the layer, or the layer gives no tensor.
    """
    if layer is None:
        yield
        return
    path, number = split_name(layer.name)
    calls = 0

    def hook(_module: nn.Module, _arguments: Any, result: Any) -> Any:
        nonlocal calls
        calls += 1
        tensor = first_tensor(result) if calls == number else None
        if tensor is None:
            return None
        return replaced(result, tensor, with_channels(tensor, layer, channels, values))

    try:
        handle = module.get_submodule(path).register_forward_hook(hook)
    except AttributeError as error:
        raise ModelError(f"The model has no layer {layer.name!r}. Read its layers again.") from error
    try:
        yield
    finally:
        handle.remove()
    if calls < number:
        raise ModelError(f"The model did not run the layer {layer.name!r}: it cannot be ablated.")


def with_channels(tensor: Tensor, layer: Layer, channels: Sequence[int], values: Sequence[float]) -> Tensor:
    """Return a copy of a layer's output with some channels at fixed values."""
    changed = tensor.clone()
    axis = 1 if layer.layout in {"nchw", "dense"} else -1
    changed.movedim(axis, -1)[..., list(channels)] = tensor.new_tensor(values)
    return changed


def replaced(value: Any, old: Tensor, new: Tensor) -> Any:
    """Return a module's output with one tensor in place of another, looking into tuples, lists, mappings."""
    if value is old:
        return new
    if isinstance(value, Mapping):
        changed: Any = copy.copy(value)
        for name, part in value.items():
            changed[name] = replaced(part, old, new)
        return changed
    if isinstance(value, list | tuple):
        parts = [replaced(part, old, new) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
