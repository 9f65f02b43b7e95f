"""Exact nearest neighbours: blocks of float32 products, the closest measured again in double precision.

Where the products' rounding could have hidden a nearer image, the search is done again in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray, chunks, matrix
from channelexplorer_dash.errors import DatasetError, SelectionError, unknown_name

METRICS = ("cosine", "euclidean")

# Candidates beyond k that are measured again in double precision: the ranking then does not depend on the
# rounding of the float32 product that found them.
_SPARE = 8
# A product of n float32 terms is off by at most _SURE · √n · 2^-24 of the sizes of its vectors, but for a
# chance of 2 · exp(−_SURE² / 2) a rounding (Higham and Mary 2019, SIAM J. Sci. Comput. 41(5), theorem 3.1).
_SURE = 8.0
# Queries that are compared with a block of images together, and the bytes of such a block.
_QUERIES = 512
_BLOCK_BYTES = 16 * 2**20
# Images whose mean is taken for the middle of all.
_FOR_CENTRE = 1024
# Images whose products with the queries stand in memory at once: these stay in the processor's cache.
_WIDTH = 2048


@dataclass(frozen=True)
class Neighbours:
    """The nearest images of some queries, nearest first, of equally near ones the lower row.

    Attributes
    ----------
    indices
        int64 (q, k): rows of the images.
    distances
        float64 (q, k).
    """

    indices: IntArray
    distances: DoubleArray


def nearest_neighbours(
    S: npt.ArrayLike, k: int, metric: str = "cosine", queries: IntArray | None = None
) -> Neighbours:
    """Return the k nearest other images of each image, or of some of them.

    Parameters
    ----------
    S
        float32 (N, C).
    k
        At least 1; at most N − 1 are returned.
    metric
        ``cosine`` (1 − cosine similarity; as in scikit-learn, an image of zeros has distance 1 to every
        other image) or ``euclidean``.
    queries
        int64 (q,): rows of S whose neighbours are wanted; None for all.

    Raises
    ------
    UnknownNameError
        If there is no such metric.
    SelectionError
        If ``k`` is below 1.
    DatasetError
        If S is not a matrix, is empty, or holds NaN or infinity.
    """
    values = matrix(S)
    own = np.arange(len(values)) if queries is None else np.asarray(queries, np.int64)
    _check(k, metric)
    return _search(values, values, own, own, min(k, len(values) - 1), metric)


def nearest_known(known: npt.ArrayLike, others: npt.ArrayLike, k: int, metric: str = "cosine") -> Neighbours:
    """Return the k nearest known images of each of some other images.

    Parameters
    ----------
    known
        float32 (N, C).
    others
        float32 (q, C).
    k
        At least 1; at most N are returned.
    metric
        As for :func:`nearest_neighbours`.

    Raises
    ------
    UnknownNameError, SelectionError, DatasetError
        As :func:`nearest_neighbours`, or if the numbers of channels differ.
    """
    values, asked = matrix(known), matrix(others)
    _check(k, metric)
    if values.shape[1] != asked.shape[1]:
        raise DatasetError(
            f"Images of {asked.shape[1]} channels cannot be compared with images of {values.shape[1]}."
        )
    rows = np.arange(len(asked))
    return _search(values, asked, rows, np.full(len(asked), -1), min(k, len(values)), metric)


def _check(k: int, metric: str) -> None:
    if metric not in METRICS:
        raise unknown_name("metric", metric, list(METRICS))
    if k < 1:
        raise SelectionError("At least one neighbour must vote: k must be 1 or more.")


def _search(
    known: FloatArray, asked: FloatArray, rows: IntArray, own: IntArray, k: int, metric: str
) -> Neighbours:
    """Return the neighbours among ``known`` of the rows of ``asked``; ``own`` are left out (−1: none)."""
    result = Neighbours(np.empty((len(rows), k), np.int64), np.empty((len(rows), k)))
    if not k or not len(rows):
        return result
    count = min(k + _SPARE, len(known) - (1 if own[0] >= 0 else 0))
    points = _Points(known, metric)
    unsure = np.zeros(len(rows), np.bool_)
    index, last = _candidates(points, known, asked, rows, own, count, np.float32)
    for part in chunks(len(rows), 4 * count * known.shape[1]):
        queries = asked[rows[part]]
        _closest(known, queries, index[part], metric, result, part)
        reach = points.scores(queries, result.distances[part, -1])
        # A query that is too far away for float32 has no scores that could be compared.
        unsure[part] = ~(reach >= last[part] + points.error(queries))
    again = np.flatnonzero(unsure) if count < len(known) - 1 else np.empty(0, np.int64)
    if len(again):
        index, _ = _candidates(points, known, asked, rows[again], own[again], count, np.float64)
        for part in chunks(len(again), 4 * count * known.shape[1]):
            _closest(known, asked[rows[again[part]]], index[part], metric, result, again[part])
    return result


def _closest(
    known: FloatArray,
    queries: FloatArray,
    index: npt.NDArray[np.int32],
    metric: str,
    result: Neighbours,
    at: slice | IntArray,
) -> None:
    """Measure the candidates in double precision, and write the nearest at some rows of the result."""
    from channelexplorer_dash.core import selecting

    measure = selecting.cosine_distances if metric == "cosine" else selecting.euclidean_distances
    found = np.sort(index, axis=1).astype(np.int64)
    distance = np.empty(found.shape)
    measure(queries, known[found.ravel()], distance)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, : result.indices.shape[1]]
    result.indices[at] = np.take_along_axis(found, nearest, axis=1)
    result.distances[at] = np.take_along_axis(distance, nearest, axis=1)


def _candidates(
    points: _Points,
    known: FloatArray,
    asked: FloatArray,
    rows: IntArray,
    own: IntArray,
    count: int,
    dtype: type[np.float32 | np.float64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.floating[Any]]]:
    """Return int32 (q, count): the closest by their products, in no order; and the least of these."""
    from channelexplorer_dash.core.selecting import keep_closest

    best: npt.NDArray[Any] = np.full((len(rows), count), -np.inf, dtype)
    index = np.zeros((len(rows), count), np.int32)
    width = np.dtype(dtype).itemsize * known.shape[1]
    # As many queries as a chunk holds: the known images are prepared once for these.
    for some in chunks(len(rows), width):
        with np.errstate(over="ignore"):
            left: npt.NDArray[Any] = points.queries(asked[rows[some]]).astype(dtype)
        for part in chunks(len(known), width, _BLOCK_BYTES):
            right: npt.NDArray[Any] = points.known(known[part]).astype(dtype)
            for start in range(part.start, part.stop, _WIDTH):
                images = right[start - part.start : start - part.start + _WIDTH].T
                for few in chunks(len(left), 1, _QUERIES):
                    here = slice(some.start + few.start, some.start + few.stop)
                    with np.errstate(invalid="ignore"):
                        products = left[few] @ images
                    keep_closest(products, start, own[here], best[here], index[here])
    return index, best[:, -1]


class _Points:
    """Images as points, so that x · y is the larger, the nearer y is to x.

    Points are centred and scaled: neither changes the order, and products then hardly cancel. With
    x·y − ½‖y‖² = ½(‖x‖² − ‖x − y‖²), a coordinate of −½‖y‖² beside a 1 makes the Euclidean distance a
    product; and of rows of length 1, the cosine distance is half its square. An image of zeros is at
    ‖x − y‖² = 2 from all others then, which takes one coordinate more.
    """

    def __init__(self, known: FloatArray, metric: str) -> None:
        self.cosine = metric == "cosine"
        # Any centre will do, so long as it is in the midst of them.
        some = known[:: -(-len(known) // _FOR_CENTRE)]
        self.mean = self._rows(some).mean(axis=0)
        self.scale = 1.0
        if not self.cosine:
            far = max(float(known.max()) - self.mean.min(), self.mean.max() - float(known.min()))
            self.scale = far or 1.0
        # Length of the longest of the known images that were looked at.
        self.size = 0.0

    def queries(self, values: FloatArray) -> DoubleArray:
        """Return float64 (q, C + 2)."""
        points, zero = self._points(values)
        whole = np.column_stack([points, np.ones(len(points)), np.square(points).sum(axis=1) / 2 - 1])
        # As far from every image.
        whole[zero] = 0
        return whole

    def known(self, values: FloatArray) -> DoubleArray:
        """Return float64 (n, C + 2)."""
        points, zero = self._points(values)
        squares = np.einsum("ij,ij->i", points, points)
        self.size = max(self.size, float(np.sqrt(squares.max())))
        whole = np.column_stack([points, squares / -2, np.zeros(len(points))])
        whole[zero] = 0
        whole[zero, -1] = 1
        return whole

    def scores(self, values: FloatArray, distances: DoubleArray) -> DoubleArray:
        """Return what the products of queries with images at some distances are, exactly."""
        points, zero = self._points(values)
        squares = 2 * distances if self.cosine else np.square(distances / self.scale)
        return np.where(zero, 0.0, (np.square(points).sum(axis=1) - squares) / 2)

    def error(self, values: FloatArray) -> DoubleArray:
        """Return how far the float32 products of queries may be off."""
        size = np.sqrt(np.square(self._points(values)[0]).sum(axis=1))
        terms = values.shape[1] + 2
        reach: DoubleArray = size * self.size + self.size**2 / 2 + np.square(size) / 2
        reach *= _SURE * np.sqrt(terms) * np.finfo(np.float32).eps / 2
        return reach

    def _rows(self, values: FloatArray) -> DoubleArray:
        return _unit(values) if self.cosine else values.astype(np.float64)

    def _points(self, values: FloatArray) -> tuple[DoubleArray, BoolArray]:
        rows = self._rows(values)
        zero: BoolArray = np.zeros(len(rows), np.bool_)
        if self.cosine:
            zero |= ~rows.any(axis=1)
        return (rows - self.mean) / self.scale, zero


def _unit(values: FloatArray) -> DoubleArray:
    """Return rows of length 1; zeros stay zeros."""
    points = values.astype(np.float64)
    size = np.sqrt(np.einsum("ij,ij->i", points, points))[:, None]
    np.divide(points, size, out=points, where=size > 0)
    return points
