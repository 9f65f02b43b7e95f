"""Summaries of activation maps, reduced on the device on which the activation lies.

The formulas are those of :mod:`channelexplorer_dash.core.summaries`, which these are tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from math import isqrt, prod, sqrt

import numpy as np
import torch
from torch import Tensor

from channelexplorer_dash.errors import ModelError, unknown_name
from channelexplorer_dash.extraction import onepass
from channelexplorer_dash.models.description import Layer

_AT_ONCE = onepass.SUMMARIES

# Values that the sorting summaries take at once. On a CPU a part then stays in the cache from one to the
# next; on an accelerator, where each kernel costs a launch, the bound only keeps their temporaries small
# beside the activations.
_CPU_VALUES = 1 << 19
_DEVICE_VALUES = 1 << 26
# Values of an activation from which it is worth waking up a second thread.
_SHARED_VALUES = 1 << 18


def reduce_activation(activation: Tensor, layer: Layer, summaries: Sequence[str]) -> Tensor:
    """Reduce the output of a layer to one number per image, channel and summary.

    ``l2``, ``rms``, ``mean``, ``max_abs`` and ``active_fraction`` come from one reading of an activation in
    main memory (:mod:`channelexplorer_dash.extraction.onepass`), and from a few kernels on an accelerator.

    Class and register tokens are no positions and are left out. A dense output is its own summary: its
    values stand under every name, but for ``active_fraction``, which is 1 where the value is above 0.
    ``spectral`` takes tokens as the square map that they fill; a number of tokens that fills none is a
    map of one row, whose largest singular value is its ``l2``.

    Parameters
    ----------
    activation
        (B, C, H, W), (B, H, W, C), (B, T, C) or (B, C), as ``layer.layout`` says, images cut into parts as
        ``layer.folds`` says; any floating type, any strides.
    summaries
        Names of :data:`channelexplorer_dash.choices.Summary`.

    Returns
    -------
    Tensor
        float32 (S, B, C), on the device of the activation, in the order of ``summaries``. A map that holds
        NaN or infinity, or whose squares overflow, is NaN under every name.

    Raises
    ------
    UnknownNameError
        If a summary is unknown.
    ModelError
        If the output has no positions: none at all, or class and register tokens alone.
    """
    for summary in summaries:
        if summary not in _AT_ONCE and summary not in _FORMULAS:
            raise unknown_name("summary", summary, [*_AT_ONCE, *_FORMULAS])
    activation = joined(activation, layer)
    if layer.layout == "dense":
        values = activation.float()
        values = values.where(values.isfinite(), torch.nan)
        positive = (values > 0).float().where(values.isfinite(), torch.nan)
        return torch.stack([positive if name == "active_fraction" else values for name in summaries])
    if not prod(channels_first(activation, layer).shape[2:]):
        shape, prefix = "×".join(map(str, activation.shape[1:])), layer.prefix_tokens
        raise ModelError(
            f"The output of {layer.name!r}, {shape}, has no positions besides {prefix} class and register "
            "tokens. Choose other layers."
        )
    reader = read_once if activation.device.type == "cpu" else several_kernels
    five = reader(activation, layer)
    if tuple(summaries) == _AT_ONCE:
        return five
    found = dict(zip(_AT_ONCE, five, strict=True))
    finite = five[0].isfinite()
    for name, values in _further(activation, layer, summaries).items():
        found[name] = values.where(finite, torch.nan)
    return torch.stack([found[name] for name in summaries])


def joined(activation: Tensor, layer: Layer) -> Tensor:
    """Return an output with the parts of an image side by side: (B, folds · T, C), (B, C, folds · L)."""
    if layer.folds == 1 and (layer.layout != "tokens" or activation.ndim == 3):
        return activation
    parts: Tensor = activation.unflatten(0, (-1, layer.folds))
    return parts.movedim(2, 1).flatten(2) if layer.layout == "nchw" else parts.flatten(1, -2)


def channels_first(activation: Tensor, layer: Layer) -> Tensor:
    """View an output as (B, C, positions…), without class and register tokens; (B, C) becomes (B, C, 1)."""
    if layer.layout == "dense":
        return activation.unsqueeze(-1)
    if layer.layout == "tokens":
        return activation[:, layer.prefix_tokens :].movedim(-1, 1)
    return activation if layer.layout == "nchw" else activation.movedim(-1, 1)


def several_kernels(activation: Tensor, layer: Layer) -> Tensor:
    """Return the summaries of :data:`onepass.SUMMARIES`, float32 (5, B, C), by kernels of torch.

    They accumulate in single precision whatever the activation's type, without a copy of it.
    """
    maps = channels_first(activation, layer)
    positions = tuple(range(2, maps.ndim))
    count = maps[0, 0].numel()
    l2 = torch.linalg.vector_norm(maps, dim=positions, dtype=torch.float32)
    mean = maps.mean(positions, dtype=torch.float32)
    largest = torch.maximum(maps.amax(positions), -maps.amin(positions)).float()
    positive = (maps > 0).sum(positions, dtype=torch.int32) / count
    # A single NaN or infinity makes the norm so.
    return torch.stack([l2, l2 / sqrt(count), mean, largest, positive]).where(l2.isfinite(), torch.nan)


def read_once(activation: Tensor, layer: Layer) -> Tensor:
    """Return the summaries of :data:`onepass.SUMMARIES`, float32 (5, B, C), of maps in main memory.

    Strides that are neither those of NCHW nor those of NHWC, and types other than float32, are copied
    image by image.
    """
    direct = activation.dtype == torch.float32 and (
        activation.is_contiguous() or (layer.layout == "nchw" and activation.movedim(1, -1).is_contiguous())
    )
    if direct:
        return _read(activation, layer)
    return torch.cat([_read(part.float().contiguous(), layer) for part in activation.split(1)], dim=1)


def _read(activation: Tensor, layer: Layer) -> Tensor:
    images = len(activation)
    by_rows = layer.layout == "nchw" and activation.is_contiguous()
    if by_rows or layer.layout != "nchw":
        flat = activation.view(-1).numpy()
    else:
        flat = activation.movedim(1, -1).reshape(-1).numpy()
    channels = activation.shape[1 if layer.layout == "nchw" else -1]
    positions = activation[0].numel() // channels
    result = np.empty((5, images * channels), np.float32)
    memory = (flat, flat.view(np.int32))
    into = (result, result.view(np.int32))
    if by_rows:
        units, kernel = images * channels, partial(onepass.rows, *memory, positions)
    else:
        units, kernel = images, partial(onepass.columns, *memory, channels, positions, layer.prefix_tokens)
    # As many threads as the model itself may use.
    threads = min(torch.get_num_threads(), units) if flat.size >= _SHARED_VALUES else 1
    bounds = [units * number // threads for number in range(threads + 1)]
    others = [_pool(threads - 1).submit(kernel, first, stop, *into) for first, stop in pairwise(bounds[1:])]
    kernel(0, bounds[1], *into)
    for other in others:
        other.result()
    return torch.from_numpy(result).view(5, images, channels)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="reduce")


def _further(activation: Tensor, layer: Layer, summaries: Sequence[str]) -> dict[str, Tensor]:
    """Return what needs more than one look at the values, float32 (B, C) each."""
    wanted = [name for name in summaries if name not in _AT_ONCE]
    if not wanted:
        return {}
    limit = _CPU_VALUES if activation.device.type == "cpu" else _DEVICE_VALUES
    images = max(1, limit // max(1, activation[0].numel()))
    parts = []
    for chunk in activation.split(images):
        maps = channels_first(chunk, layer).float()
        size = maps.abs().flatten(2)
        ordered = size.sort(dim=-1).values if {"p90", "above_otsu"} & set(wanted) else size
        parts.append({name: _FORMULAS[name](maps, size, ordered) for name in wanted})
    return {name: torch.cat([part[name] for part in parts]) for name in wanted}


def _p90(_maps: Tensor, _size: Tensor, ordered: Tensor) -> Tensor:
    """90th percentile, linear between its neighbours, as NumPy's default."""
    # In tenths, exact: 0.9 · (P - 1) in floating point can fall below the integer it should be.
    lower, tenths = divmod(9 * (ordered.shape[-1] - 1), 10)
    upper = min(lower + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[..., lower], ordered[..., upper], tenths / 10)


