"""One forward pass, recorded: which module ran when, inside which, with what output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from channelexplorer_dash.extraction.axes import find_layout
from channelexplorer_dash.extraction.running import as_input, exclusive, first_tensor, forward_error
from channelexplorer_dash.models.description import Layout


@dataclass(eq=False)
class Call:
    """One call of one module.

    Attributes
    ----------
    name
        Module path, empty for the model itself.
    number
        1 for the first call of this module in the pass, 2 for the second, …
    inner
        The calls made directly by this one, in order.
    shape
        Shape of the output's first tensor, with the batch; None where there is no floating tensor that
        keeps the images apart on its first axis.
    layout
        Where the channels are, None where that cannot be told.
    chain
        Whether the call handed its input from one inner call to the next and returned what the last returned.
    """

    name: str
    number: int
    module: nn.Module
    inner: list[Call] = field(default_factory=list)
    shape: tuple[int, ...] | None = None
    layout: Layout | None = None
    chain: bool = True


def trace(module: nn.Module, batch: Tensor) -> list[Call]:
    """Run the module once and return its calls in the order in which they ended, the model's own last.

    Parameters
    ----------
    batch
        (B, C, H, W).

    Raises
    ------
    ModelError
        If the forward pass fails.
    """
    recorder = _Recorder(len(batch), (batch.shape[-2], batch.shape[-1]))
    handles = []
    try:
        with exclusive(module):
            for name, part in module.named_modules():
                handles.append(part.register_forward_pre_hook(recorder.entering(name), with_kwargs=True))
                handles.append(part.register_forward_hook(recorder.leaving))
            try:
                module(as_input(module, batch))
            except Exception as error:
                raise forward_error(error, batch) from error
    finally:
        for handle in handles:
            handle.remove()
    return recorder.done


@dataclass(eq=False)
class _Frame:
    call: Call
    given: Tensor | None
    # The tensor that the next inner call takes if this one only passes things on.
    cursor: Tensor | None


class _Recorder:
    def __init__(self, images: int, size: tuple[int, int]) -> None:
        self.done: list[Call] = []
        self._images = images
        self._size = size
        self._frames: list[_Frame] = []
        self._calls: Counter[str] = Counter()
        self._layouts: Any = WeakIdKeyDictionary()

    def entering(self, name: str) -> Any:
        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            given = first_tensor((args, dict(kwargs)))
            self._calls[name] += 1
            call = Call(name, self._calls[name], module)
            if self._frames:
                outer = self._frames[-1]
                outer.call.inner.append(call)
                outer.call.chain &= given is not None and given is outer.cursor
            self._frames.append(_Frame(call, given, given))

        return enter

    def leaving(self, module: nn.Module, _args: Any, output: Any) -> None:
        frame = self._frames.pop()
        call, tensor = frame.call, first_tensor(output)
        call.chain &= bool(call.inner) and tensor is not None and tensor is frame.cursor
        if tensor is not None:
            if (
                tensor.is_floating_point()
                and tensor.ndim >= 2
                and len(tensor) == self._images
                and tensor.numel()
            ):
                call.shape = tuple(tensor.shape)
                call.layout = self._layout(frame, tensor)
            if self._frames:
                self._frames[-1].cursor = tensor
        self.done.append(call)

    def _layout(self, frame: _Frame, tensor: Tensor) -> Layout | None:
        found: Layout | None = self._layouts.get(tensor)
        if found is None or tensor.ndim == 2:
            near = (
                [(tuple(frame.given.shape), self._layouts.get(frame.given))]
                if frame.given is not None
                else []
            )
            near += [(call.shape, call.layout) for call in reversed(frame.call.inner) if call.shape]
            found = find_layout(frame.call.module, tuple(tensor.shape), near, self._size)
        if found is not None:
            self._layouts[tensor] = found
        return found
