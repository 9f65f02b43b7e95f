"""Active sets: the most active channels of each image, packed into bits.

Channel c is bit c % 64 of word c // 64 of an image's row. Packed, the sets of 50,000 images of 2,048 channels
take 13 MB, and both their making and their comparison stay in the cache.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import (
    BitArray,
    BoolArray,
    DoubleArray,
    FloatArray,
    IntArray,
    aligned,
    chunks,
    each,
    not_finite,
    shaped,
)
from channelexplorer_dash.core.normalise import Scaling, image_sizes
from channelexplorer_dash.errors import DatasetError, SelectionError

# Images that one thread works on at a time: long enough to cost nothing, short enough to stop soon.
_PART = 1024
# What single precision may change of a normalised value, s · scale − shift · scale: the scale, both products,
# their difference and the exact value itself are each rounded by 2^-24 of themselves at most, and s · scale
# is at most the value and shift · scale together.
_ROUNDING = 2.0**-21


def active_count(C: int, top_fraction: float) -> int:
    """Return k = ⌈top_fraction · C⌉, the size of an active set.

    The fraction counts as the decimal number that it is written as: 0.07 of 100 channels are 7, though
    0.07 * 100 is 7.000000000000001 in floating point.

    Raises
    ------
    SelectionError
        If the fraction is not above 0 and at most 1.
    """
    if not 0.0 < top_fraction <= 1.0:
        raise SelectionError("The active share must be above 0 and at most 1.")
    return math.ceil(Fraction(str(float(top_fraction))) * C)


def active_sets(
    S: npt.ArrayLike,
    top_fraction: float,
    scaling: Scaling,
    images: npt.ArrayLike | None = None,
    threads: int = 1,
) -> BitArray:
    """Return the active set of each image: its k = ⌈top_fraction · C⌉ largest channels, normalised.

    They are the largest of what :func:`~channelexplorer_dash.core.normalise.apply_scaling` returns, to the
    last bit, without that array being made: a row of S is normalised in the cache, and is read once. Of
    equal values the lower channel index comes first. Dead channels are never in a set, so that a set is
    smaller than k where fewer channels than k are alive.

    Parameters
    ----------
    S
        float32 (N, C), as it is; a memory map is read where it lies.
    top_fraction
        Above 0, at most 1.
    scaling
        :func:`~channelexplorer_dash.core.normalise.fit_scaling` of all images that take part.
    images
        int64 (n,): the rows of S that are asked for, in any order; None for all.
    threads
        How many threads share the images. The sets do not depend on it.

    Returns
    -------
    numpy.ndarray
        uint64 (n, ⌈C / 64⌉): channel c is bit c % 64 of word c // 64.

    Raises
    ------
    DatasetError
        If S is not a matrix, is empty, or has not the channels of ``scaling``; if one of the images is not
        there, or holds NaN or infinity.
    SelectionError
        If the fraction is out of range.
    """
    from channelexplorer_dash.core.select import select_largest

    values: FloatArray = np.ascontiguousarray(shaped(S)).view(np.ndarray)
    N, C = values.shape
    k = active_count(C, top_fraction)
    if len(scaling.shift) != C:
        raise DatasetError(f"The normalisation is of {len(scaling.shift)} channels; these images have {C}.")
    chosen: IntArray = np.arange(N) if images is None else np.array(images, dtype=np.int64)
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < N):
        raise DatasetError(f"The images asked for must be among the {N:,} of the activation summary.")
    dead: IntArray = np.flatnonzero(scaling.dead)
    sets = np.empty((len(chosen), -(-C // 64)), np.uint64)
    bad = np.zeros(len(chosen), np.bool_)
    # Numba compiles anew for arrays that may not be written, such as memory maps: these are always such, and
    # the small ones never.
    values = values.view()
    values.flags.writeable = False
    shift, scale = np.array(scaling.shift), np.array(scaling.scale)
    single, live, rounding, margin = _single(scaling, sets.shape[1])

    def select(part: slice) -> None:
        rows = chosen[part]
        sizes: DoubleArray = np.empty(0)
        if scaling.method == "image_l1":
            sizes = image_sizes(values, rows)
        select_largest(
            values,
            rows,
            shift,
            scale,
            sizes,
            dead,
            single,
            aligned(single.shape[1:], np.float32),
            live,
            rounding,
            margin,
            min(k, C - len(dead)),
            sets[part],
            bad[part],
        )

    for _ in each(select, list(chunks(len(chosen), 1, _PART)), threads):
        pass
    if bad.any():
        raise not_finite(int(bad.sum()), len(bad))
    return sets


def _single(scaling: Scaling, words: int) -> tuple[FloatArray, BitArray, float, float]:
    """Return scale and −shift · scale in single precision, the live channels, and what that may change.

    The last two are a share of the value, and what comes beside it, which is infinite where single precision
    has no such scale. Values that are left as they are do not change.
    """
    C = len(scaling.shift)
    offset = -scaling.shift * scaling.scale
    single = aligned((2, 64 * words), np.float32)
    with np.errstate(over="ignore"):
        single[:, :C] = scaling.scale, offset
    single[:, :C][:, scaling.dead] = 0
    flags = np.zeros(64 * words, np.bool_)
    flags[:C] = ~scaling.dead
    live = np.packbits(flags, bitorder="little").view("<u8").astype(np.uint64)
    if not scaling.shift.any() and np.all(scaling.scale == 1):
        return single, live, 0.0, 0.0
    used, least = single[0, flags], np.finfo(np.float32).tiny
    if not np.all((used >= least) & (used < np.inf)):
        return single, live, _ROUNDING, np.inf
    # The least numbers of all are rounded by more than their share.
    beside = np.abs(offset[flags[:C]]).max(initial=0.0) + float(least)
    return single, live, _ROUNDING, _ROUNDING * float(beside) + 4 * float(least)


def unpacked(sets: BitArray, channels: int) -> BoolArray:
    """Return packed sets as one byte a channel, for a few images.

    Parameters
    ----------
    sets
        uint64 (n, ⌈C / 64⌉).
    channels
        C.

    Returns
    -------
    numpy.ndarray
        bool (n, C).
    """
    octets = np.ascontiguousarray(sets, dtype="<u8").view(np.uint8)
    return np.unpackbits(octets, axis=1, count=channels, bitorder="little").view(np.bool_)


def set_sizes(sets: BitArray) -> IntArray:
    """Return how many channels are in each set: int64 (n,) of uint64 (n, ⌈C / 64⌉)."""
    sizes: IntArray = np.bitwise_count(sets).sum(axis=1, dtype=np.int64)
    return sizes
