"""Sums of Euclidean distances between two sets of images, by blocks of products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, chunks

# Bytes of one block of products.
_BLOCK_BYTES = 8 * 2**20


def centred_rows(
    values: FloatArray, rows: IntArray, centre: DoubleArray, kind: type[np.floating[Any]]
) -> npt.NDArray[Any]:
    """Return rows of S less a centre, in the precision in which products are taken.

    Parameters
    ----------
    values
        float32 (N, C).
    rows
        int64 (n,).
    centre
        float64 (C,).
    kind
        ``numpy.float64`` or ``numpy.float32``.
    """
    if kind is np.float64:
        return np.subtract(values[rows], centre, dtype=np.float64)
    # The same rounded centre for all, so that it drops out of their differences.
    return values[rows] - centre.astype(np.float32)


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
        others = centred_rows(values, right[some], centre, kind)
        other_lengths = np.einsum("ij,ij->i", others, others, dtype=np.float64)
        for part in chunks(len(left), size * max(len(others), channels), _BLOCK_BYTES):
            ours = centred_rows(values, left[part], centre, kind)
            lengths = np.einsum("ij,ij->i", ours, ours, dtype=np.float64)
            add_distances(ours @ others.T, ours, others, lengths, other_lengths, sums[part])
    return sums
