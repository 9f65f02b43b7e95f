"""Jaccard similarity of active sets: between images, between classes, and expected.

J(A, B) = |A ∩ B| / |A ∪ B| = I / (a + b − I), with I = |A ∩ B|, a = |A|, b = |B| (Jaccard 1901). Where all
sets have k channels this is I / (2k − I); where few channels are alive, sets differ in size. Two empty sets
are equal, and so have similarity 1; an empty set and another one have 0.

Sets are packed, as :func:`~channelexplorer_dash.core.active.active_sets` returns them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.active import set_sizes
from channelexplorer_dash.core.arrays import (
    BitArray,
    DoubleArray,
    FloatArray,
    IntArray,
    aligned,
    chunks,
    each,
    label_array,
)
from channelexplorer_dash.errors import DatasetError

# Images whose pairs with all that follow them are one piece of work.
_ROWS = 1024
# Classes whose channels one thread counts at a time.
_CLASSES = 64
# Bytes of the similarities of some images with all, where only the largest are kept.
_BLOCK_BYTES = 64 * 2**20
# Similarities are summed as whole numbers of 2^-_FRACTION, or coarser where so many do not fit in 63 bits.
_FRACTION = 40


def image_jaccard(sets: BitArray) -> FloatArray:
    """Return the Jaccard similarity of every two images.

    Parameters
    ----------
    sets
        uint64 (n, ⌈C / 64⌉): :func:`~channelexplorer_dash.core.active.active_sets`.

    Returns
    -------
    numpy.ndarray
        float32 (n, n), symmetric, with ones on the diagonal.

    Raises
    ------
    DatasetError
        If ``sets`` are not packed, or there is no image.
    """
    from channelexplorer_dash.core.bitsets import similarities

    packed = _packed(sets)
    sizes = set_sizes(packed)
    table, entries = _table(sizes)
    result = np.empty((len(packed), len(packed)), np.float32)
    similarities(packed, sizes, 0, table.astype(np.float32), entries, _planes(sizes), result)
    return result


def nearest_sets(sets: BitArray, k: int, threads: int = 1) -> IntArray:
    """Return the k other images of each image whose active sets are most similar to its own.

    Parameters
    ----------
    sets
        uint64 (n, ⌈C / 64⌉).
    k
        At least 1; at most n − 1 are returned.
    threads
        How many threads share the images.

    Returns
    -------
    numpy.ndarray
        int64 (n, k), the most similar first; of equally similar ones the lower row.

    Raises
    ------
    DatasetError
        If ``sets`` are not packed, or there is no image.
    """
    from channelexplorer_dash.core.bitsets import similarities
    from channelexplorer_dash.core.selecting import keep_closest

    packed = _packed(sets)
    n = len(packed)
    k = min(k, n - 1)
    nearest = np.zeros((n, k), np.int64)
    if k < 1:
        return nearest
    sizes = set_sizes(packed)
    table, entries = _table(sizes)
    single = table.astype(np.float32)

    def search(part: slice) -> None:
        rows = np.arange(part.start, part.stop)
        similar = np.empty((len(rows), n), np.float32)
        similarities(packed, sizes, part.start, single, entries, _planes(sizes), similar)
        best = np.full((len(rows), k), -np.inf, np.float32)
        index = np.zeros((len(rows), k), np.int32)
        keep_closest(similar, 0, rows, best, index)
        nearest[part] = index

    for _ in each(search, list(chunks(n, 4 * n, _BLOCK_BYTES)), threads):
        pass
    return nearest


def class_jaccard(
    sets: BitArray, labels: npt.ArrayLike, classes: npt.ArrayLike, threads: int = 1
) -> FloatArray:
    """Return the mean Jaccard similarity over all pairs of images of two classes.

    M[c, d] = mean of J(i, j) over i of class c, j of class d, i ≠ j. Every pair is visited once. Similarities
    are summed in fixed point, so that the result does not depend on the order, nor on the number of threads;
    each is within 2^-41 of its value (2^-35 for a million images). Memory stays at a copy of ``sets`` and a
    few MB a thread.

    Parameters
    ----------
    sets
        uint64 (N, ⌈C / 64⌉).
    labels
        int64 (N,).
    classes
        int64 (K,): the rows and columns of the result. Images of other classes are left out.
    threads
        How many threads share the pairs.

    Returns
    -------
    numpy.ndarray
        float32 (K, K), symmetric. A class of one image has no pair with itself: its diagonal is 1.

    Raises
    ------
    DatasetError
        If ``sets`` are not packed, shapes do not fit, or a class has no image.
    """
    packed = _packed(sets)
    rank, counts = _ranks(label_array(labels, len(packed)), np.asarray(classes, dtype=np.int64))
    sizes = set_sizes(packed)
    chosen = np.flatnonzero(rank >= 0)
    chosen = chosen[np.lexsort((sizes[chosen], rank[chosen]))]
    sums = _pair_sums(packed[chosen], sizes[chosen], rank[chosen], len(counts), threads)
    sums += sums.T
    pairs = np.multiply.outer(counts, counts).astype(np.float64)
    own = np.arange(len(counts))
    pairs[own, own] -= counts
    alone = counts == 1
    sums[own[alone], own[alone]] = pairs[own[alone], own[alone]] = 1.0
    return (sums / pairs).astype(np.float32)


def active_frequencies(
    sets: BitArray, labels: npt.ArrayLike, channels: int, threads: int = 1
) -> tuple[IntArray, IntArray]:
    """Return in how many active sets of each class each channel is.

    Parameters
    ----------
    sets
        uint64 (N, ⌈C / 64⌉).
    labels
        int64 (N,).
    channels
        C.
    threads
        How many threads share the classes.

    Returns
    -------
    classes
        int64 (K,): the labels that occur, ascending.
    counts
        int64 (K, C).

    Raises
    ------
    DatasetError
        If ``sets`` are not packed, or shapes do not fit.
    """
    packed = _packed(sets)
    if packed.shape[1] != -(-channels // 64):
        raise DatasetError(f"Active sets of {packed.shape[1]} words do not hold {channels:,} channels.")
    given = label_array(labels, len(packed))
    classes, images = np.unique(given, return_counts=True)
    counts = np.zeros((len(classes), channels), np.int64)
    _count(packed, given, images, counts, threads)
    return classes, counts


def expected_overlap(sets: BitArray, labels: npt.ArrayLike, threads: int = 1) -> FloatArray:
    """Return the Jaccard similarity at the expected intersection of two classes, in closed form.

    For images drawn independently from classes c and d the expected intersection of their active sets is
    E[I] = Σ_ch f[c, ch] · f[d, ch], with f the share of a class's images in which a channel is active (for
    c ≠ d this is exactly the mean over all pairs), and the expected size of a set is a_c = Σ_ch f[c, ch]; the
    result is E[I] / (a_c + a_d − E[I]). Where all sets have k channels this is E[I] / (2k − E[I]). As
    x / (2k − x) is convex, it then is at most the mean similarity (Jensen), and equal to it where all pairs
    overlap alike. It costs one K × K product of whole numbers instead of all pairs of images: both E[I] and
    the quotient are exact but for the last rounding. On the diagonal the two draws may be the same image.

    Parameters
    ----------
    sets
        uint64 (N, ⌈C / 64⌉).
    labels
        int64 (N,).
    threads
        How many threads share the classes.

    Returns
    -------
    numpy.ndarray
        float32 (K, K), of the labels that occur, ascending. Where all sets of two classes are empty, 1.

    Raises
    ------
    DatasetError
        If ``sets`` are not packed, or shapes do not fit.
    """
    from channelexplorer_dash.core.lanes import TILE
    from channelexplorer_dash.core.overlap_loops import write_overlap

    packed = _packed(sets)
    given = label_array(labels, len(packed))
    images = np.unique(given, return_counts=True)[1]
    K, channels = len(images), 64 * packed.shape[1]
    most = int(images.max())
    kind = np.int16 if most <= np.iinfo(np.int16).max else np.int32
    counts = aligned((-(-K // TILE) * TILE, channels), kind)
    sizes = _count(packed, given, images, counts, threads)
    # No sum of products is larger than the sets of one class times the images of another.
    if kind is np.int32 or most * int(sizes.max()) > np.iinfo(np.int32).max:
        wide = counts[:K].astype(np.float64)
        return _quotients(wide @ wide.T, np.multiply.outer(sizes, images))
    members, active = images.astype(np.float64), sizes.astype(np.float64)
    overlap = np.empty((K, K), np.float32)

    def write(part: slice) -> None:
        write_overlap(counts, members, active, part.start, part.stop, overlap)

    # The last classes have the most others before them.
    for _ in each(write, list(chunks(K, 1, _CLASSES))[::-1], threads):
        pass
    return overlap


def _quotients(shared: DoubleArray, sizes: IntArray) -> FloatArray:
    either = sizes + sizes.T - shared
    overlap: FloatArray = np.ones(shared.shape, np.float32)
    np.divide(shared, either, out=overlap, where=either > 0, casting="same_kind")
    return overlap


def _count(
    packed: BitArray, labels: IntArray, images: IntArray, counts: npt.NDArray[Any], threads: int
) -> IntArray:
    """Add in how many sets of each class each channel is; return how large these are together.

    ``images`` are those of each label that occurs; the counts are (at least classes, at most 64 · words).
    """
    from channelexplorer_dash.core.bitsets import active_counts

    order, starts = np.argsort(_narrow(labels), kind="stable"), np.concatenate([[0], np.cumsum(images)])

    def count(part: slice) -> IntArray:
        active_counts(packed, order, starts[part.start : part.stop + 1], counts[part])
        sizes: IntArray = counts[part].sum(axis=1, dtype=np.int64)
        return sizes

    return np.concatenate(list(each(count, list(chunks(len(images), 1, _CLASSES)), threads)))


def _narrow(labels: IntArray) -> npt.NDArray[np.integer[Any]]:
    """Return labels as 16 bits if they fit: NumPy sorts these by their digits, in a twentieth of the time."""
    fits = labels.min() >= 0 and labels.max() <= np.iinfo(np.uint16).max
    return labels.astype(np.uint16) if fits else labels


def _packed(sets: BitArray) -> BitArray:
    array = np.ascontiguousarray(sets)
    if array.ndim != 2 or 0 in array.shape or array.dtype != np.uint64:
        raise DatasetError(
            "Active sets must be packed: uint64, images × words of 64 channels, with at least one image; "
            f"these are {array.dtype} of shape {array.shape}."
        )
    # Numba compiles anew for arrays that may not be written, such as memory maps: these are always such.
    array = array.view(np.ndarray)
    array.flags.writeable = False
    return array


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


def _table(sizes: IntArray) -> tuple[DoubleArray, IntArray]:
    """Return all similarities that sets of these sizes may have, and where those of a + b begin, by a + b."""
    different = np.unique(sizes)
    totals = np.unique(np.add.outer(different, different))
    # At most half of a + b is shared.
    widths = totals // 2 + 1
    entries = np.full(totals[-1] + 1, -1)
    entries[totals] = np.cumsum(widths) - widths
    parts = []
    for total, width in zip(totals, widths, strict=True):
        shared = np.arange(width)
        parts.append(shared / (total - shared) if total else np.ones(1))
    return np.concatenate(parts), entries


def _planes(sizes: IntArray) -> BitArray:
    """Return room for counters up to the largest set: :func:`~channelexplorer_dash.core.lanes.add_rows`."""
    return np.empty((max(4, int(sizes.max()).bit_length()), 4), np.uint64)


def _pair_sums(sets: BitArray, sizes: IntArray, ranks: IntArray, K: int, threads: int) -> DoubleArray:
    """Sum J over all pairs of images i < j by class, with images sorted by class, then by size."""
    from channelexplorer_dash.core.bitsets import pair_sums

    n = len(sets)
    table, entries = _table(sizes)
    # A class of these rows and another one have at most _ROWS · n pairs.
    fraction = min(_FRACTION, 62 - (_ROWS * n).bit_length())
    fixed = np.rint(np.ldexp(table, fraction)).astype(np.int64)

    def add(part: slice) -> tuple[int, IntArray]:
        first = int(ranks[part.start])
        sums = np.zeros((int(ranks[part.stop - 1]) - first + 1, K), np.int64)
        pair_sums(sets, sizes, ranks, part.start, part.stop, fixed, entries, _planes(sizes), sums)
        return first, sums

    # In two halves, the lower of 32 bits: whole numbers are exact in any order, and any sum has room.
    high, low = np.zeros((K, K), np.int64), np.zeros((K, K), np.int64)
    for first, sums in each(add, list(chunks(n, 1, _ROWS)), threads):
        rows = slice(first, first + len(sums))
        high[rows] += sums >> 32
        low[rows] += sums & 0xFFFFFFFF
    return np.ldexp(np.ldexp(high.astype(np.float64), 32) + low, -fraction)
