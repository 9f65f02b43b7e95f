"""Figures for the wire: typed binary arrays, unsigned codes, and levels with ticks in real units."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LEVELS = 255
Figure = dict[str, Any]
"""A figure as plotly.js takes it: ``data`` and ``layout``, JSON-able.

plotly.py's own class checks every property anew for every answer, which takes longer than everything else
that the server does; the tests check the same figures with it.
"""
# float32 values stand a little off the round ends that they mean.
ROUNDING = 1e-5


def figure(data: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> Figure:
    """Return a figure of traces and a layout; arrays in them become typed binary arrays."""
    return {"data": encoded(list(data)), "layout": encoded(layout)}


def encoded(node: Any) -> Any:
    """Return a part of a figure with its arrays as plotly.js's typed array specifications."""
    if isinstance(node, np.ndarray):
        return _typed(node)
    if isinstance(node, Mapping):
        return {key: encoded(value) for key, value in node.items()}
    # Lists of numbers and texts are what they are: only lists of traces and the like hold arrays.
    if isinstance(node, (list, tuple)) and node and isinstance(node[0], (Mapping, np.ndarray)):
        return [encoded(value) for value in node]
    return node


def _typed(array: npt.NDArray[Any]) -> dict[str, str]:
    kind = array.dtype.str.lstrip("|<")
    spec = {"dtype": kind, "bdata": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")}
    return spec if array.ndim == 1 else spec | {"shape": ", ".join(map(str, array.shape))}


@dataclass(frozen=True)
class Scale:
    """The range of real values that the levels 0 … 255 stand for.

    ``below`` and ``above`` say whether some values lie outside and are drawn as the end colours.
    """

    low: float
    high: float
    below: bool = False
    above: bool = False

    def quantise(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
        """Return uint8 levels, of the same shape; NaN becomes the lowest level."""
        share = (np.nan_to_num(values.astype(np.float64), nan=self.low) - self.low) / (self.high - self.low)
        return np.rint(np.clip(share, 0.0, 1.0) * LEVELS).astype(np.uint8)

    def ticks(self, wanted: int = 4) -> tuple[list[float], list[str]]:
        """Return the levels and the texts of about ``wanted`` round values, two more at most."""
        step = nice_step(self.high - self.low, wanted)
        first = np.ceil(self.low / step - 1e-9) * step
        values = np.arange(first, self.high + step * 1e-6, step)
        values = values[:: 2 if len(values) > wanted + 2 else 1]
        levels = (values - self.low) / (self.high - self.low) * LEVELS
        texts = [f"{value + 0.0:g}" for value in np.round(values, 12)]
        if self.above and levels[-1] > LEVELS - 1:
            texts[-1] = f"≥ {texts[-1]}"
        if self.below and levels[0] < 1:
            texts[0] = f"≤ {texts[0]}"
        return [float(level) for level in levels], texts


def nice_step(extent: float, wanted: int) -> float:
    """Return the 1, 2 or 5 × 10ⁿ that cuts ``extent`` in about ``wanted`` parts."""
    rough = extent / wanted
    power = 10.0 ** np.floor(np.log10(rough))
    return float(min((1.0, 2.0, 5.0, 10.0), key=lambda factor: abs(np.log(factor * power / rough))) * power)


def robust_scale(
    values: npt.NDArray[np.floating[Any]], *, low: float | None = None, tail: float = 0.5, even: bool = False
) -> Scale:
    """Return a range with round ends that holds all but the outermost ``tail`` percent on each side.

    Parameters
    ----------
    values
        Any shape; values that are not finite do not count.
    low
        A fixed lower end.
    even
        Whether zero must lie in the middle.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        return Scale(0.0, 1.0)
    bottom, top = (float(q) for q in np.percentile(finite, [tail, 100.0 - tail]))
    bottom = bottom if low is None else low
    if even:
        top = max(abs(bottom), abs(top))
        bottom = -top
    if top - bottom <= 1e-12 * max(1.0, abs(top)):
        bottom, top = (bottom, bottom + 1.0) if low is not None else (bottom - 0.5, bottom + 0.5)
    step = nice_step(top - bottom, 4) / 2
    bottom = bottom if low is not None else float(np.floor(bottom / step + ROUNDING) * step)
    top = float(np.ceil(top / step - ROUNDING) * step)
    return Scale(
        bottom, top, bool(finite.min() < bottom - step * ROUNDING), bool(finite.max() > top + step * ROUNDING)
    )


def smallest_unsigned(values: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Return non-negative integers as uint8, uint16 or uint32, whichever is the smallest that holds them."""
    largest = int(values.max(initial=0))
    kind = np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.uint32
    return values.astype(kind)
