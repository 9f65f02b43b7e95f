"""Sums of Euclidean distances between two sets of images, by blocks of products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, chunks
from channelexplorer_dash.core.classes import Classes

# Bytes of one block of products.
_BLOCK_BYTES = 8 * 2**20


def centred_rows(
    values: FloatArray, rows: IntArray, centre: DoubleArray, kind: type[np.floating[Any]]
) -> tuple[npt.NDArray[Any], DoubleArray]:
    """Return rows of S less a centre, in the precision of the products, and their squared lengths.

    Parameters
    ----------
    values
        float32 (N, C).
    rows
        int64 (n,).
    centre
        float64 (C,). In single precision it is rounded, equally for all rows, and drops out of differences.
    kind
        ``numpy.float64`` or ``numpy.float32``.

    Returns
    -------
    tuple
        ``kind`` (n, C) and float64 (n,).
    """
    from channelexplorer_dash.core.measure_loops import gather_centred

    centred, lengths = np.empty((len(rows), values.shape[1]), kind), np.empty(len(rows))
    gather_centred(values, rows, centre.astype(kind), centred, lengths)
    return centred, lengths


def distance_sums(
    values: FloatArray,
    left: IntArray,
    right: IntArray,
    centre: DoubleArray,
    kind: type[np.floating[Any]],
) -> DoubleArray:
    """Return the sum of the distances of each image of ``left`` to all images of ``right``.

    Distances that cancel, as those of an image to itself, are summed up again from the differences.

    Parameters
    ----------
    values
        float32 (N, C).
    left, right
        int64 (n,) and (m,): rows of ``values``.
    centre
        float64 (C,): a point among those of ``right``, so that products stay small.
    kind
        Precision of the products.

    Returns
    -------
    numpy.ndarray
        float64 (n,).
    """
    from channelexplorer_dash.core.measure_loops import add_distances

    sums = np.zeros(len(left))
    size, channels = np.dtype(kind).itemsize, values.shape[1]
    for some in chunks(len(right), size * channels):
        others, other_lengths = centred_rows(values, right[some], centre, kind)
        for part in chunks(len(left), size * max(len(others), channels), _BLOCK_BYTES):
            ours, lengths = centred_rows(values, left[part], centre, kind)
            add_distances(ours @ others.T, ours, others, lengths, other_lengths, sums[part])
    return sums


def class_distance_sums(
    values: FloatArray,
    rows: IntArray,
    classes: Classes,
    centre: DoubleArray,
    kind: type[np.floating[Any]],
) -> DoubleArray:
    """Return the sums of the distances of some images to the images of each class, of all pairs.

    Parameters
    ----------
    values
        float32 (N, C).
    rows
        int64 (q,): rows of ``values``.
    classes
        Of all N images.
    centre
        float64 (C,): a point among the images.
    kind
        Precision of the products.

    Returns
    -------
    numpy.ndarray
        float64 (q, K).
    """
    from channelexplorer_dash.core.measure_loops import add_class_distances

    order, channels = classes.order, values.shape[1]
    sums = np.zeros((len(rows), len(classes)))
    for some in chunks(len(order), np.dtype(kind).itemsize * channels):
        right, right_lengths = centred_rows(values, order[some], centre, kind)
        starts = np.clip(np.concatenate([[0], classes.ends]) - some.start, 0, len(right))
        for part in chunks(len(rows), 8 * max(len(right), channels), 2 * _BLOCK_BYTES):
            left, left_lengths = centred_rows(values, rows[part], centre, kind)
            products = left @ right.T
            add_class_distances(products, left, right, left_lengths, right_lengths, starts, sums[part])
    return sums
