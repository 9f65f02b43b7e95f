"""Checks and chunking that every function of the core shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.errors import DatasetError

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
BitArray = npt.NDArray[np.uint64]

T = TypeVar("T")

# Bytes of one temporary array. Several stand beside each other, so that a function stays within a few
# hundred MB beyond its input and its result.
CHUNK_BYTES = 64 * 2**20

# Entries a group when the largest few of a long row are looked for.
_FOLDS = 16


def chunks(n: int, row_bytes: int, limit: int = CHUNK_BYTES) -> Iterator[slice]:
    """Yield slices that cover 0 … n-1, each of about ``limit`` bytes at ``row_bytes`` a row."""
    step = max(1, limit // max(1, row_bytes))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def each(work: Callable[[slice], T], parts: Sequence[slice], threads: int) -> Iterator[T]:
    """Yield ``work(part)`` of each part in their order, from several threads where ``work`` frees the GIL."""
    if threads == 1:
        yield from map(work, parts)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(work, parts)
    finally:
        pool.shutdown(cancel_futures=True)


def matrix(S: npt.ArrayLike) -> FloatArray:
    """Return S as float32 (N, C), without a copy where it is float32 already.

    Raises
    ------
    DatasetError
        If S is not a matrix, has no image or no channel, or holds NaN or infinity.
    """
    array = shaped(S)
    # NaN runs through both, so that no boolean array of the size of S is needed.
    if not (np.isfinite(array.min()) and np.isfinite(array.max())):
        bad = sum(int((~np.isfinite(array[part])).any(axis=1).sum()) for part in chunks(*array.shape))
        raise not_finite(bad, len(array))
    return array


def not_finite(bad: int, n: int) -> DatasetError:
    """Return the error for a summary of ``n`` images, ``bad`` of which hold NaN or infinity."""
    return DatasetError(
        f"The activation summary of {bad:,} of {n:,} images holds NaN or infinity. "
        "Leave these images out, or replace the values (numpy.nan_to_num)."
    )


def shaped(S: npt.ArrayLike) -> FloatArray:
    """Return S as float32 (N, C) as :func:`matrix` does, without looking for NaN or infinity."""
    with np.errstate(over="ignore"):
        array: FloatArray = np.asarray(S, dtype=np.float32)
    if array.ndim != 2 or 0 in array.shape:
        raise DatasetError(
            "An activation summary must be a matrix of images × channels with at least one of each; "
            f"this one has the shape {array.shape}."
        )
    return array


def label_array(labels: npt.ArrayLike, n: int) -> IntArray:
    """Return labels as int64 (n,).

    Raises
    ------
    DatasetError
        If there is not exactly one integer per image.
    """
    array: npt.NDArray[Any] = np.asarray(labels)
    if array.shape != (n,):
        raise DatasetError(f"There must be one label per image: {n:,} images, labels of shape {array.shape}.")
    if array.dtype.kind not in "iub":
        raise DatasetError(f"Labels must be integers; these are {array.dtype}.")
    return array.astype(np.int64, copy=False)


def top_mask(block: FloatArray, k: int) -> BoolArray:
    """Mark the ``k`` largest entries of each row; of equal ones the first.

    Parameters
    ----------
    block
        float32 (B, C) without NaN.
    k
        1 … C.

    Returns
    -------
    numpy.ndarray
        bool (B, C) with exactly ``k`` marks in each row.
    """
    if k >= block.shape[1]:
        return np.ones(block.shape, np.bool_)
    threshold = _kth_largest(block, k)
    mask: BoolArray = block >= threshold
    # Only rows in which ties reach over the edge of the set need the slower count.
    tied = np.flatnonzero(np.count_nonzero(mask, axis=1) > k)
    for part in chunks(len(tied), 8 * block.shape[1]):
        rows = tied[part]
        above = block[rows] > threshold[rows]
        ties = mask[rows] & ~above
        room = k - np.count_nonzero(above, axis=1)
        mask[rows] = above | (ties & (np.cumsum(ties, axis=1) <= room[:, None]))
    return mask


def _kth_largest(block: FloatArray, k: int) -> FloatArray:
    """Return the k-th largest entry of each row of (B, C), as (B, 1)."""
    n, width = block.shape
    stretch = width // _FOLDS
    if stretch < 4 * k:
        return np.partition(block, width - k, axis=1)[:, [width - k]]
    # For few of many: the k-th largest of the maxima of disjoint groups is a bound that only a few entries
    # beside the k largest reach, found at a fraction of the cost of ordering the whole row.
    peaks = block[:, : stretch * _FOLDS].reshape(n, _FOLDS, stretch).max(axis=1)
    hits = np.flatnonzero(block >= _kth_largest(peaks, k))
    rows = hits // width
    counts = np.bincount(rows, minlength=n)
    few = np.full((n, counts.max()), -np.inf, np.float32)
    few[rows, np.arange(len(hits)) - (np.cumsum(counts) - counts)[rows]] = block.ravel()[hits]
    return np.partition(few, few.shape[1] - k, axis=1)[:, [few.shape[1] - k]]
