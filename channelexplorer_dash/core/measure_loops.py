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

# Entries that are compared with the best before any of them is looked at alone.
_STRETCH = 64

# Sums whose order does not matter, so that several are taken at once.
_bounding = partial(compiled, fastmath=True)
_summing = partial(compiled, fastmath={"reassoc", "nsz", "contract"})


@_summing
def _summed(a: Array, b: Array) -> float:
    total = 0.0
    for c in range(a.shape[0]):
        step = np.float64(a[c]) - np.float64(b[c])
        total += step * step
    return total


@_summing
def gather_centred(values: Array, rows: Array, centre: Array, centred: Array, lengths: Array) -> None:
    """Fill ``centred`` (n, C) with rows of ``values`` less ``centre``, and ``lengths`` with squared lengths.

    ``centre`` and ``centred`` are of one type, in which the difference is taken; ``lengths`` are float64.
    """
    for i in range(rows.shape[0]):
        row, out = values[rows[i]], centred[i]
        total = 0.0
        for c in range(row.shape[0]):
            out[c] = row[c] - centre[c]
            total += np.float64(out[c]) * np.float64(out[c])
        lengths[i] = total


@_bounding
def bound_means(
    products: Array,
    along: Array,
    lengths: Array,
    own: Array,
    shapes: Array,
    slack: float,
    upper: Array,
    lower: Array,
) -> None:
    """Bound the mean distance of each query to each class, as :mod:`.silhouette` explains.

    Parameters
    ----------
    products, along
        (K, q): of the centred class means, and of the classes' widest directions, with the centred queries.
    lengths, own
        (q,): squared lengths of the centred queries; their class, whose bounds become infinite.
    shapes
        float64 (K, 6): of each class the squared length of its centred mean, W, σ, λ, λ′, and the place of
        its mean along its widest direction.
    slack
        Relative error that the products may have.
    upper, lower
        float32 (K, q), written.
    """
    for k in range(products.shape[0]):
        length, spread, deviation, widest, second, place = shapes[k]
        for i in range(products.shape[1]):
            whole = length + lengths[i]
            squared = whole - 2 * np.float64(products[k, i])
            highest = max(squared, 0.0) + slack * whole
            lowest = max(squared - slack * whole, 0.0)
            least = lowest + spread
            aside = np.float64(along[k, i]) - place
            aside = min(aside * aside + slack * whole, highest)
            variance = widest * aside + second * (highest - aside)
            bend = (deviation + 2 * np.sqrt(variance)) / max(least, 1e-300)
            bent = np.sqrt(least) * (1 - bend * bend / 2)
            upper[k, i] = np.sqrt(highest + spread) * (1 + slack)
            lower[k, i] = max(bent, np.sqrt(lowest)) * (1 - slack)
    for i in range(own.shape[0]):
        upper[own[i], i] = np.inf
        lower[own[i], i] = np.inf


@_summing
def add_class_distances(
    products: Array,
    left: Array,
    right: Array,
    left_lengths: Array,
    right_lengths: Array,
    starts: Array,
    sums: Array,
) -> None:
    """Add to ``sums`` (q, K) the distances to the rows of ``right`` that belong to each class.

    As :func:`add_distances`, with the rows of ``right`` in the order of their classes: those of class k are
    ``starts[k]`` … ``starts[k + 1] − 1``.
    """
    for i in range(left.shape[0]):
        for k in range(starts.shape[0] - 1):
            total = 0.0
            cancelled = 0
            for j in range(starts[k], starts[k + 1]):
                whole = left_lengths[i] + right_lengths[j]
                squared = whole - 2 * np.float64(products[i, j])
                cancelled += squared < _CANCELLED * whole
                total += np.sqrt(max(squared, 0.0))
            if cancelled:
                total = 0.0
                for j in range(starts[k], starts[k + 1]):
                    whole = left_lengths[i] + right_lengths[j]
                    squared = whole - 2 * np.float64(products[i, j])
                    if squared < _CANCELLED * whole:
                        squared = _summed(left[i], right[j])
                    total += np.sqrt(squared)
            sums[i, k] += total


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
        start, width = 0, row.shape[0]
        while start < width:
            stop = min(start + _STRETCH, width)
            # Counted without a branch, so that the processor compares many at once.
            hits = 0
            for j in range(start, stop):
                hits += row[j] > most
            if hits:
                for j in range(start, stop):
                    if row[j] > most and ranks[first + j] != mine:
                        most, where = row[j], first + j
            start = stop
        best[q], index[q] = most, where
