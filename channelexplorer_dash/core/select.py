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
    single, single_bits = _single()
    marks = np.empty((3, words), np.uint64)
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
        wrong = 0
        for c in range(channels):
            wrong |= (bits[c] & 0x7FFFFFFF) >= 0x7F800000
        if wrong:
            bad[at] = True
            continue
        for c in dead:
            values[c] = -np.inf
        limit, step = _choose(values, k, channels - dead.shape[0], limit, step, marks, single, single_bits)
        sets[at] = marks[0]


@compiled
def _single() -> tuple[Array, Array]:
    """Return a float32 and its bits as int32, in the same place."""
    value = np.zeros(1, np.float32)
    return value, value.view(np.int32)


@compiled
def _key(limit: float, single: Array, single_bits: Array) -> int:
    """Return a whole number that orders as float32 does."""
    single[0] = limit
    return single_bits[0] ^ ((single_bits[0] >> 31) & 0x7FFFFFFF)


@compiled
def _choose(
    values: Array,
    k: int,
    live: int,
    guess: float,
    step: float,
    marks: Array,
    single: Array,
    single_bits: Array,
) -> tuple[float, float]:
    """Mark the k largest in ``marks[0]``; return a limit between them and the rest, and its change a rank.

    Two limits close in on the k-th largest: at least k are above the lower one (``marks[0]``), fewer above
    the upper one (``marks[1]``), until only a few or only equal ones lie between. ``guess`` and ``step`` are
    what the image before returned: they change what it takes, not what is found.
    """
    blocks = marks.shape[1]
    lower, upper = np.float32(-np.inf), np.float32(np.inf)
    many, fewer = live, 0  # above the lower limit, above the upper limit
    have_many = False
    marks[1] = 0
    limit = np.float32(guess)
    tries = 0
    while many > k:
        bottom = _key(lower, single, single_bits)
        top = _key(upper, single, single_bits)
        if top - bottom == 1 or (have_many and many - fewer <= _FEW):
            break
        if tries > _GUESSES or not lower < limit < upper:
            middle = (bottom + top) >> 1
            single_bits[0] = middle ^ ((middle >> 31) & 0x7FFFFFFF)
            limit = single[0]
        found = mark_above(values.ctypes.data, blocks, limit, marks[2].ctypes.data)
        if found >= k:
            lower, many, have_many = limit, found, True
            marks[0] = marks[2]
        else:
            upper, fewer = limit, found
            marks[1] = marks[2]
        if have_many and fewer > 0:
            step = (upper - lower) / np.float32(many - fewer)
            limit = lower + (upper - lower) * np.float32(many - k) / np.float32(many - fewer)
        elif have_many:
            limit = lower + step * np.float32((many - k + _FEW // 2) << tries)
        else:
            limit = upper - step * np.float32((k - fewer + _FEW // 2) << tries)
        tries += 1
    if not have_many:
        mark_above(values.ctypes.data, blocks, lower, marks[0].ctypes.data)
    if many > k:
        _fill_up(values, k - fewer, many - fewer, marks, single)
    return (limit if limit > lower else lower), step


@compiled
def _fill_up(values: Array, room: int, count: int, marks: Array, single: Array) -> None:
    """Leave in ``marks[0]`` what is in ``marks[1]`` and the ``room`` largest of the others in it.

    More than a few others are equal.
    """
    few = count <= _FEW
    best = np.empty(_FEW, np.float32)
    where = np.empty(_FEW, np.int64)
    taken = 0
    for word in range(marks.shape[1]):
        rest = marks[0, word] & ~marks[1, word]
        marks[0, word] = marks[1, word]
        while rest != 0 and (few or taken < room):
            channel = 64 * word + lowest_bit(rest)
            if few:
                value = values[channel]
                place = taken
                while place > 0 and best[place - 1] < value:
                    best[place], where[place] = best[place - 1], where[place - 1]
                    place -= 1
                best[place], where[place] = value, channel
            else:
                marks[0, word] |= rest & (~rest + np.uint64(1))
            taken += 1
            rest &= rest - np.uint64(1)
    if few:
        for place in range(room):
            marks[0, where[place] >> 6] |= np.uint64(1) << np.uint64(where[place] & 63)
