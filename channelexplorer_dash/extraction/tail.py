"""Running again and again what of a model comes after a layer, on one batch of images.

A module's code cannot be entered in the middle. So the model is called as a whole, but of every module that
was done before the layer gave its output, what it returned the first time stands in for the call: only what
contains the layer, and what follows it, is computed. Whether that gives the same answers is tried before it
is relied on; a model for which it does not (one that goes on with what a module changed in place, say) is run
in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.ablation import held, replaced, with_channels
from channelexplorer_dash.extraction.forward import split_name
from channelexplorer_dash.extraction.running import (
    BatchTooLargeError,
    as_input,
    exclusive,
    first_tensor,
    forward_error,
)
from channelexplorer_dash.models.description import Layer

# Of the largest logit: how far the logits of a repetition may be from those of the first pass.
_TOLERANCE = 1e-5

Forward = Callable[..., Any]
Step = Callable[[nn.Module, Forward, Any, Any], Any]


@dataclass
class _Call:
    """A call of a module, up to the layer's; ``output`` stands in for it where ``is_done``.

    ``is_written`` says that the model changes the output in place later on, so that a copy is handed out.
    """

    module: nn.Module
    is_done: bool = False
    output: Any = None
    is_written: bool = True


class Tail:
    """A model on one batch, from a layer on.

    Parameters
    ----------
    module
        In evaluation mode.
    layer
        Of the model's description.
    images
        float32 (B, C, H, W).
    precision
        As of :func:`channelexplorer_dash.extraction.forward.run_batch`.

    Attributes
    ----------
    logits
        float32 (B, outputs) of the model as it is, on its device.
    is_short
        Whether what comes before the layer is left out of further passes.

    Raises
    ------
    BatchTooLargeError
        If the batch does not fit in memory.
    ModelError
        If the model fails, does not reach the layer, or has no class outputs.
    """

    def __init__(self, module: nn.Module, layer: Layer, images: Tensor, precision: str = "float32") -> None:
        self._module, self._layer, self._precision = module, layer, precision
        path, self._number = split_name(layer.name)
        try:
            self._target = module.get_submodule(path)
        except AttributeError as error:
            raise ModelError(f"The model has no layer {layer.name!r}. Read its layers again.") from error
        self._calls: list[_Call] = []
        self._found = 0
        self._overwrites_input = True
        with _still(module):
            self._images = as_input(module, images)
        self.logits = self._run(self._record, list(module.modules()))
        if not self._is_over:
            raise ModelError(f"The model did not run the layer {layer.name!r}: it cannot be ablated.")
        self.is_short = self._rehearse()

    def without(self, channels: Sequence[int], values: Sequence[float]) -> Tensor:
        """Return the logits with channels of the layer held at values, float32 (B, outputs)."""
        if not self.is_short:
            with held(self._module, self._layer, channels, values):
                return self._run()

        def change(output: Any) -> Any:
            tensor = first_tensor(output)
            if tensor is None:
                raise ModelError(f"The layer {self._layer.name!r} gives no tensor: it cannot be ablated.")
            return replaced(output, tensor, with_channels(tensor, self._layer, channels, values))

        return self._repeat(change, [])

    @property
    def _is_over(self) -> bool:
        return self._found >= self._number

    def _record(self, module: nn.Module, forward: Forward, arguments: Any, named: Any) -> Any:
        if self._is_over:
            return forward(*arguments, **named)
        first = len(self._calls)
        self._calls.append(_Call(module))
        result = forward(*arguments, **named)
        if not self._is_over:
            # What happened inside of it will not happen again.
            self._calls[first:] = [_Call(module, is_done=True, output=_copied(result))]
            self._found += module is self._target
        return result

    def _repeat(self, change: Callable[[Any], Any], handed: list[tuple[_Call, Any]]) -> Tensor:
        """Run with the layer's output changed; ``handed`` takes each call and the copy that it was given."""
        left = iter(self._calls)
        last = self._calls[-1]

        def step(module: nn.Module, forward: Forward, arguments: Any, named: Any) -> Any:
            call = next(left, None)
            if call is None:
                return forward(*arguments, **named)
            if call.module is not module:
                raise ModelError("The model takes another way through its modules than the first time.")
            if not call.is_done:
                return forward(*arguments, **named)
            output = call.output
            if call.is_written:
                output = _copied(output)
                handed.append((call, output))
            return change(output) if call is last else output

        # Others run inside of what is stood in for, or after the layer.
        return self._run(step, list({id(call.module): call.module for call in self._calls}.values()))

    def _rehearse(self) -> bool:
        """Say whether a repetition in which nothing is changed gives the same; see what is written to."""
        handed: list[tuple[_Call, Any]] = []
        try:
            logits = self._repeat(lambda output: output, handed)
        except BatchTooLargeError:
            raise
        except ModelError:
            return False
        for call, output in handed:
            # Fresh copies are at version 0; whoever writes in place, to a view of them too, counts it up.
            call.is_written = any(tensor._version > 0 for tensor in _tensors(output))
        allowed = _TOLERANCE * float(self.logits.abs().nan_to_num(0, 0).max())
        return torch.allclose(logits, self.logits, rtol=0, atol=allowed, equal_nan=True)

    def _run(self, step: Step | None = None, parts: Sequence[nn.Module] = ()) -> Tensor:
        images = self._images.clone() if self._overwrites_input else self._images
        with _still(self._module):
            try:
                with (
                    _stepped(parts, step),
                    torch.autocast(images.device.type, torch.bfloat16, enabled=self._precision == "bfloat16"),
                ):
                    result = self._module(images)
            except ModelError:
                raise
            except Exception as error:
                raise forward_error(error, images) from error
        self._overwrites_input = self._overwrites_input and images._version > 0
        logits = first_tensor(result)
        if logits is None or logits.ndim != 2 or len(logits) != len(images):
            raise ModelError("The model gave no class outputs.")
        return logits.float()


@contextmanager
def _still(module: nn.Module) -> Iterator[None]:
    """Hold a module alone, without gradients, while tensors count what is written to them."""
    with exclusive(module), torch.inference_mode(False), torch.no_grad():
        yield


@contextmanager
def _stepped(parts: Sequence[nn.Module], step: Step | None) -> Iterator[None]:
    """Have ``step`` decide what each call of some modules does, its own ``forward`` among its arguments."""
    if step is None:
        yield
        return
    own = [vars(part).get("forward") for part in parts]
    try:
        for part in parts:
            vars(part)["forward"] = _through(step, part, part.forward)
        yield
    finally:
        for part, before in zip(parts, own, strict=True):
            if before is None:
                vars(part).pop("forward", None)
            else:
                vars(part)["forward"] = before


def _through(step: Step, module: nn.Module, forward: Forward) -> Forward:
    return lambda *arguments, **named: step(module, forward, arguments, named)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def _copied(value: Any) -> Any:
    for tensor in _tensors(value):
        value = replaced(value, tensor, tensor.clone())
    return value
