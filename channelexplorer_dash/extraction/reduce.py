"""Summaries of activation maps, reduced on the device on which the activation lies.

The formulas are those of :mod:`channelexplorer_dash.core.summaries`, which these are tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isqrt, sqrt

import torch
from torch import Tensor

from channelexplorer_dash.errors import unknown_name
from channelexplorer_dash.models.description import Layer

# Values reduced at once. On a CPU a part then stays in the cache from one summary to the next; on an
# accelerator, where each kernel costs a launch, the bound only keeps the temporaries of the sorting
# summaries small beside the activations.
_CPU_VALUES = 1 << 19
_DEVICE_VALUES = 1 << 26


def reduce_activation(activation: Tensor, layer: Layer, summaries: Sequence[str]) -> dict[str, Tensor]:
    """Reduce the output of a layer to one number per image, channel and summary.

    Class and register tokens are no positions and are left out. A dense output is its own summary: its
    values stand under every name, but for ``active_fraction``, which is 1 where the value is above 0.
    ``spectral`` takes tokens as the square map that they fill; a number of tokens that fills none is a
    map of one row, whose largest singular value is its ``l2``.

    Parameters
    ----------
    activation
        (B, C, H, W), (B, H, W, C), (B, T, C) or (B, C), as ``layer.layout`` says; any floating type.
    summaries
        Names of :data:`channelexplorer_dash.selection.Summary`.

    Returns
    -------
    dict
        summary → float32 (B, C), on the device of the activation. NaN and infinity pass through.

    Raises
    ------
    UnknownNameError
        If a summary is unknown.
    """
    for summary in summaries:
        if summary not in _FORMULAS:
            raise unknown_name("summary", summary, list(_FORMULAS))
    if layer.layout == "dense":
        values = activation.float()
        return {s: (values > 0).float() if s == "active_fraction" else values.clone() for s in summaries}
    parts = [
        {summary: _FORMULAS[summary](maps) for summary in summaries}
        for chunk in _chunks(activation)
        for maps in [channels_first(chunk, layer).float()]
    ]
    return {summary: torch.cat([part[summary] for part in parts]) for summary in summaries}


def channels_first(activation: Tensor, layer: Layer) -> Tensor:
    """View an output as (B, C, positions…), without class and register tokens; (B, C) becomes (B, C, 1)."""
    if layer.layout == "dense":
        return activation.unsqueeze(-1)
    if layer.layout == "tokens":
        return activation[:, layer.prefix_tokens :].movedim(-1, 1)
    return activation if layer.layout == "nchw" else activation.movedim(-1, 1)


def _chunks(activation: Tensor) -> Iterator[Tensor]:
    limit = _CPU_VALUES if activation.device.type == "cpu" else _DEVICE_VALUES
    images = max(1, limit // max(1, activation[0].numel()))
    return iter(activation.split(images))


def _positions(maps: Tensor) -> tuple[int, ...]:
    return tuple(range(2, maps.ndim))


def _l2(maps: Tensor) -> Tensor:
    if maps.stride(1) == 1:
        # Channels lie innermost (NHWC, tokens): on a CPU vector_norm then takes seven times as long as this.
        return maps.square().sum(_positions(maps)).sqrt()
    norm: Tensor = torch.linalg.vector_norm(maps, dim=_positions(maps))
    return norm


def _rms(maps: Tensor) -> Tensor:
    return _l2(maps) / sqrt(maps[0, 0].numel())


def _mean(maps: Tensor) -> Tensor:
    return maps.mean(_positions(maps))


def _max_abs(maps: Tensor) -> Tensor:
    # vector_norm of order infinity takes ten times as long on a CPU.
    return torch.maximum(maps.amax(_positions(maps)), -maps.amin(_positions(maps)))


def _active_fraction(maps: Tensor) -> Tensor:
    # 1 where positive, else 0, without the detour over booleans, whose sum takes four times as long on a CPU.
    return maps.clamp(min=0).sign_().mean(_positions(maps))


def _magnitudes(maps: Tensor) -> Tensor:
    return maps.abs().flatten(2)


def _p90(maps: Tensor) -> Tensor:
    """90th percentile, linear between its neighbours, as NumPy's default."""
    size = _magnitudes(maps).sort(dim=-1).values
    # In tenths, exact: 0.9 · (P - 1) in floating point can fall below the integer it should be.
    lower, tenths = divmod(9 * (size.shape[-1] - 1), 10)
    upper = min(lower + 1, size.shape[-1] - 1)
    return torch.lerp(size[..., lower], size[..., upper], tenths / 10)


def _wide(maps: Tensor) -> torch.dtype:
    # Strict comparisons with a mean need it exact; Apple's devices have no double precision.
    return torch.float32 if maps.device.type == "mps" else torch.float64


def _above_mean(maps: Tensor) -> Tensor:
    size = _magnitudes(maps)
    return _share(size > size.mean(-1, keepdim=True, dtype=_wide(maps)))


def _share(chosen: Tensor) -> Tensor:
    return chosen.sum(-1, dtype=torch.int32) / chosen.shape[-1]


def _above_otsu(maps: Tensor) -> Tensor:
    """Share above the split of the sorted values with the largest between-class variance (Otsu 1979)."""
    ordered = _magnitudes(maps).sort(dim=-1).values
    count = ordered.shape[-1]
    if count == 1:
        return torch.zeros_like(ordered[..., 0])
    lower = torch.arange(1, count, device=maps.device)
    below = ordered.cumsum(-1, dtype=_wide(maps))
    mean = below[..., -1:] / count
    between = (below[..., :-1] - lower * mean).square() / (lower * (count - lower))
    split = between.argmax(-1, keepdim=True)
    return _share(ordered > ordered.gather(-1, split))


def _spectral(maps: Tensor) -> Tensor:
    if maps.ndim != 4:
        tokens = maps.flatten(2)
        side = isqrt(tokens.shape[-1])
        maps = tokens.unflatten(-1, (side, side) if side * side == tokens.shape[-1] else (1, -1))
    # LAPACK refuses matrices that are not finite; their summaries are set aside by the caller.
    finite = maps.isfinite().all(-1).all(-1)
    largest = torch.linalg.svdvals(torch.where(finite[..., None, None], maps, 0))[..., 0]
    return torch.where(finite, largest, torch.nan)


_FORMULAS: dict[str, Callable[[Tensor], Tensor]] = {
    "l2": _l2,
    "rms": _rms,
    "mean": _mean,
    "max_abs": _max_abs,
    "active_fraction": _active_fraction,
    "p90": _p90,
    "above_mean": _above_mean,
    "above_otsu": _above_otsu,
    "spectral": _spectral,
}
