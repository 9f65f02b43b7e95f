"""Jaccard similarity of active sets: between images, between classes, and expected.

J(A, B) = |A ∩ B| / |A ∪ B| = I / (a + b − I), with I = |A ∩ B|, a = |A|, b = |B| (Jaccard 1901). Where all
sets have k channels this is I / (2k − I); where few channels are alive, sets differ in size. Two empty sets
are equal, and so have similarity 1; an empty set and another one have 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import (
    BoolArray,
    DoubleArray,
    FloatArray,
    IntArray,
    chunks,
    label_array,
)
from channelexplorer_dash.errors import DatasetError

# Images a side of one block of all pairs: blocks stay in the cache, and the GEMM is still near its peak.
BLOCK = 1024


def image_jaccard(active: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the Jaccard similarity of every two images.

    Parameters
    ----------
    active
        bool (n, C): :func:`~channelexplorer_dash.core.active.active_sets`.

    Returns
    -------
    numpy.ndarray
        float32 (n, n), symmetric, with ones on the diagonal.

    Raises
    ------
    DatasetError
        If ``active`` is not a boolean matrix with at least one image.
    """
    sets = _sets(active)
    sizes = np.count_nonzero(sets, axis=1).astype(np.float32)
    numbers = sets.astype(np.float32)
    result = np.empty((len(sets), len(sets)), np.float32)
    for part in chunks(len(sets), 4 * len(sets)):
        np.matmul(numbers[part], numbers.T, out=result[part])
        _similarity(result[part], sizes[part], sizes)
    return result


def class_jaccard(active: npt.NDArray[np.bool_], labels: npt.ArrayLike, classes: npt.ArrayLike) -> FloatArray:
    """Return the mean Jaccard similarity over all pairs of images of two classes.

    M[c, d] = mean of J(i, j) over i of class c, j of class d, i ≠ j. Exact: every pair is visited once, in
    blocks, by one GEMM each (intersections are whole numbers, exact in float32). Memory stays at a copy of
    ``active`` and a few blocks.

    Parameters
    ----------
    active
        bool (N, C).
    labels
        int64 (N,).
    classes
        int64 (K,): the rows and columns of the result. Images of other classes are left out.

    Returns
    -------
    numpy.ndarray
        float32 (K, K), symmetric. A class of one image has no pair with itself: its diagonal is 1.

    Raises
    ------
    DatasetError
        If shapes do not fit, or a class has no image.
    """
    sets = _sets(active)
    wanted = np.asarray(classes, dtype=np.int64)
    rank, counts = _ranks(label_array(labels, len(sets)), wanted)
    chosen = np.flatnonzero(rank >= 0)
    chosen = chosen[np.argsort(rank[chosen], kind="stable")]
    rank = rank[chosen]
    # Channels that are in no set add nothing to an intersection.
    used = np.flatnonzero(sets.any(axis=0))
    ordered = np.take(sets, chosen, axis=0) if len(used) == sets.shape[1] else sets[np.ix_(chosen, used)]
    sizes = np.count_nonzero(ordered, axis=1).astype(np.float32)
    sums = _pair_sums(ordered, sizes, rank, len(wanted))
    pairs = counts[:, None] * counts[None, :].astype(np.float64)
    own = np.arange(len(wanted))
    sums[own, own] -= counts  # each image with itself: J = 1
    pairs[own, own] -= counts
    alone = counts == 1
    sums[own[alone], own[alone]] = pairs[own[alone], own[alone]] = 1.0
    return (sums / pairs).astype(np.float32)


def expected_overlap(frequencies: npt.ArrayLike, k: int) -> FloatArray:
    """Return the Jaccard similarity at the expected intersection of two classes, in closed form.

    For images drawn independently from classes c and d the expected intersection of their active sets is
    E[I] = Σ_ch f[c, ch] · f[d, ch] (for c ≠ d this is exactly the mean over all pairs); the result is
    E[I] / (2k − E[I]). As x / (2k − x) is convex, this is at most the mean similarity (Jensen), and equal
    to it where all pairs overlap alike. It costs one K × K product instead of all pairs of images. On the
    diagonal the two draws may be the same image.

    Parameters
    ----------
    frequencies
        float (K, C): share of the images of a class in which a channel is active, 0 … 1.
    k
        Size of an active set.

    Returns
    -------
    numpy.ndarray
        float32 (K, K). Where ``k`` is 0 all sets are empty, and the result is 1.
    """
    share = np.asarray(frequencies, dtype=np.float64)
    if share.ndim != 2:
        raise DatasetError(f"Active frequencies must be classes × channels; these have shape {share.shape}.")
    if k == 0:
        return np.ones((len(share), len(share)), np.float32)
    overlap = share @ share.T
    return (overlap / (2 * k - overlap)).astype(np.float32)


def _sets(active: npt.NDArray[np.bool_]) -> BoolArray:
    sets = np.asarray(active)
    if sets.ndim != 2 or len(sets) == 0 or sets.dtype != np.bool_:
        raise DatasetError(
            "Active sets must be a boolean matrix of images × channels with at least one image; "
            f"these are {sets.dtype} of shape {sets.shape}."
        )
    return sets


def _ranks(labels: IntArray, classes: IntArray) -> tuple[IntArray, IntArray]:
    """Return each image's position in ``classes`` (-1 for none), and the images of each class."""
    order = np.argsort(classes, kind="stable")
    ascending = classes[order]
    if np.any(ascending[1:] == ascending[:-1]):
        raise DatasetError("A class is named twice. Name each class once.")
    if not len(classes):
        raise DatasetError("No class is chosen. Choose at least one class.")
    place = np.minimum(np.searchsorted(ascending, labels), len(classes) - 1)
    rank = np.where(ascending[place] == labels, order[place], -1)
    counts = np.bincount(rank[rank >= 0], minlength=len(classes))
    if not counts.all():
        raise DatasetError(f"Class {classes[counts == 0][0]} has no image. Leave it out.")
    return rank, counts


def _similarity(intersection: FloatArray, rows: FloatArray, columns: FloatArray) -> None:
    """Turn intersections (r, c) into similarities, in place."""
    union = np.add.outer(rows, columns)
    union -= intersection
    empty = None if rows.min() > 0 or columns.min() > 0 else union == 0
    if empty is not None:
        union[empty] = intersection[empty] = 1.0
    intersection /= union


def _pair_sums(ordered: BoolArray, sizes: FloatArray, rank: IntArray, K: int) -> DoubleArray:
    """Sum J over all ordered pairs of images (i = j too) by class; images are sorted by rank."""
    sums = np.zeros((K, K))
    starts = range(0, len(ordered), BLOCK)
    for top in starts:
        rows = slice(top, top + BLOCK)
        left = ordered[rows].astype(np.float32)
        row_classes, row_starts = np.unique(rank[rows], return_index=True)
        for first in range(top, len(ordered), BLOCK):
            columns = slice(first, first + BLOCK)
            block = left @ ordered[columns].astype(np.float32).T
            _similarity(block, sizes[rows], sizes[columns])
            column_classes, column_starts = np.unique(rank[columns], return_index=True)
            by_column = np.add.reduceat(block, column_starts, axis=1, dtype=np.float64)
            part = np.add.reduceat(by_column, row_starts, axis=0)
            sums[np.ix_(row_classes, column_classes)] += part
            if first != top:
                sums[np.ix_(column_classes, row_classes)] += part.T
    return sums
