"""Compiled loops over packed active sets: how many channels images share, how often a channel is active.

Sets are uint64 (n, words), as :func:`~channelexplorer_dash.core.active.active_sets` packs them. They are not
compared two by two: an image's k channels are k rows of the transposed sets, and adding those up counts
what it shares with 256 other images at once (:data:`~channelexplorer_dash.core.lanes.add_rows`), at
5 k / 256 operations a pair instead of the C of a product of matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.core.compiled import compiled
from channelexplorer_dash.core.lanes import LANES, TURN, WORDS, add_rows, lowest_bit, unpack_counters

Array = np.ndarray[Any, Any]

# Rows whose channels are added up between two widenings of the counters.
_BATCH = 1024
_DEPTH = _BATCH.bit_length()


@compiled
def _transposed(sets: Array, first: int, strip: Array) -> None:
    """Write sets first … first + 255 as one row of 256 bits for each channel; missing images are empty.

    The 64 × 64 bits of a word are transposed as in Warren, Hacker's Delight, 2nd ed., 7-3.
    """
    square = np.empty(64, np.uint64)
    for word in range(sets.shape[1]):
        for column in range(WORDS):
            for row in range(64):
                image = first + 64 * column + row
                square[row] = sets[image, word] if image < sets.shape[0] else np.uint64(0)
            width = np.uint64(32)
            mask = np.uint64(0xFFFFFFFF)
            while width > 0:
                step = np.int64(width)
                for start in range(0, 64, 2 * step):
                    for row in range(start, start + step):
                        swapped = ((square[row] >> width) ^ square[row + step]) & mask
                        square[row] ^= swapped << width
                        square[row + step] ^= swapped
                width >>= np.uint64(1)
                mask ^= mask << width
            for row in range(64):
                strip[64 * word + row, column] = square[row]


@compiled
def _list_members(row: Array, empty: int, offsets: Array) -> int:
    """List where a set's channels lie in a strip, in bytes, filled up to whole turns with an empty row."""
    count = 0
    for word in range(row.shape[0]):
        rest = row[word]
        while rest != 0:
            offsets[count] = (64 * word + lowest_bit(rest)) * 8 * WORDS
            rest &= rest - np.uint64(1)
            count += 1
    while count % TURN:
        offsets[count] = empty * 8 * WORDS
        count += 1
    return count


@compiled
def _count_rows(table: Array, at: int, offsets: Array, length: int, planes: Array, counts: Array) -> None:
    """Add up the rows of bits at ``offsets`` behind byte ``at`` of a table: the sums of 256 columns."""
    depth = planes.shape[0]
    for level in range(depth):
        for word in range(WORDS):
            planes[level, word] = 0
    # Addresses are taken once: each time costs as much as adding a few rows.
    counters, rows, begins = planes.ctypes.data, table.ctypes.data + at, offsets.ctypes.data
    for first in range(0, length, TURN):
        add_rows(counters, depth, rows, begins + 4 * first)
    unpack_counters(counters, depth, counts.ctypes.data)


