"""A classifier's head: the last linear layer, whose outputs are the logits as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.fitting import Fitting
from channelexplorer_dash.extraction.forward import BatchResult, run_batch, visit_layers
from channelexplorer_dash.extraction.head_plan import HeadInput
from channelexplorer_dash.extraction.reduce import reduce_activation
from channelexplorer_dash.extraction.running import exclusive, first_tensor
from channelexplorer_dash.extraction.sample_run import Rows, classifier, publish_rows
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.store import Store

# Of the largest logit: how far W x + b may be from what the module gave.
_TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}
_INPUT = "input"


class NoHeadError(ModelError):
    """A model has no linear layer whose outputs are its logits."""


@dataclass(frozen=True)
class Head:
    """The last linear layer of a classifier.

    Attributes
    ----------
    name
        Of the module, as in ``named_modules``.
    channels
        C, the length of its input.
    layer
        Name of a described layer whose activation summary is the head's input to the bit, or empty.
    """

    name: str
    channels: int
    layer: str


@dataclass(frozen=True)
class _Call:
    given: Tensor
    output: Tensor


def find_head(
    module: nn.Module, description: ModelDescription, images: Tensor, precision: str = "float32"
) -> Head:
    """Find the head of a classifier by what it does in one pass over a few images.

    It is the ``nn.Linear``, or 1 × 1 convolution of one position, that runs last of those whose outputs are
    the model's logits to the bit, and that are W x + b of what they take in.

    Parameters
    ----------
    module
        In evaluation mode.
    images
        float32 (B, C, H, W).

    Raises
    ------
    NoHeadError
        If there is none; the message says why.
    ModelError
        If the forward pass fails.
    """
    calls: dict[str, _Call] = {}
    dense = [layer for layer in description.layers if layer.layout == "dense"]
    passed: dict[str, Tensor] = {}

    def record(name: str, given: Tensor, output: Tensor) -> None:
        # The last call of a module counts, and modules stand in the order of their last calls.
        calls.pop(name, None)
        if output.numel() == len(images) * description.outputs:
            calls[name] = _Call(given.flatten(1).float(), output.flatten(1).float())

    def visit(layer: Layer, activation: Tensor) -> None:
        passed[layer.name] = reduce_activation(activation, layer, ("l2",))[0]

    parts = {name: part for name, part in module.named_modules() if _is_linear(part)}
    with _watched(module, parts, record):
        result = visit_layers(module, images, dense, visit, output=True, precision=precision)
    logits = first_tensor(result)
    assert logits is not None
    if logits.isnan().any():
        # Nothing is equal to NaN, not even the outputs of the head that gave it.
        raise NoHeadError("its outputs hold NaN.")
    if not calls:
        raise NoHeadError(f"no linear layer of it has {description.outputs:,} outputs, as many as the model.")
    for name, call in reversed(calls.items()):
        if torch.equal(call.output, logits.float()) and _applies(parts[name], call, precision):
            # What lies on the way to blocks is in the store already.
            ordered = sorted(dense, key=lambda layer: ("block" in layer.granularities, layer.depth))
            same = [layer.name for layer in ordered if torch.equal(passed[layer.name], call.given)]
            return Head(name, call.given.shape[1], same[-1] if same else "")
    raise NoHeadError(
        f"its outputs are not those of its last linear layer ({next(reversed(calls))}) as they are: a "
        "softmax, an average or a scale may follow it."
    )


def head_weights(module: nn.Module, name: str) -> tuple[DoubleArray, DoubleArray]:
    """Return a head's weights, float64 (K, C), and its bias, (K,); 0 where it has none."""
    part = module.get_submodule(name)
    weight, bias = _weights(part)
    found: DoubleArray = weight.double().cpu().numpy()
    return found, np.zeros(len(found)) if bias is None else bias.double().cpu().numpy()


def publish_head_input(store: Store, plan: HeadInput, still_wanted: Callable[[], None]) -> None:
    """Run the model over the plan's sample and publish what its head takes in.

    Parameters
    ----------
    still_wanted
        Called before every batch; raises when the work was cancelled.

    Raises
    ------
    ModelError
        If the model fails, or does not run its head.
    DatasetError
        If an image cannot be read.
    """

    def begin() -> tuple[int, Rows]:
        _, module = classifier(store, plan)
        fitting = Fitting(partial(_run, module, plan.head, plan.precision))

        def rows(images: Tensor) -> FloatArray:
            return np.asarray(fitting(images).summaries[plan.head][_INPUT])

        return _weights(module.get_submodule(plan.head))[0].shape[1], rows

    publish_rows(store, plan, begin, still_wanted)


def _run(module: nn.Module, name: str, precision: str, images: Tensor) -> BatchResult:
    """Return what the head takes in of a batch, as if it were a summary of the head."""
    found: list[Tensor] = []

    def record(_name: str, given: Tensor, _output: Tensor) -> None:
        found[:] = [given.flatten(1).float()]

    with _watched(module, {name: module.get_submodule(name)}, record):
        run_batch(module, images, [], [], output=True, precision=precision)
    if not found:
        raise ModelError(f"The model did not run its head {name!r} on these images.")
    return BatchResult({name: {_INPUT: found[0].cpu().numpy()}}, None, {name: 0})


@contextmanager
def _watched(
    module: nn.Module, parts: Mapping[str, nn.Module], record: Callable[[str, Tensor, Tensor], None]
) -> Iterator[None]:
    """Have ``record`` take copies of what parts of a model take in and give."""

    def hook(name: str, _part: nn.Module, arguments: Any, named: Any, result: Any) -> None:
        given, output = first_tensor((arguments, named)), first_tensor(result)
        if given is not None and output is not None:
            record(name, given.clone(), output.clone())

    with exclusive(module):
        handles = [
            part.register_forward_hook(partial(hook, name), with_kwargs=True) for name, part in parts.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _is_linear(part: nn.Module) -> bool:
    if isinstance(part, nn.Conv2d):
        return set(part.kernel_size) == {1} and part.groups == 1
    return isinstance(part, nn.Linear)


def _applies(part: nn.Module, call: _Call, precision: str) -> bool:
    """Say whether a module's outputs are W x + b of its input, image by image."""
    weight, bias = _weights(part)
    if call.given.shape[1] != weight.shape[1]:
        return False
    expected = linear(call.given, weight.float(), None if bias is None else bias.float())
    allowed = _TOLERANCE.get(precision, 0.0) * float(call.output.abs().max())
    return torch.allclose(expected, call.output, rtol=0, atol=allowed)


def _weights(part: nn.Module) -> tuple[Tensor, Tensor | None]:
    weight, bias = part.weight, part.bias
    assert isinstance(weight, Tensor)
    return weight.detach().flatten(1), bias.detach() if isinstance(bias, Tensor) else None
