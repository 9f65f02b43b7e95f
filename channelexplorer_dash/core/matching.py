"""Channels of two layers matched with each other by how they respond to the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, chunks, matrix
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class Matching:
    """Channels of two layers, one to one, the most alike first.

    Attributes
    ----------
    first, second
        int64 (m,): a channel of each layer.
    correlation
        float64 (m,), −1 … 1: of their values over the images.
    """

    first: IntArray
    second: IntArray
    correlation: DoubleArray


def correlations(A: npt.ArrayLike, B: npt.ArrayLike) -> DoubleArray:
    """Return Pearson's correlation of every channel of A with every channel of B.

    Parameters
    ----------
    A, B
        float32 (N, C) and (N, D), of the same images in the same order. Read in chunks.

    Returns
    -------
    numpy.ndarray
        float64 (C, D), −1 … 1; 0 for a channel that does not vary.

    Raises
    ------
    DatasetError
        If the numbers of images differ, or there is NaN or infinity.
    """
    left, right = matrix(A), matrix(B)
    if len(left) != len(right):
        raise DatasetError(f"Two layers are compared by the same images: {len(left):,} and {len(right):,}.")
    first, second = _Standard(left), _Standard(right)
    product = np.zeros((left.shape[1], right.shape[1]))
    for part in chunks(len(left), 8 * max(left.shape[1], right.shape[1])):
        product += first.rows(part).T @ second.rows(part)
    return np.clip(product, -1.0, 1.0)


def match_channels(A: npt.ArrayLike, B: npt.ArrayLike, *, positive: bool = False) -> Matching:
    """Match channels one to one, so that their correlations sum to as much as possible.

    The linear assignment problem on |r| (or on r, with ``positive``), as Li et al. 2015 (Convergent
    Learning) match the units of two networks; solved by :func:`scipy.optimize.linear_sum_assignment`. Where
    one layer has more channels, some of these stay without a partner. Channels that do not vary have none.

    Parameters
    ----------
    A, B
        float32 (N, C) and (N, D), of the same images in the same order.
    positive
        Whether a channel that falls where another one rises is no match for it.

    Returns
    -------
    Matching
        At most min(C, D) pairs, by falling |r| (or r), of equal ones the lower channel of A first.

    Raises
    ------
    DatasetError
        If the numbers of images differ, or there is NaN or infinity.
    """
    from scipy.optimize import linear_sum_assignment

    found = correlations(A, B)
    varies = found.any(axis=1), found.any(axis=0)
    alive = np.flatnonzero(varies[0]), np.flatnonzero(varies[1])
    worth = (found if positive else np.abs(found))[np.ix_(*alive)]
    rows, columns = linear_sum_assignment(worth, maximize=True)
    order = np.argsort(-worth[rows, columns], kind="stable")
    first, second = alive[0][rows[order]], alive[1][columns[order]]
    return Matching(first.astype(np.int64), second.astype(np.int64), found[first, second])


class _Standard:
    """The rows of S with every channel centred and of length 1, made chunk by chunk."""

    def __init__(self, S: FloatArray) -> None:
        self._values = S
        self._first = S[0].astype(np.float64)
        # From the first image, so that a constant channel has exactly 0.
        self._mean = np.zeros(S.shape[1])
        parts = list(chunks(len(S), 8 * S.shape[1]))
        total = np.zeros(S.shape[1])
        for part in parts:
            total += (S[part] - self._first).sum(axis=0)
        self._mean = total / len(S)
        squares = np.zeros(S.shape[1])
        for part in parts:
            squares += np.square(S[part] - self._first - self._mean).sum(axis=0)
        self._factor = np.divide(1.0, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)

    def rows(self, part: slice) -> DoubleArray:
        centred: DoubleArray = (self._values[part] - self._first - self._mean) * self._factor
        return centred
