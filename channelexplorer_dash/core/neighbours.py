"""Exact nearest neighbours: blocks of float32 products, the closest measured again in double precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, chunks, matrix
from channelexplorer_dash.errors import DatasetError, SelectionError, unknown_name

METRICS = ("cosine", "euclidean")

# Candidates beyond k that are measured again in double precision: the ranking then does not depend on the
# rounding of the float32 product that found them.
_SPARE = 8
# Queries that are compared with a block of images together, and the bytes of such a block.
_QUERIES = 512
_BLOCK_BYTES = 16 * 2**20
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
    from channelexplorer_dash.core import selecting

    result = Neighbours(np.empty((len(rows), k), np.int64), np.empty((len(rows), k)))
    if not k or not len(rows):
        return result
    candidates = min(k + _SPARE, len(known) - (1 if own[0] >= 0 else 0))
    prepared = _Prepared(known, metric)
    index = _candidates(prepared, known, asked, rows, own, candidates)
    measure = selecting.cosine_distances if metric == "cosine" else selecting.euclidean_distances
    for part in chunks(len(rows), 4 * candidates * known.shape[1]):
        found = np.sort(index[part], axis=1).astype(np.int64)
        distance = np.empty(found.shape)
        measure(asked[rows[part]], known[found.ravel()], distance)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        result.indices[part] = np.take_along_axis(found, nearest, axis=1)
        result.distances[part] = np.take_along_axis(distance, nearest, axis=1)
    return result


def _candidates(
    prepared: _Prepared, known: FloatArray, asked: FloatArray, rows: IntArray, own: IntArray, count: int
) -> npt.NDArray[np.int32]:
    """Return int32 (q, count): the closest as float32 products see it, in no particular order."""
    from channelexplorer_dash.core.selecting import keep_closest

    best = np.full((len(rows), count), -np.inf, np.float32)
    index = np.zeros((len(rows), count), np.int32)
    channels = known.shape[1]
    # As many queries as a chunk holds: the known images are prepared once for these.
    for some in chunks(len(rows), 4 * channels):
        left = prepared.queries(asked[rows[some]])
        for part in chunks(len(known), 4 * channels, _BLOCK_BYTES):
            right = prepared.known(known[part])
            for start in range(part.start, part.stop, _WIDTH):
                images = right[start - part.start : start - part.start + _WIDTH].T
                for few in chunks(len(left), 1, _QUERIES):
                    here = slice(some.start + few.start, some.start + few.stop)
                    keep_closest(left[few] @ images, start, own[here], best[here], index[here])
    return index


class _Prepared:
    """What float32 products are taken of: the larger the product, the nearer the image."""

    def __init__(self, known: FloatArray, metric: str) -> None:
        self.cosine = metric == "cosine"
        if not self.cosine:
            # Centred and scaled to at most 1: neither changes the order, and float32 then neither cancels
            # nor overflows.
            mean = known.mean(axis=0, dtype=np.float64)
            self.mean = mean
            scale = max(abs(float(known.max()) - mean.min()), abs(float(known.min()) - mean.max()))
            self.scale = scale or 1.0

    def queries(self, values: FloatArray) -> FloatArray:
        """Return rows of length 1; or centred ones with a 1 after them."""
        return _unit(values) if self.cosine else self._centred(values, known=False)

    def known(self, values: FloatArray) -> FloatArray:
        """Return rows of length 1; or centred ones with −½‖y‖², as x·y − ½‖y‖² falls with ‖x − y‖²."""
        return _unit(values) if self.cosine else self._centred(values, known=True)

    def _centred(self, values: FloatArray, *, known: bool) -> FloatArray:
        result = np.ones((len(values), values.shape[1] + 1), np.float32)
        points = result[:, :-1]
        np.divide(values - self.mean, self.scale, out=points, casting="same_kind")
        if known:
            result[:, -1] = np.einsum("ij,ij->i", points, points) / -2
        return result


def _unit(values: FloatArray) -> FloatArray:
    """Return rows of length 1; zeros stay zeros."""
    largest = np.maximum(values.max(axis=1), -values.min(axis=1))[:, None]
    # In units in which squares neither overflow nor vanish.
    points: FloatArray = np.divide(values, largest, out=np.zeros_like(values), where=largest > 0)
    size = np.sqrt(np.einsum("ij,ij->i", points, points))[:, None]
    np.divide(points, size, out=points, where=size > 0)
    return points
