"""Separability: how far the classes of an activation summary are apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import (
    DoubleArray,
    FloatArray,
    IntArray,
    chunks,
    label_array,
    matrix,
    top_mask,
)
from channelexplorer_dash.errors import SelectionError, unknown_name

METRICS = ("cosine", "euclidean")

# Candidates beyond k that are measured again in double precision: the ranking then does not depend on the
# rounding of the float32 product that found them.
_SPARE = 8


def loo_knn_accuracy(S: npt.ArrayLike, labels: npt.ArrayLike, k: int = 5, metric: str = "cosine") -> float:
    """Return the leave-one-out accuracy of the k-nearest-neighbour vote (Cover and Hart 1967).

    The share of images whose k nearest other images vote for their own label. Of labels with equally many
    votes the one with the nearest neighbour wins; of equally near images the lower row comes first. Exact:
    all pairs are compared, in blocks, and the nearest are measured again in double precision.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    k
        Neighbours; at most N − 1 take part.
    metric
        ``cosine`` (1 − cosine similarity; as in scikit-learn, an image of zeros has distance 1 to every
        other image) or ``euclidean``.

    Returns
    -------
    float
        0 … 1. An image whose class has no other image is never right; a single image gives 0.

    Raises
    ------
    UnknownNameError
        If there is no such metric.
    SelectionError
        If ``k`` is below 1.
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    neighbours = nearest_neighbours(S, k, metric)
    known = label_array(labels, len(neighbours))
    if not neighbours.shape[1]:
        return 0.0
    return float((_vote(known[neighbours]) == known).mean())


def nearest_neighbours(S: npt.ArrayLike, k: int, metric: str = "cosine") -> IntArray:
    """Return the k nearest other images of each image, nearest first, of equally near ones the lower row.

    Parameters
    ----------
    S
        float32 (N, C).
    k
        At least 1; at most N − 1 are returned.
    metric
        ``cosine`` or ``euclidean``, as for :func:`loo_knn_accuracy`.

    Returns
    -------
    numpy.ndarray
        int64 (N, min(k, N − 1)).

    Raises
    ------
    UnknownNameError, SelectionError, DatasetError
        As :func:`loo_knn_accuracy`.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, list(METRICS))
    if k < 1:
        raise SelectionError("At least one neighbour must vote: k must be 1 or more.")
    values = matrix(S)
    n, channels = values.shape
    k = min(k, n - 1)
    result = np.empty((n, k), np.int64)
    if not k:
        return result
    norms = _norms(values)
    points, offset = _unit(values, norms) if metric == "cosine" else _centred(values)
    candidates = min(k + _SPARE, n - 1)
    for part in chunks(n, max(4 * n, 8 * channels)):
        closeness = points[part] @ points.T
        closeness -= offset
        rows = np.arange(part.start, part.stop)
        closeness[rows - part.start, rows] = -np.inf
        found = np.flatnonzero(top_mask(closeness, candidates)).reshape(len(rows), candidates) % n
        distance = _distances(values, norms, rows, found, metric)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        result[part] = np.take_along_axis(found, nearest, axis=1)
    return result


def _vote(labels: IntArray) -> IntArray:
    """Return the label with most votes in each row of (n, k) labels, nearest first."""
    votes = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    # argmax takes the first, and so the nearest, of equal counts.
    winner = np.argmax(votes, axis=1)
    voted: IntArray = labels[np.arange(len(labels)), winner]
    return voted


def _norms(values: FloatArray) -> DoubleArray:
    norms = np.empty(len(values))
    for part in chunks(len(values), 8 * values.shape[1]):
        block = values[part].astype(np.float64)
        norms[part] = np.sqrt(np.einsum("ij,ij->i", block, block))
    return norms


def _unit(values: FloatArray, norms: DoubleArray) -> tuple[FloatArray, FloatArray]:
    """Return rows of length 1 (zeros stay zeros), and no offset: their product is the similarity."""
    points = np.empty_like(values)
    for part in chunks(len(values), 8 * values.shape[1]):
        size = norms[part, None]
        points[part] = np.divide(values[part], size, out=np.zeros(values[part].shape), where=size > 0)
    return points, np.zeros(1, np.float32)


def _centred(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return points and ½‖y‖², so that x·y − ½‖y‖² falls as ‖x − y‖² grows.

    Centred and scaled to at most 1: neither changes the order, and float32 then neither cancels nor
    overflows.
    """
    mean = values.mean(axis=0, dtype=np.float64)
    scale = max(abs(float(values.max()) - mean.min()), abs(float(values.min()) - mean.max())) or 1.0
    points = np.empty_like(values)
    for part in chunks(len(values), 8 * values.shape[1]):
        points[part] = (values[part] - mean) / scale
    return points, np.einsum("ij,ij->i", points, points) / 2


def _distances(
    values: FloatArray, norms: DoubleArray, rows: IntArray, found: IntArray, metric: str
) -> DoubleArray:
    """Return the distance (or one that orders alike) of each row to each of its candidates, in double."""
    own = values[rows].astype(np.float64)
    distance = np.empty(found.shape)
    for column, other in enumerate(found.T):
        block = values[other].astype(np.float64)
        if metric == "euclidean":
            block -= own
            distance[:, column] = np.einsum("ij,ij->i", block, block)
        else:
            size = norms[rows] * norms[other]
            product = np.einsum("ij,ij->i", block, own)
            distance[:, column] = 1.0 - np.divide(product, size, out=np.zeros(len(rows)), where=size > 0)
    return distance
