"""Channels: sums per class, and the statistics that the heatmap's rows are sorted by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import (
    BoolArray,
    DoubleArray,
    FloatArray,
    IntArray,
    chunks,
    label_array,
    matrix,
)
from channelexplorer_dash.errors import DatasetError, SelectionError, unknown_name

SORTINGS = ("variance", "pairwise", "count", "edge_weight", "none")


@dataclass(frozen=True)
class ClassSums:
    """What the per-channel statistics are made of.

    Attributes
    ----------
    classes
        int64 (K,): the labels that occur, ascending.
    counts
        int64 (K,): images of each class.
    sums, squares
        float64 (K, C): Σ s and Σ s² over the images of a class.
    minimum, maximum
        float32 (C,): over all images.
    active
        int64 (K, C): images of a class whose active set holds the channel.
    """

    classes: IntArray
    counts: IntArray
    sums: DoubleArray
    squares: DoubleArray
    minimum: FloatArray
    maximum: FloatArray
    active: IntArray


def class_sums(S: npt.ArrayLike, labels: npt.ArrayLike, active: npt.NDArray[np.bool_]) -> ClassSums:
    """Return Σ, Σ², extremes and active counts per class, in one pass over chunks of S.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    active
        bool (N, C).

    Returns
    -------
    ClassSums
        Summed in double precision.

    Raises
    ------
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    from scipy.sparse import csr_array

    values = matrix(S)
    n, channels = values.shape
    sets: BoolArray = np.asarray(active, dtype=np.bool_)
    if sets.shape != values.shape:
        raise DatasetError(f"Active sets of shape {sets.shape} do not fit a summary of {values.shape}.")
    classes, rank = np.unique(label_array(labels, n), return_inverse=True)
    counts = np.bincount(rank, minlength=len(classes))
    shape = (len(classes), channels)
    sums, squares, marks = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
    for part in chunks(n, 8 * channels):
        # The product with the class indicator reads every row once, whatever the number of classes.
        present, row = np.unique(rank[part], return_inverse=True)
        size = len(row)
        indicator = csr_array((np.ones(size), (row, np.arange(size))), shape=(len(present), size))
        block = values[part].astype(np.float64)
        sums[present] += indicator @ block
        np.square(block, out=block)
        squares[present] += indicator @ block
        block[...] = sets[part]
        marks[present] += (indicator @ block).astype(np.int64)
    return ClassSums(classes, counts, sums, squares, values.min(axis=0), values.max(axis=0), marks)


def sorting_statistic(
    sums: ClassSums, sorting: str, kernel_norms: npt.NDArray[np.float64] | None = None
) -> DoubleArray:
    """Return the number that the heatmap's channels are sorted by.

    The sortings of ChannelExplorer (arXiv 2505.04647), with class frequencies in place of counts so that
    classes may differ in size:

    - ``variance``: Σ s² / N − (Σ s / N)², over all images
    - ``pairwise``: Σ over class pairs of |μ_c − μ_d|, which of the ascending class means μ_(0) … μ_(K−1) is
      Σ_r (2r − K + 1) · μ_(r)
    - ``count``: Σ over class pairs of |f_c − f_d|, f the share of a class's images with the channel active
    - ``edge_weight``: norm of the channel's kernel
    - ``none``: zeros

    Parameters
    ----------
    sums
        :func:`class_sums`.
    sorting
        One of the names above.
    kernel_norms
        float64 (C,), for ``edge_weight``; None where the layer has no kernels.

    Returns
    -------
    numpy.ndarray
        float64 (C,).

    Raises
    ------
    UnknownNameError
        If there is no such sorting.
    SelectionError
        If ``edge_weight`` is asked for a layer without kernels.
    """
    counts = sums.counts[:, None]
    if sorting == "variance":
        total = sums.counts.sum()
        variance = sums.squares.sum(axis=0) / total - (sums.sums.sum(axis=0) / total) ** 2
        return np.where(sums.minimum == sums.maximum, 0.0, np.maximum(variance, 0.0))
    if sorting == "pairwise":
        return pair_differences(sums.sums / counts)
    if sorting == "count":
        return pair_differences(sums.active / counts)
    if sorting == "none":
        return np.zeros(sums.sums.shape[1])
    if sorting != "edge_weight":
        raise unknown_name("sorting", sorting, list(SORTINGS))
    if kernel_norms is None:
        raise SelectionError("This layer has no kernels, so no edge weight. Choose another sorting.")
    norms: DoubleArray = np.asarray(kernel_norms, dtype=np.float64)
    if norms.shape != sums.minimum.shape:
        raise DatasetError(
            f"There must be one kernel norm per channel: {len(sums.minimum)}, not {norms.shape}."
        )
    return norms


def pair_differences(values: DoubleArray) -> DoubleArray:
    """Return Σ over pairs of rows of |v_c − v_d|, per column, from sorted columns in O(K log K · C).

    Parameters
    ----------
    values
        float64 (K, C).

    Returns
    -------
    numpy.ndarray
        float64 (C,); zeros for one row.
    """
    ordered = np.sort(values, axis=0)
    # Sums of the gaps between neighbours: no cancellation, and exactly 0 where all rows are equal.
    below = np.arange(1, len(ordered))
    result: DoubleArray = (below * (len(ordered) - below)) @ np.diff(ordered, axis=0)
    return result


def order(statistic: npt.NDArray[np.float64], sorting: str) -> IntArray:
    """Return the channel indices in the heatmap's order.

    Parameters
    ----------
    statistic
        float64 (C,).
    sorting
        ``none`` keeps the order of the channels; with any other the largest comes first, of equal ones the
        lower index, and NaN last.

    Returns
    -------
    numpy.ndarray
        int64 (C,).
    """
    if sorting == "none":
        return np.arange(len(statistic), dtype=np.int64)
    return np.argsort(-np.asarray(statistic, dtype=np.float64), kind="stable").astype(np.int64)