def _wide(values: Tensor) -> torch.dtype:
    # Strict comparisons with a mean need it exact; Apple's devices have no double precision.
    return torch.float32 if values.device.type == "mps" else torch.float64


def _above_mean(_maps: Tensor, size: Tensor, _ordered: Tensor) -> Tensor:
    return _share(size > size.mean(-1, keepdim=True, dtype=_wide(size)))


def _share(chosen: Tensor) -> Tensor:
    return chosen.sum(-1, dtype=torch.int32) / chosen.shape[-1]


def _above_otsu(_maps: Tensor, _size: Tensor, ordered: Tensor) -> Tensor:
    """Share above the split of the sorted values with the largest between-class variance (Otsu 1979)."""
    count = ordered.shape[-1]
    if count == 1:
        return torch.zeros_like(ordered[..., 0])
    lower = torch.arange(1, count, device=ordered.device)
    below = ordered.cumsum(-1, dtype=_wide(ordered))
    mean = below[..., -1:] / count
    between = (below[..., :-1] - lower * mean).square() / (lower * (count - lower))
    split = between.argmax(-1, keepdim=True)
    return _share(ordered > ordered.gather(-1, split))


def _spectral(maps: Tensor, _size: Tensor, _ordered: Tensor) -> Tensor:
    if maps.ndim != 4:
        tokens = maps.flatten(2)
        side = isqrt(tokens.shape[-1])
        maps = tokens.unflatten(-1, (side, side) if side * side == tokens.shape[-1] else (1, -1))
    # LAPACK refuses matrices that are not finite; their summaries are set aside by the caller.
    finite = maps.isfinite().all(-1).all(-1)
    largest: Tensor = torch.linalg.svdvals(torch.where(finite[..., None, None], maps, 0))[..., 0]
    return largest


_FORMULAS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "p90": _p90,
    "above_mean": _above_mean,
    "above_otsu": _above_otsu,
    "spectral": _spectral,
}
