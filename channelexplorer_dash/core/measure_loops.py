"""Inner loops of the separability measures; imported by what the engine runs only (numba is heavy)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from channelexplorer_dash.core.compiled import compiled

Array = np.ndarray[Any, Any]

# Squared distance, as a share of the squared lengths that it is the difference of, below which it is
# summed up again from the differences.
_CANCELLED = 1e-2

# Sums whose order does not matter, so that several are taken at once.
_summing = partial(compiled, fastmath={"reassoc", "nsz", "contract"})


@_summing
def _summed(a: Array, b: Array) -> float:
    total = 0.0
    for c in range(a.shape[0]):
        step = np.float64(a[c]) - np.float64(b[c])
        total += step * step
    return total


@_summing
def to_own_mean(values: Array, ranks: Array, means: Array, distances: Array) -> None:
    """Fill ``distances`` (N,) with the distance of each row of (N, C) to row ``ranks[i]`` of (K, C)."""
    for i in range(values.shape[0]):
        row, mean = values[i], means[ranks[i]]
        total = 0.0
        for c in range(row.shape[0]):
            step = row[c] - mean[c]
            total += step * step
        distances[i] = np.sqrt(total)


@_summing
def between_rows(values: Array, first: Array, second: Array, squared: Array) -> None:
    """Fill ``squared`` (n,) with the squared distances between rows ``first`` and ``second``."""
    for i in range(first.shape[0]):
        squared[i] = _summed(values[first[i]], values[second[i]])


@_summing
def add_distances(
    products: Array, left: Array, right: Array, left_lengths: Array, right_lengths: Array, sums: Array
) -> None:
    """Add to ``sums`` (q,) the sums of the Euclidean distances of each row of ``left`` to all of ``right``.

    Parameters
    ----------
    products
        (q, m): inner products of the rows.
    left, right
        (q, C) and (m, C): the rows, from which the distances that cancel are summed up again.
    left_lengths, right_lengths
        (q,) and (m,): their squared lengths.
    sums
        float64 (q,), changed in place.
    """
    width = right.shape[0]
    for i in range(left.shape[0]):
        row = products[i]
        size = left_lengths[i]
        total = 0.0
        cancelled = 0
        for j in range(width):
            whole = size + right_lengths[j]
            squared = whole - 2 * row[j]
            close = squared < _CANCELLED * whole
            cancelled += close
            total += np.sqrt(max(squared, 0.0))
        if cancelled:
            total = 0.0
            for j in range(width):
                whole = size + right_lengths[j]
                squared = whole - 2 * row[j]
                if squared < _CANCELLED * whole:
                    squared = _summed(left[i], right[j])
                total += np.sqrt(squared)
        sums[i] += total


@compiled
def closest_stranger(
    closeness: Array, first: int, own: Array, ranks: Array, best: Array, index: Array
) -> None:
    """Merge a block of closenesses into the closest image of another class of each query.

    Parameters
    ----------
    closeness
        (q, w): of each query to the images ``first`` … ``first + w − 1``; of equal ones the earliest stays.
    own
        int64 (q,): the class of each query.
    ranks
        int64 (N,): the class of each image.
    best, index
        (q,): changed in place; start with −inf.
    """
    for q in range(closeness.shape[0]):
        row, mine = closeness[q], own[q]
        most, where = best[q], index[q]
        for j in range(row.shape[0]):
            if row[j] > most and ranks[first + j] != mine:
                most, where = row[j], first + j
        best[q], index[q] = most, where
