"""Five summaries of float32 maps in main memory, from one reading of them.

Reading an activation costs more than the arithmetic on it: it is larger than the cache. Here Σa, Σa², the
largest |a| and the number of positive a are taken together, and what is not finite is found on the way: of
the bit patterns of |a|, read as whole numbers, those of NaN and infinity are the largest.

Sums are taken in single precision over short stretches, many side by side, and the stretches are added up in
double precision. Where the largest |a| of a map is above 1e-18, no result is further than 1e-6 from the exact
one, relative to the map's values. Below it, squares leave the normal numbers of single precision: ``l2`` and
``rms`` lose digits from about 1e-19 on and are 0 below about 1e-23, and the other three stay as exact. From
about 5e17 on their sums may overflow; such a map counts as not finite.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from channelexplorer_dash.core.compiled import compiled

SUMMARIES = ("l2", "rms", "mean", "max_abs", "active_fraction")

# Values of one map that are summed in single precision.
_STRETCH = 1024
# Channels (of small layers: channels times positions) that are summed side by side; their sums stay in the
# innermost cache.
_WIDTH = 512
# Rows of so many channels, four at a time, that are summed in single precision.
_ROWS = 128
# The bit patterns from here on are those of infinity and NaN.
_INFINITY = 0x7F800000

# Sums may be regrouped, so that eight are taken at once; nothing is assumed about NaN and infinity.
_sums = partial(compiled, fastmath={"reassoc", "nsz", "contract"})
_INT32 = ir.IntType(32)


# Numba widens sums and bit operations of int32 to int64, of which half as many fit into a register.


def _count_positive(_context: Any, count: Any, value: Any) -> Any:
    """``count + (value > 0)``."""

    def generate(_target: Any, builder: Any, _signature: Any, given: Any) -> Any:
        positive = builder.fcmp_ordered(">", given[1], ir.Constant(ir.FloatType(), 0.0))
        return builder.add(given[0], builder.zext(positive, _INT32))

    return types.int32(types.int32, types.float32), generate


def _larger_size(_context: Any, largest: Any, bits: Any) -> Any:
    """``max(largest, bits without the sign)``."""

    def generate(_target: Any, builder: Any, _signature: Any, given: Any) -> Any:
        size = builder.and_(given[1], ir.Constant(_INT32, 0x7FFFFFFF))
        return builder.select(builder.icmp_signed(">", size, given[0]), size, given[0])

    return types.int32(types.int32, types.int32), generate


# Called by compiled code alone, with other arguments than Python sees.
_count: Any = intrinsic(_count_positive)
_larger: Any = intrinsic(_larger_size)


@_sums
def _finish(
    total: float, squares: float, positive: int, largest: int, positions: int, map_: int, out: Any, bits: Any
) -> None:
    """Write the summaries of one map; NaN under every name where it, or its Σa², is not finite."""
    out[0, map_] = np.sqrt(squares)
    out[1, map_] = np.sqrt(squares / positions)
    out[2, map_] = total / positions
    bits[3, map_] = largest
    out[4, map_] = positive / positions
    if largest >= _INFINITY or squares == np.inf:
        for summary in range(5):
            out[summary, map_] = np.nan


@_sums
def rows(flat: Any, flat_bits: Any, positions: int, first: int, stop: int, out: Any, out_bits: Any) -> None:
    """Summarise maps that lie one after the other, as NCHW does.

    Parameters
    ----------
    flat, flat_bits
        float32 (maps · positions,), and the same memory as int32.
    first, stop
        The maps to summarise.
    out, out_bits
        float32 (5, maps), written in the order of :data:`SUMMARIES`, and the same memory as int32.
    """
    for map_ in range(first, stop):
        begin = map_ * positions
        total = 0.0
        squares = 0.0
        positive: Any = np.int32(0)
        largest: Any = np.int32(0)
        for offset in range(0, positions, _STRETCH):
            length = min(_STRETCH, positions - offset)
            # Slices, since an index that might be negative keeps the loop from being vectorised.
            values = flat[begin + offset : begin + offset + length]
            bits = flat_bits[begin + offset : begin + offset + length]
            s: Any = np.float32(0)
            q: Any = np.float32(0)
            for i in range(length):
                s += values[i]
                q += values[i] * values[i]
                positive = _count(positive, values[i])
                largest = _larger(largest, bits[i])
            total += s
            squares += q
        _finish(total, squares, positive, largest, positions, map_, out, out_bits)


@_sums
def columns(
    flat: Any,
    flat_bits: Any,
    channels: int,
    positions: int,
    skipped: int,
    first: int,
    stop: int,
    out: Any,
    out_bits: Any,
) -> None:
    """Summarise maps whose channels lie innermost, as NHWC, channels-last and tokens do.

    Parameters
    ----------
    flat, flat_bits
        float32 (images · positions · channels,), and the same memory as int32.
    skipped
        Positions of each image that are left out, from its first.
    first, stop
        The images to summarise.
    out, out_bits
        float32 (5, images · channels), written in the order of :data:`SUMMARIES`, and the same memory as
        int32.
    """
    sums = np.zeros((2, _WIDTH), np.float32)
    whole = np.zeros((2, _WIDTH), np.int32)
    wide = np.zeros((2, _WIDTH))
    counted = positions - skipped
    # Of few channels several positions make one row: a row is then long enough to be worth a loop.
    folded = max(1, min(_WIDTH // channels, counted))
    for image in range(first, stop):
        for channel in range(0, channels, _WIDTH):
            here = min(_WIDTH, channels - channel)
            width = here * folded
            step = channels * folded
            start = (image * positions + skipped) * channels + channel
            count = counted // folded
            wide[:] = 0
            whole[:] = 0
            for row in range(0, count, _ROWS):
                stretch = min(_ROWS, count - row)
                sums[:] = 0
                _add(flat, flat_bits, start + row * step, step, stretch, width, sums, whole)
                for i in range(width):
                    wide[0, i] += sums[0, i]
                    wide[1, i] += sums[1, i]
            rest = (counted - count * folded) * here
            if rest:
                sums[:] = 0
                _add(flat, flat_bits, start + count * step, step, 1, rest, sums, whole)
                for i in range(rest):
                    wide[0, i] += sums[0, i]
                    wide[1, i] += sums[1, i]
            for c in range(here):
                total = 0.0
                squares = 0.0
                positive = 0
                largest: Any = np.int32(0)
                for i in range(c, width, here):
                    total += wide[0, i]
                    squares += wide[1, i]
                    positive += whole[0, i]
                    largest = _larger(largest, whole[1, i])
                map_ = image * channels + channel + c
                _finish(total, squares, positive, largest, counted, map_, out, out_bits)


@_sums
def _add(
    flat: Any, flat_bits: Any, start: int, step: int, rows: int, width: int, sums: Any, whole: Any
) -> None:
    """Add rows of ``width`` values, ``step`` apart, to the sums; four at a time, to touch those less."""
    row = 0
    while row + 4 <= rows:
        o = start + row * step
        a = flat[o : o + width]
        b = flat[o + step : o + step + width]
        c = flat[o + 2 * step : o + 2 * step + width]
        d = flat[o + 3 * step : o + 3 * step + width]
        a_bits = flat_bits[o : o + width]
        b_bits = flat_bits[o + step : o + step + width]
        c_bits = flat_bits[o + 2 * step : o + 2 * step + width]
        d_bits = flat_bits[o + 3 * step : o + 3 * step + width]
        for i in range(width):
            sums[0, i] += (a[i] + b[i]) + (c[i] + d[i])
            sums[1, i] += (a[i] * a[i] + b[i] * b[i]) + (c[i] * c[i] + d[i] * d[i])
            whole[0, i] = _count(_count(_count(_count(whole[0, i], a[i]), b[i]), c[i]), d[i])
            largest = _larger(_larger(whole[1, i], a_bits[i]), b_bits[i])
            whole[1, i] = _larger(_larger(largest, c_bits[i]), d_bits[i])
        row += 4
    while row < rows:
        o = start + row * step
        a = flat[o : o + width]
        a_bits = flat_bits[o : o + width]
        for i in range(width):
            sums[0, i] += a[i]
            sums[1, i] += a[i] * a[i]
            whole[0, i] = _count(whole[0, i], a[i])
            whole[1, i] = _larger(whole[1, i], a_bits[i])
        row += 1
