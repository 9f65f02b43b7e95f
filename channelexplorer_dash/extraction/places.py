"""Where on the image the values of a tensor lie, followed through what models do with positions.

Beside a tensor goes one of whole numbers of the same shape, its *ids*: 0 for values with no place (class
tokens, padding), else 1 + image · cells + cell, the cells of a grid over the image counted row by row. What
only moves values (views, transpositions, windows cut and joined, rolls, concatenations) is done to the ids as
well; what keeps a shape keeps the ids; convolutions and poolings of a whole image begin a new grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

# What functions raise that cannot be done to ids, or to floats in their place.
_REFUSED = (RuntimeError, TypeError, IndexError, NotImplementedError)
_MOVES = frozenset(
    {
        "__get__",
        "__getitem__",
        "cat",
        "channel_shuffle",
        "chunk",
        "clone",
        "concat",
        "concatenate",
        "contiguous",
        "detach",
        "expand",
        "flatten",
        "flip",
        "gather",
        "hstack",
        "index_select",
        "moveaxis",
        "movedim",
        "narrow",
        "pad",
        "permute",
        "pixel_shuffle",
        "pixel_unshuffle",
        "repeat",
        "repeat_interleave",
        "reshape",
        "roll",
        "select",
        "split",
        "split_with_sizes",
        "squeeze",
        "stack",
        "swapaxes",
        "swapdims",
        "t",
        "take_along_dim",
        "tensor_split",
        "tile",
        "transpose",
        "unbind",
        "unflatten",
        "unfold",
        "unsqueeze",
        "view",
        "vstack",
    }
)
_REDUCTIONS = frozenset({"amax", "amin", "max", "min", "mean", "sum"})
_NEW_GRID = ("conv", "pool", "interpolate", "upsample")


@dataclass(frozen=True, eq=False)
class Placed:
    """Ids of a tensor, int64 of its shape, and (rows, columns) of the grid that they count.

    ``ids`` is None where places are known to be mixed up: a layer over positions wrote the values.
    """

    ids: Tensor | None
    grid: tuple[int, int] = (0, 0)

    def constant(self, axis: int) -> bool:
        """Whether the place does not depend on an axis."""
        ids = self.ids
        return ids is not None and (
            ids.stride(axis) == 0 or bool((ids == ids.narrow(axis, 0, 1)).all().item())
        )

    def channel_axis(self) -> int | None:
        """Return the one axis, beside the first, on which places do not depend; None where it is not one."""
        if self.ids is None:
            return None
        axes = [axis for axis in range(1, self.ids.ndim) if self.ids.shape[axis] > 1]
        constant = [axis for axis in axes if self.constant(axis)]
        return constant[0] if len(constant) == 1 else None

    def folds(self, images: int) -> int | None:
        """Return into how many parts of the first axis each image is cut; None where images are mixed."""
        if self.ids is None or len(self.ids) % images:
            return None
        rows = self.ids.reshape(images, -1)
        owner = (rows - 1).div(prod(self.grid), rounding_mode="floor")
        wanted = torch.arange(images).unsqueeze(1)
        return len(self.ids) // images if bool(((rows == 0) | (owner == wanted)).all().item()) else None

    def owners(self) -> Tensor | None:
        """Return whose image each (C, H, W) of a tensor is, int64 (n,), if its cells lie in their order."""
        ids = self.ids
        if ids is None or ids.ndim != 4 or tuple(ids.shape[2:]) != self.grid or not self.constant(1):
            return None
        cells = prod(self.grid)
        owners = (ids[:, 0, 0, 0] - 1).div(cells, rounding_mode="floor")
        natural = owners.unsqueeze(1) * cells + torch.arange(1, 1 + cells)
        return owners if bool((ids[:, 0].flatten(1) == natural).all().item()) else None


def placed(shape: tuple[int, ...], axis: int, grid: tuple[int, int], prefix: int = 0) -> Placed:
    """Return the places of a tensor (B, …) whose positions are ``prefix`` without place, then a whole grid.

    Parameters
    ----------
    axis
        That of the channels.
    """
    images, cells = shape[0], prod(grid)
    ids = torch.arange(1, 1 + images * cells).view(images, cells)
    if prefix:
        ids = torch.cat([ids.new_zeros(images, prefix), ids], 1)
    positions = [size for at, size in enumerate(shape) if at not in {0, axis % len(shape)}]
    return Placed(ids.view(images, *positions).unsqueeze(axis).expand(shape), grid)


def coarser(places: Placed, axes: list[int], tensor: Tensor) -> Placed | None:
    """Return the places of what is one value for all along some axes.

    Where these hold square groups of cells the result lies on a coarser grid, each group in the place of its
    first cell; other groups are mixed up.
    """
    assert places.ids is not None
    nowhere = prod(places.grid) * len(places.ids) + 1
    least = torch.where(places.ids > 0, places.ids, nowhere).amin(axes, keepdim=True)
    least = torch.where(least < nowhere, least, 0)
    grid = places.grid
    if not all(places.constant(axis) for axis in axes):
        found = condensed(least, grid)
        if found is None:
            return Placed(None)
        least, grid = found
    if least.ndim != tensor.ndim:
        least = least.squeeze(axes)
    fits = least.ndim == tensor.ndim and all(
        one in {1, other} for one, other in zip(least.shape, tensor.shape, strict=True)
    )
    return Placed(least.expand(tensor.shape), grid) if fits else None


def resampled(places: Placed, tensor: Tensor) -> Placed | None:
    """Return the places of what a convolution, a pooling or an interpolation makes of (n, C, H, W)."""
    rows, columns = tensor.shape[2], tensor.shape[3]
    owners = places.owners()
    if owners is not None:
        cells = owners.view(-1, 1, 1, 1) * rows * columns + torch.arange(1, 1 + rows * columns).view(
            rows, columns
        )
        return Placed(cells.expand(tensor.shape), (rows, columns))
    ids = places.ids
    if ids is None or not places.constant(1) or ids.shape[2] % rows or ids.shape[3] % columns:
        return Placed(None)
    # Inside a window: every second, third, … row and column of it.
    found = condensed(ids[:, :1, :: ids.shape[2] // rows, :: ids.shape[3] // columns], places.grid)
    return Placed(found[0].expand(tensor.shape), found[1]) if found else Placed(None)


def condensed(ids: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]] | None:
    """Return ids of every second, third, … row and column counted on the coarser grid that they make.

    None where they are not evenly spread.
    """
    rows, columns = grid
    cells, ranks = torch.unique(ids[ids > 0], return_inverse=True)
    images = len(torch.unique((cells - 1).div(rows * columns, rounding_mode="floor")))
    step = round((rows * columns * images / max(1, len(cells))) ** 0.5)
    if step < 1 or rows % step or columns % step or rows * columns * images != len(cells) * step**2:
        return None
    result = ids.clone()
    result[ids > 0] = ranks + 1
    return result, (rows // step, columns // step)


class Places:
    """The places of every tensor of one pass, as far as they are known."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._known: Any = WeakIdKeyDictionary()

    def get(self, tensor: Tensor | None) -> Placed | None:
        """Return a tensor's places, None where nothing is known."""
        found: Placed | None = None if tensor is None else self._known.get(tensor)
        return found

    def put(self, tensor: Tensor, places: Placed | None) -> None:
        """Remember a tensor's places."""
        if places is None:
            self._known.pop(tensor, None)
        elif places.ids is None or places.ids.shape == tensor.shape:
            self._known[tensor] = places

    def follow(self, function: Callable[..., Any], args: Any, kwargs: Any, result: Any) -> None:
        """Note the places of what a function returned."""
        given = [tensor for tensor in tensors((args, kwargs)) if self._known.get(tensor) is not None]
        if not given:
            return
        returned = list(tensors(result))
        if not returned:
            return
        name = function.__name__
        if name in _MOVES:
            self._move(function, name, args, kwargs, returned, self._known[given[0]].grid)
            return
        for tensor in returned:
            self.put(tensor, self._kept(name, given, args, kwargs, tensor))

    def _kept(self, name: str, given: list[Tensor], args: Any, kwargs: Any, tensor: Tensor) -> Placed | None:
        first = self._known[given[0]]
        if name == "linear":
            if first.ids is None:
                return Placed(None)
            if not first.constant(-1):
                # Of one position's neighbours, joined in its channels, or of all positions, transposed.
                return Placed(None) if first.channel_axis() is not None else coarser(first, [-1], tensor)
            return Placed(first.ids[..., :1].expand(tensor.shape), first.grid)
        if name in _REDUCTIONS and tensor is not given[0]:
            axes = [axis for axis in (*args[1:2], kwargs.get("dim"), kwargs.get("axis")) if axis is not None]
            if axes and not isinstance(axes[0], Tensor):
                return coarser(first, [axes[0]] if isinstance(axes[0], int) else list(axes[0]), tensor)
        if any(word in name for word in _NEW_GRID) and tensor.ndim == 4 and given[0].ndim == 4:
            return resampled(first, tensor)
        same = [self._known[other] for other in given if other.shape == tensor.shape]
        return next((found for found in same if found.ids is not None), same[0] if same else None)

    def _move(
        self,
        function: Callable[..., Any],
        name: str,
        args: Any,
        kwargs: Any,
        returned: list[Tensor],
        grid: tuple[int, int],
    ) -> None:
        mixed = any(self._known[t].ids is None for t in tensors((args, kwargs)) if t in self._known)
        moved: list[Tensor] = []
        if not mixed:
            args, kwargs = self._as_ids(args), self._as_ids(kwargs)
            if name == "pad":
                # What is padded has no place, whatever the value.
                args, kwargs = args[:3], {key: kwargs[key] for key in kwargs if key != "value"}
            try:
                moved = list(tensors(function(*args, **kwargs)))
            except _REFUSED:
                moved = self._moved_as_floats(function, args, kwargs)
        for at, tensor in enumerate(returned):
            if tensor.is_floating_point():
                self.put(tensor, Placed(moved[at], grid) if at < len(moved) else Placed(None))

    def _moved_as_floats(self, function: Callable[..., Any], args: Any, kwargs: Any) -> list[Tensor]:
        """Move ids with a function that takes no whole numbers; doubles hold them exactly."""
        given = [value.double() if isinstance(value, Tensor) else value for value in args]
        try:
            return [moved.long() for moved in tensors(function(*given, **kwargs))]
        except _REFUSED:
            return []

    def _as_ids(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            known = self._known.get(value)
            if known is not None:
                return known.ids
            return torch.zeros(value.shape, dtype=torch.int64) if value.is_floating_point() else value
        if isinstance(value, dict):
            return {key: self._as_ids(part) for key, part in value.items()}
        if type(value) in {tuple, list}:
            return type(value)(self._as_ids(part) for part in value)
        return value


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield every tensor inside tuples, lists and mappings, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors(part)
