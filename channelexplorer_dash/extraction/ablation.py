"""Running a model with some channels of a layer held at a value, and publishing its logits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.ablation_plan import Ablation
from channelexplorer_dash.extraction.fitting import Fitting
from channelexplorer_dash.extraction.forward import BatchResult, run_batch, split_name
from channelexplorer_dash.extraction.running import exclusive, first_tensor
from channelexplorer_dash.extraction.sample_run import Rows, classifier, publish_rows
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.store import Store


def publish_logits(store: Store, plan: Ablation, still_wanted: Callable[[], None]) -> None:
    """Run the model over the plan's sample and publish its logits.

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

    def begin() -> tuple[int, Rows]:
        description, module = classifier(store, plan)
        layer = description.layer(plan.layer) if plan.channels else None

        def run(images: Tensor) -> BatchResult:
            with exclusive(module), held(module, layer, plan.channels, plan.values):
                return run_batch(module, images, [], [], output=True, precision=plan.precision)

        fitting = Fitting(run)

        def logits(images: Tensor) -> FloatArray:
            found = fitting(images).logits
            if found is None:
                raise ModelError(f"The model {plan.model.name} gave no class outputs.")
            return found

        return description.outputs, logits

    publish_rows(store, plan, begin, still_wanted)


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
