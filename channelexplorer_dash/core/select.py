"""Compiled selection of each image's largest channels, one row of S in the first-level cache at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.core.compiled import compiled
from channelexplorer_dash.core.lanes import BLOCK, lowest_bit, mark_above

Array = np.ndarray[Any, Any]

# Channels between two limits that are few enough to be put in order one by one.
_FEW = 24
# Guesses by interpolation before halving takes over, which ends after 32 steps whatever the values are.
_GUESSES = 8
# Ranks that a guess aims beside the k-th largest, so that the next limit most likely lies on its other side.
_ASIDE = 8
_NO_SIGN, _INFINITE = 0x7FFFFFFF, 0x7F800000


@compiled
def select_largest(
    S: Array,
    images: Array,
    shift: Array,
    scale: Array,
    sizes: Array,
    dead: Array,
    k: int,
    sets: Array,
    bad: Array,
) -> None:
    """Pack the k largest live channels of some images, of equal ones those that come first.

    Parameters
    ----------
    S
        float32 (N, C).
    images
        int64 (n,): rows of S.
    shift, scale
        float64 (C,): the values compared are (s − shift) · scale, rounded to float32.
    sizes
        float64 (n,): these divide the images' values instead, where they are not 0; or float64 (0,).
    dead
        int64: channels that are never chosen.
    k
        1 … live channels.
    sets
        uint64 (n, words), written.
    bad
        bool (n,): marked where a value is NaN or infinite; the image's set then means nothing.
    """
    channels, words = S.shape[1], sets.shape[1]
    values = np.full(BLOCK * words, -np.inf, np.float32)
    bits = values.view(np.int32)
    marks = np.empty((3, words), np.uint64)
    few, where = np.empty(_FEW, np.float32), np.empty(_FEW, np.int64)
    limit, step = np.float32(0.0), np.float32(1.0)
    for at in range(images.shape[0]):
        row = S[images[at]]
        if sizes.shape[0] == 0:
            for c in range(channels):
                values[c] = np.float32((np.float64(row[c]) - shift[c]) * scale[c])
        elif sizes[at] > 0:
            for c in range(channels):
                values[c] = np.float32(np.float64(row[c]) / sizes[at])
        else:
            values[:channels] = row
        # The bits of an absolute value order as it does, and NaN is beyond infinity.
        largest = np.int32(0)
        for c in range(channels):
            largest = max(largest, np.int32(bits[c] & _NO_SIGN))
        if largest >= _INFINITE:
            bad[at] = True
            continue
        for c in dead:
            values[c] = -np.inf
        limit, step, chosen = _choose(values, k, channels - dead.shape[0], limit, step, marks, few, where)
        for word in range(words):
            sets[at, word] = marks[chosen, word]


@compiled
def _key(limit: np.float32) -> int:
    """Return a whole number that orders as float32 does."""
    bits = int(np.float32(limit).view(np.int32))
    return bits ^ ((bits >> 31) & _NO_SIGN)


@compiled
def _limit(key: int) -> np.float32:
    """Return the float32 of such a number."""
    limit: np.float32 = np.int32(key ^ ((key >> 31) & _NO_SIGN)).view(np.float32)
    return limit


@compiled
def _choose(
    values: Array,
    k: int,
    live: int,
    guess: np.float32,
    step: np.float32,
    marks: Array,
    few: Array,
    where: Array,
) -> tuple[np.float32, np.float32, int]:
    """Mark the k largest; return a limit between them and the rest, its change a rank, and the row of marks.

    Two limits close in on the k-th largest: at least k are above the lower one, fewer above the upper one,
    until only a few or only equal ones lie between. ``guess`` and ``step`` are what the image before
    returned: they change how long it takes, not what is found.
    """
    blocks, numbers, rows = marks.shape[1], values.ctypes.data, marks.ctypes.data
    width = 8 * blocks
    lower, upper = np.float32(-np.inf), np.float32(np.inf)
    many, fewer = live, 0  # above the lower limit, above the upper limit
    low, high, spare = 0, 1, 2  # rows of marks
    for block in range(blocks):
        marks[high, block] = 0
    marked = False  # whether the lower limit's row is written
    limit = guess
    tries = 0
    while many > k and not (marked and many - fewer <= _FEW):
        bottom, top = _key(lower), _key(upper)
        if top - bottom == 1:
            break
        if tries > _GUESSES or not lower < limit < upper:
            limit = _limit((bottom + top) >> 1)
        found = mark_above(numbers, blocks, limit, rows + width * spare)
        if found >= k:
            lower, many, marked = limit, found, True
            low, spare = spare, low
        else:
            upper, fewer = limit, found
            high, spare = spare, high
        if marked and fewer > 0:
            step = (upper - lower) / np.float32(many - fewer)
            aside = _ASIDE if many - k > k - fewer else -_ASIDE
            limit = lower + step * np.float32(many - k - aside)
        elif marked:
            limit = lower + step * np.float32((many - k + _ASIDE) << tries)
        else:
            limit = upper - step * np.float32((k - fewer + _ASIDE) << tries)
        tries += 1
    if not marked:
        mark_above(numbers, blocks, lower, rows + width * low)
    if many > k:
        if many - fewer <= _FEW:
            _add_largest(values, k - fewer, marks[low], marks[high], few, where)
        else:
            _add_first(k - fewer, marks[low], marks[high])
        low = high
        if fewer > 0:
            lower += (upper - lower) * np.float32(many - k) / np.float32(many - fewer)
    return lower, step, low


@compiled
def _add_largest(values: Array, room: int, wide: Array, narrow: Array, few: Array, where: Array) -> None:
    """Add to ``narrow`` the ``room`` largest of the few channels that are in ``wide`` alone."""
    count = 0
    for word in range(wide.shape[0]):
        rest = wide[word] & ~narrow[word]
        while rest != 0:
            where[count] = 64 * word + lowest_bit(rest)
            few[count] = values[where[count]]
            rest &= rest - np.uint64(1)
            count += 1
    for place in range(count, _FEW):
        few[place] = -np.inf
    for place in range(count):
        # Those that come first: the larger ones, and the equal ones before it.
        ahead = 0
        for other in range(_FEW):
            ahead += few[other] > few[place]
        for other in range(place):
            ahead += few[other] == few[place]
        if ahead < room:
            narrow[where[place] >> 6] |= np.uint64(1) << np.uint64(where[place] & 63)


@compiled
def _add_first(room: int, wide: Array, narrow: Array) -> None:
    """Add to ``narrow`` the first ``room`` channels that are in ``wide`` alone, which are equal."""
    for word in range(wide.shape[0]):
        rest = wide[word] & ~narrow[word]
        while rest != 0 and room > 0:
            narrow[word] |= rest & (~rest + np.uint64(1))
            rest &= rest - np.uint64(1)
            room -= 1
