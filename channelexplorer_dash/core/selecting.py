"""Inner loops of the nearest-neighbour search; imported by what the engine runs only (numba is heavy)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.compiled import compiled

# Entries that are compared with the threshold before any of them is looked at alone.
_STRETCH = 32


@compiled
def keep_closest(
    closeness: npt.NDArray[Any],
    first: int,
    own: IntArray,
    best: npt.NDArray[Any],
    index: npt.NDArray[np.int32],
) -> None:
    """Merge a block of closenesses into the lists of the closest, largest first, of equal ones the earliest.

    Parameters
    ----------
    closeness
        float32 or float64 (q, w): of each query to the images ``first`` … ``first + w − 1``, after all
        earlier ones.
    first
        Row of the block's first image.
    own
        int64 (q,): the image that is left out of a query's list; −1 for none.
    best, index
        Of the type of ``closeness``, and int32, (q, m): the lists, changed in place; start with −inf.
    """
    queries, width = closeness.shape
    last = best.shape[1] - 1
    for q in range(queries):
        row = closeness[q]
        threshold = best[q, last]
        skipped = own[q] - first
        start = 0
        while start < width:
            stop = min(start + _STRETCH, width)
            # Counted without a branch, so that the processor compares many at once.
            hits = 0
            for j in range(start, stop):
                hits += row[j] > threshold
            if hits:
                for j in range(start, stop):
                    value = row[j]
                    if value > threshold and j != skipped:
                        place = last
                        while place > 0 and best[q, place - 1] < value:
                            best[q, place] = best[q, place - 1]
                            index[q, place] = index[q, place - 1]
                            place -= 1
                        best[q, place] = value
                        index[q, place] = first + j
                        threshold = best[q, last]
            start = stop


@compiled
def cosine_distances(queries: FloatArray, others: FloatArray, distance: DoubleArray) -> None:
    """Fill (q, m) with 1 − cosine similarity in double precision; of an image of zeros 1.

    Parameters
    ----------
    queries, others
        float32 (q, C), and (q · m, C): the m images to compare with each of them.
    """
    count = distance.shape[1]
    for q in range(distance.shape[0]):
        for m in range(count):
            product, left, right = 0.0, 0.0, 0.0
            for c in range(queries.shape[1]):
                a, b = np.float64(queries[q, c]), np.float64(others[q * count + m, c])
                product += a * b
                left += a * a
                right += b * b
            size = np.sqrt(left) * np.sqrt(right)
            distance[q, m] = 1.0 - product / size if size > 0 else 1.0


@compiled
def euclidean_distances(queries: FloatArray, others: FloatArray, distance: DoubleArray) -> None:
    """Fill (q, m) with Euclidean distances in double precision; the arguments as :func:`cosine_distances`."""
    count = distance.shape[1]
    for q in range(distance.shape[0]):
        for m in range(count):
            total = 0.0
            for c in range(queries.shape[1]):
                step = np.float64(queries[q, c]) - np.float64(others[q * count + m, c])
                total += step * step
            distance[q, m] = np.sqrt(total)
