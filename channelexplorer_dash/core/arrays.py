"""Checks and chunking that every function of the core shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.interrupt import come_up_for_air
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
# Bytes of a line of the cache, and of the widest vector.
_LINE = 64


def chunks(n: int, row_bytes: int, limit: int = CHUNK_BYTES) -> Iterator[slice]:
    """Yield slices that cover 0 … n-1, each of about ``limit`` bytes at ``row_bytes`` a row.

    Between two of them the work may be interrupted (:mod:`channelexplorer_dash.core.interrupt`).
    """
    step = max(1, limit // max(1, row_bytes))
    for start in range(0, n, step):
        come_up_for_air()
        yield slice(start, min(start + step, n))


def each(work: Callable[[slice], T], parts: Sequence[slice], threads: int) -> Iterator[T]:
    """Yield ``work(part)`` of each part in their order, from several threads where ``work`` frees the GIL."""
    if threads == 1:
        for part in parts:
            come_up_for_air()
            yield work(part)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        for result in pool.map(work, parts):
            come_up_for_air()
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return zeros that begin where a line of the cache does: a vector that lies across two costs both."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + _LINE, np.uint8)
    begin = -room.ctypes.data % _LINE
    return room[begin : begin + size].view(dtype).reshape(shape)


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
