"""One forward pass, recorded: which module ran when, inside which, with what output; what flowed where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.axes import find_layout, last_layout, own_layout, token_grid
from channelexplorer_dash.extraction.dataflow import Flow
from channelexplorer_dash.extraction.places import Placed, Places, placed
from channelexplorer_dash.extraction.recording import Observer
from channelexplorer_dash.extraction.running import as_input, exclusive, first_tensor, forward_error
from channelexplorer_dash.extraction.structure import is_skipped
from channelexplorer_dash.models.description import Dataflow, Layout

Watch = Callable[["Call", Tensor, Placed | None], None]


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
        Shape of the output's first tensor, with the batch, the parts of an image beside each other
        (:class:`~channelexplorer_dash.models.description.Layer`); None where there is no floating tensor that
        keeps the images apart on its first axis.
    layout
        Where the channels are, None where that cannot be told.
    folds
        Into how many parts of the first axis each image is cut.
    prefix
        How many tokens before the others have no place on the image; None where that is not known.
    chain
        Whether the call handed its input from one inner call to the next and returned what the last returned.
    """

    name: str
    number: int
    module: nn.Module
    inner: list[Call] = field(default_factory=list)
    shape: tuple[int, ...] | None = None
    layout: Layout | None = None
    folds: int = 1
    prefix: int | None = None
    chain: bool = True

    @property
    def layer_name(self) -> str:
        """The module's path, with the number of the call from the second on."""
        return self.name if self.number == 1 else f"{self.name}#{self.number}"


@dataclass(frozen=True, eq=False)
class Trace:
    """The calls of a pass in the order in which they ended, the model's own last, and its dataflow."""

    calls: list[Call]
    dataflow: Dataflow