@compiled
def pair_sums(
    sets: Array,
    sizes: Array,
    ranks: Array,
    start: int,
    stop: int,
    table: Array,
    entries: Array,
    planes: Array,
    sums: Array,
) -> None:
    """Add up the similarities of images start … stop - 1 with all that follow them, by class.

    Parameters
    ----------
    sets
        uint64 (n, words), images of a class beside each other.
    sizes, ranks
        int64 (n,): channels in the set; number of the class, ascending.
    table
        int64: similarities in fixed point, by the number of shared channels.
    entries
        int64: where in the table the similarities of two sets begin, by the sum of their sizes.
    planes
        uint64 (depth, 4), to work with: ``depth`` of at least 4 has room for the largest set.
    sums
        int64 (classes of these images, K), added to: [c, d] for the pairs of images i < j, c the class of i
        counted from that of ``start``.
    """
    n, words = sets.shape
    width = sizes[start:stop].max() + TURN
    offsets = np.empty((stop - start, width), np.int32)
    lengths = np.empty(stop - start, np.int64)
    for image in range(start, stop):
        lengths[image - start] = _list_members(sets[image], 64 * words, offsets[image - start])
    strip = np.zeros((64 * words + 1, WORDS), np.uint64)
    counts = np.empty(LANES, np.int32)
    runs = np.empty(LANES + 1, np.int64)
    for first in range(start, n, LANES):
        _transposed(sets, first, strip)
        end = min(first + LANES, n)
        # Runs of images of one class and one size: their similarities stand in one part of the table.
        many = 0
        for image in range(first, end):
            if image == first or ranks[image] != ranks[image - 1] or sizes[image] != sizes[image - 1]:
                runs[many] = image
                many += 1
        runs[many] = end
        for image in range(start, min(stop, end)):
            _count_rows(strip, 0, offsets[image - start], lengths[image - start], planes, counts)
            for run in range(many):
                other = runs[run]
                entry = entries[sizes[image] + sizes[other]]
                total = 0
                for lane in range(max(other, image + 1) - first, runs[run + 1] - first):
                    total += table[entry + counts[lane]]
                sums[ranks[image] - ranks[start], ranks[other]] += total


@compiled
def similarities(
    sets: Array, sizes: Array, start: int, table: Array, entries: Array, planes: Array, result: Array
) -> None:
    """Write the similarity of images from ``start`` on with all images into float32 (q, n)."""
    n, words = sets.shape
    queries = result.shape[0]
    offsets = np.empty((queries, sizes[start : start + queries].max() + TURN), np.int32)
    lengths = np.empty(queries, np.int64)
    for query in range(queries):
        lengths[query] = _list_members(sets[start + query], 64 * words, offsets[query])
    strip = np.zeros((64 * words + 1, WORDS), np.uint64)
    counts = np.empty(LANES, np.int32)
    for first in range(0, n, LANES):
        _transposed(sets, first, strip)
        for query in range(queries):
            _count_rows(strip, 0, offsets[query], lengths[query], planes, counts)
            for lane in range(min(LANES, n - first)):
                entry = entries[sizes[start + query] + sizes[first + lane]]
                result[query, first + lane] = table[entry + counts[lane]]


@compiled
def active_counts(sets: Array, order: Array, starts: Array, counts: Array) -> None:
    """Count in how many sets of each class a channel is.

    Parameters
    ----------
    sets
        uint64 (n, words).
    order
        int64: images, class by class.
    starts
        int64 (K + 1,): where in ``order`` each class begins, and the end.
    counts
        Whole numbers (K, C), added to.
    """
    words = -(-sets.shape[1] // WORDS) * WORDS
    longest = 0
    for label in range(counts.shape[0]):
        longest = max(longest, starts[label + 1] - starts[label])
    # No more than is needed: a large buffer comes from the system, which clears it first.
    batch = min(_BATCH, -(-longest // TURN) * TURN)
    rows = np.zeros((batch, words), np.uint64)
    offsets = (np.arange(batch) * 8 * words).astype(np.int32)
    planes = np.empty((_DEPTH, WORDS), np.uint64)
    part = np.empty(LANES, np.int32)
    for label in range(counts.shape[0]):
        for first in range(starts[label], starts[label + 1], _BATCH):
            size = min(_BATCH, starts[label + 1] - first)
            length = -(-size // TURN) * TURN
            for row in range(size):
                image = order[first + row]
                for word in range(sets.shape[1]):
                    rows[row, word] = sets[image, word]
            rows[size:length] = 0
            depth = 4
            while size >> depth:
                depth += 1
            for word in range(0, words, WORDS):
                _count_rows(rows, 8 * word, offsets, length, planes[:depth], part)
                for lane in range(min(LANES, counts.shape[1] - 64 * word)):
                    counts[label, 64 * word + lane] += part[lane]
