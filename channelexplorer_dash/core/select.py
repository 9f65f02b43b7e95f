"""Compiled selection of each image's largest channels, one row of S in the first-level cache at a time.

Most rows take two readings: one normalises in single precision and counts what is above a limit that the
images before suggest, the next marks what is above two limits around the k-th largest, and the few between
these are put in order. Where rounding could have changed which are chosen, or the limits are not found, the
row is done again with exact values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.core.compiled import compiled
from channelexplorer_dash.core.lanes import (
    BLOCK,
    FETCHED,
    FEW,
    LINE,
    count_ahead,
    fetch_line,
    lowest_bit,
    mark_above,
    mark_between,
    scale_row,
)

Array = np.ndarray[Any, Any]

# Ranks on either side of the k-th largest that the two limits aim at, and how often they may miss.
_REACH = 5
_MISSES = 4
# The limit follows the k-th largest of the images before, which differ more than their mean does.
_MEMORY = 0.9
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
    single: Array,
    near: Array,
    live: Array,
    rounding: float,
    margin: float,
    k: int,
    sets: Array,
    bad: Array,
) -> None:
    """Pack the k largest live channels of some images, of equal ones those that come first.

    Parameters
    ----------
    S
        float32 (N, C), C-contiguous.
    images
        int64 (n,): rows of S.
    shift, scale
        float64 (C,): the values compared are (s − shift) · scale, rounded to float32.
    sizes
        float64 (n,): these divide the images' values instead, where they are not 0; or float64 (0,).
    dead
        int64: channels that are never chosen.
    single
        float32 (2, 64 · words): scale and −shift · scale in single precision, 0 for dead channels.
    near
        float32 (64 · words,), to work with.
    live
        uint64 (words,): the channels that are not dead, packed.
    rounding, margin
        What single precision may change of a normalised value: this share of it, and so much beside; infinite
        where that is not known.
    k
        1 … live channels.
    sets
        uint64 (n, words), written.
    bad
        bool (n,): marked where a value is NaN or infinite; the image's set then means nothing.
    """
    channels, words = S.shape[1], sets.shape[1]
    values = np.full(BLOCK * words, -np.inf, np.float32)
    padded = np.zeros(BLOCK * words, np.float32)
    marks = np.empty((3, words), np.uint64)
    wide, narrow = np.empty(words, np.uint64), np.empty(words, np.uint64)
    few, where = np.empty(FEW, np.float32), np.empty(FEW, np.int64)
    limit, step = np.float32(0.0), np.float32(1.0)
    is_quick = sizes.shape[0] == 0 and margin < np.inf
    first, normalised = S.ctypes.data, near.ctypes.data
    scales, offsets = single[0].ctypes.data, single[1].ctypes.data
    for at in range(images.shape[0]):
        if is_quick:
            address = first + 4 * channels * images[at]
            if channels % BLOCK:
                padded[:channels] = S[images[at]]
                address = padded.ctypes.data
            ahead = first + 4 * channels * images[min(at + 1, images.shape[0] - 1)]
            found = scale_row(address, scales, offsets, words, limit, normalised)
            if found >= 0:
                # Dead channels, and what a row is filled up with, became 0.
                found -= 0 if limit >= 0 else BLOCK * words - channels + dead.shape[0]
                aim = limit + step * np.float32(found - k)
                is_sure, aim, rank = _choose_nearly(
                    near, ahead, live, rounding, margin, k, aim, step, wide, narrow, few, where
                )
                if is_sure:
                    limit = np.float32(_MEMORY) * limit + np.float32(1 - _MEMORY) * aim
                    step = np.float32(_MEMORY) * step + np.float32(1 - _MEMORY) * rank
                    for word in range(words):
                        sets[at, word] = narrow[word]
                    continue
        if not _normalise(S[images[at]], shift, scale, sizes, at, values):
            bad[at] = True
            continue
        for c in dead:
            values[c] = -np.inf
        limit, step, chosen = _choose(values, k, channels - dead.shape[0], limit, step, marks, few, where)
        for word in range(words):
            sets[at, word] = marks[chosen, word]


@compiled
def _choose_nearly(
    near: Array,
    ahead: int,
    live: Array,
    rounding: float,
    margin: float,
    k: int,
    limit: np.float32,
    step: np.float32,
    wide: Array,
    narrow: Array,
    few: Array,
    where: Array,
) -> tuple[bool, np.float32, np.float32]:
    """Mark the k largest in ``narrow``; return whether these are sure, the limit, and its change a rank.

    ``near`` are the normalised values in single precision.
    """
    words, numbers, alive = live.shape[0], near.ctypes.data, live.ctypes.data
    wider, narrower = wide.ctypes.data, narrow.ctypes.data
    rest_ahead = ahead + LINE * FETCHED * words
    for _ in range(_MISSES):
        reach = np.float32(_REACH) * step
        low, high = limit - reach, limit + reach
        counts = mark_between(numbers, ahead, words, low, high, alive, wider, narrower)
        many, fewer = counts >> 32, counts & 0xFFFFFFFF
        if many > fewer:
            step = (high - low) / np.float32(many - fewer)
        if many < k:
            limit = low - step * np.float32(k - many)
        elif fewer > k:
            limit = high + step * np.float32(fewer - k)
        elif many - fewer > FEW:
            limit = low + step * np.float32(many - k)
        else:
            count = 0
            for word in range(words):
                fetch_line(rest_ahead + LINE * word)
                rest = wide[word] ^ narrow[word]
                while rest != 0:
                    c = 64 * word + lowest_bit(rest)
                    where[count] = c
                    few[count] = near[c]
                    count += 1
                    rest &= rest - np.uint64(1)
            smallest, largest = _add_largest(few, where, count, k - fewer, narrow)
            least, most = np.float64(min(smallest, high)), np.float64(max(largest, low))
            is_sure = bool(least - most >= rounding * (abs(least) + abs(most)) + 2 * margin)
            return is_sure, limit, step
    return False, limit, step


@compiled
def _normalise(row: Array, shift: Array, scale: Array, sizes: Array, at: int, values: Array) -> bool:
    """Write the exact values of a row, and return whether they are finite."""
    channels = row.shape[0]
    if sizes.shape[0] == 0:
        for c in range(channels):
            values[c] = np.float32((np.float64(row[c]) - shift[c]) * scale[c])
    elif sizes[at] > 0:
        for c in range(channels):
            values[c] = np.float32(np.float64(row[c]) / sizes[at])
    else:
        values[:channels] = row
    # The bits of an absolute value order as it does, and NaN is beyond infinity.
    bits = values.view(np.int32)
    largest = np.int32(0)
    for c in range(channels):
        largest = max(largest, np.int32(bits[c] & _NO_SIGN))
    return bool(largest < _INFINITE)


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
    while many > k and not (marked and many - fewer <= FEW):
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
        if many - fewer <= FEW:
            count = many - fewer
            _list_between(marks[low], marks[high], count, where)
            for place in range(count):
                few[place] = values[where[place]]
            _add_largest(few, where, count, k - fewer, marks[high])
        else:
            _add_first(k - fewer, marks[low], marks[high])
        low = high
        if fewer > 0:
            lower += (upper - lower) * np.float32(many - k) / np.float32(many - fewer)
    return lower, step, low


@compiled
def _list_between(wide: Array, narrow: Array, count: int, where: Array) -> None:
    """List the channels that are in ``wide`` alone, which are few: ``count``."""
    # One loop for all, as the processor guesses the end of each wrong.
    word = 0
    for place in range(count):
        rest = wide[word] & ~narrow[word]
        while rest == 0:
            word += 1
            rest = wide[word] & ~narrow[word]
        where[place] = 64 * word + lowest_bit(rest)
        wide[word] ^= rest & (~rest + np.uint64(1))


@compiled
def _add_largest(
    few: Array, where: Array, count: int, room: int, narrow: Array
) -> tuple[np.float32, np.float32]:
    """Add the ``room`` largest of a few; return the smallest of these, and the largest of the others."""
    for place in range(count, FEW):
        few[place] = -np.inf
    smallest, largest = np.float32(np.inf), np.float32(-np.inf)
    numbers = few.ctypes.data
    for place in range(count):
        ahead = count_ahead(numbers, place)
        narrow[where[place] >> 6] |= np.uint64(ahead < room) << np.uint64(where[place] & 63)
        smallest = few[place] if ahead == room - 1 else smallest
        largest = few[place] if ahead == room else largest
    return smallest, largest


@compiled
def _add_first(room: int, wide: Array, narrow: Array) -> None:
    """Add to ``narrow`` the first ``room`` channels that are in ``wide`` alone, which are equal."""
    for word in range(wide.shape[0]):
        rest = wide[word] & ~narrow[word]
        while rest != 0 and room > 0:
            narrow[word] |= rest & (~rest + np.uint64(1))
            rest &= rest - np.uint64(1)
            room -= 1