def trace(module: nn.Module, batch: Tensor, watch: Watch | None = None) -> Trace:
    """Run the module once and record it.

    Parameters
    ----------
    batch
        (B, C, H, W).
    watch
        Called at the end of every call that gives a tensor, with the tensor and its places.

    Raises
    ------
    ModelError
        If the forward pass fails, or the module is torch.jit's.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            "The model was compiled by torch.jit, which hides its layers. Take it as it was before that."
        )
    handles = []
    with exclusive(module):
        given = as_input(module, batch)
        recorder = _Recorder(given, watch)
        try:
            for name, part in module.named_modules():
                if isinstance(part, torch.jit.ScriptModule):
                    continue
                handles.append(part.register_forward_pre_hook(recorder.entering(name), with_kwargs=True))
                handles.append(part.register_forward_hook(recorder.leaving, with_kwargs=True))
            try:
                with recorder.observer:
                    output = module(given)
            except Exception as error:
                raise forward_error(error, batch) from error
        finally:
            for handle in handles:
                handle.remove()
    return Trace(recorder.done, recorder.flow.found(output, tuple(recorder.observer.problems)))


@dataclass(eq=False)
class _Frame:
    call: Call
    given: Tensor | None
    # The tensor that the next inner call takes if this one only passes things on.
    cursor: Tensor | None


class _Recorder:
    def __init__(self, batch: Tensor, watch: Watch | None) -> None:
        self.done: list[Call] = []
        self.flow = Flow(batch)
        self._places = Places(len(batch))
        self.observer = Observer(self._places, self.flow)
        self._images = len(batch)
        self._size = (batch.shape[-2], batch.shape[-1])
        self._watch = watch
        self._frames: list[_Frame] = []
        self._calls: Counter[str] = Counter()
        self._layouts: Any = WeakIdKeyDictionary()
        self._places.put(batch, placed(tuple(batch.shape), 1, self._size))

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
            self._note_inside()

        return enter

    def leaving(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        frame = self._frames[-1]
        call, tensor = frame.call, first_tensor(output)
        call.chain &= bool(call.inner) and tensor is not None and tensor is frame.cursor
        with self.observer.pausing():
            if tensor is not None and tensor.is_floating_point() and tensor.ndim >= 2 and tensor.numel():
                self._read(frame, tensor)
        with self.observer.pausing():
            # What runs inside an activation or an identity counts for nothing; nor does what changes nothing.
            alone = all(is_skipped(inner.module) for inner in call.inner) and not is_skipped(module)
            self.flow.leave(self.observer.inside, (args, kwargs), output, is_node=alone and bool(call.name))
        if self._watch is not None and tensor is not None:
            with self.observer.pausing():
                self._watch(call, tensor, self._places.get(tensor))
        self._frames.pop()
        self._note_inside()
        if tensor is not None and self._frames:
            self._frames[-1].cursor = tensor
        self.done.append(call)

    def _note_inside(self) -> None:
        self.observer.inside = tuple(frame.call.layer_name for frame in self._frames if frame.call.name)

    def _read(self, frame: _Frame, tensor: Tensor) -> None:
        """Tell the layout and the shape of a call's output, and where it lies on the image."""
        call = frame.call
        self._adopt_places(frame, tensor)
        places = self._places.get(tensor)
        folds = 1
        if len(tensor) != self._images:
            folds = (places.folds(self._images) if places is not None else None) or 0
        if folds:
            call.layout = self._layout(frame, tensor)
        if not folds or call.layout is None:
            return
        shape = tuple(tensor.shape)
        if folds > 1 or (len(shape) > 4 and call.layout == "tokens"):
            call.layout, shape = _joined(call.layout, shape, folds)
            call.folds = folds
        call.shape = shape
        places = self._seeded(frame, tensor, call.layout) if places is None and folds == 1 else places
        if call.layout == "tokens" and places is not None and places.ids is not None:
            lines = places.ids[..., 0].reshape(self._images, -1)[0] > 0
            call.prefix = int(lines.int().argmax().item()) if bool(lines.any().item()) else 0

    def _adopt_places(self, frame: _Frame, tensor: Tensor) -> None:
        """Take the places of a call's input where its output has the same form, and none or lost ones."""
        known = self._places.get(tensor)
        if known is not None and known.ids is not None:
            return
        # A layer over transposed tokens mixes the positions; at the end of it they are those of its input.
        for outer in reversed(self._frames[-3:]):
            given = self._places.get(outer.given)
            if given is None or given.ids is None or given.ids.shape != tensor.shape:
                continue
            if known is None or given.channel_axis() == 1:
                self._places.put(tensor, given)
            return

    def _layout(self, frame: _Frame, tensor: Tensor) -> Layout | None:
        found: Layout | None = self._layouts.get(tensor)
        if found is None or tensor.ndim == 2:
            shape, module = tuple(tensor.shape), frame.call.module
            places = self._places.get(tensor)
            axis = places.channel_axis() if places is not None and tensor.ndim > 2 else None
            own = own_layout(module, shape)
            if axis == 1 and (own is None or isinstance(module, nn.Linear)):
                found = "nchw"
            elif own is not None:
                found = own
            elif axis == tensor.ndim - 1:
                found = last_layout(shape)
            elif axis is None:
                near = (
                    [(tuple(frame.given.shape), self._layouts.get(frame.given))]
                    if frame.given is not None
                    else []
                )
                near += [(call.shape, call.layout) for call in reversed(frame.call.inner) if call.shape]
                found = find_layout(module, shape, near, self._size)
        if found is not None:
            self._layouts[tensor] = found
        return found

    def _seeded(self, frame: _Frame, tensor: Tensor, layout: Layout) -> Placed | None:
        """Begin with places in their natural order where nothing says that they are in another one."""
        given = self._places.get(frame.given)
        if given is not None and (given.ids is None or (layout == "tokens" and given.ids.ndim == 4)):
            return None
        shape = tuple(tensor.shape)
        found: Placed | None = None
        if layout in {"nchw", "nhwc"} and len(shape) == 4:
            axis, grid = (1, shape[2:]) if layout == "nchw" else (3, shape[1:3])
            found = placed(shape, axis, (grid[0], grid[1]))
        elif layout == "tokens" and len(shape) == 3 and (cells := token_grid(shape[1], self._size)):
            found = placed(shape, 2, cells)
        if found is not None:
            self._places.put(tensor, found)
        return found


def _joined(layout: Layout, shape: tuple[int, ...], folds: int) -> tuple[Layout, tuple[int, ...]]:
    """Return layout and shape once the parts of each image stand beside each other."""
    images = shape[0] // folds
    if layout == "nchw":
        return "nchw", (images, shape[1], folds * prod(shape[2:]))
    return "tokens", (images, folds * prod(shape[1:-1]), shape[-1])
