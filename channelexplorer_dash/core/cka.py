"""Linear CKA: how alike two layers place the same images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, chunks, matrix
from channelexplorer_dash.errors import DatasetError


def linear_cka(X: npt.ArrayLike, Y: npt.ArrayLike) -> float:
    """Return the linear centred kernel alignment of two layers (Kornblith et al. 2019).

    ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖) with Frobenius norms, every channel centred: 1 where one is a rotation and scaling
    of the other, near 0 where they have nothing in common. By N × N products where there are fewer images
    than channels, ⟨XXᵀ, YYᵀ⟩ / (‖XXᵀ‖ ‖YYᵀ‖).

    Parameters
    ----------
    X, Y
        float32 (N, C) and (N, D), of the same images in the same order.

    Returns
    -------
    float
        0 … 1; 0 where all images of a layer are equal.

    Raises
    ------
    DatasetError
        If the numbers of images differ, or there is NaN or infinity.
    """
    left, right = matrix(X), matrix(Y)
    if len(left) != len(right):
        raise DatasetError(f"Two layers are compared by the same images: {len(left):,} and {len(right):,}.")
    if len(left) <= max(left.shape[1], right.shape[1]):
        first, second = centred_gram(left), centred_gram(right)
        cross, sizes = float((first * second).sum()), (np.linalg.norm(first), np.linalg.norm(second))
    else:
        cross = float(np.square(_product(left, right)).sum())
        sizes = np.linalg.norm(_product(left, left)), np.linalg.norm(_product(right, right))
    whole = float(sizes[0]) * float(sizes[1])
    return min(cross / whole, 1.0) if whole > 0 else 0.0


def centred_gram(S: npt.ArrayLike) -> DoubleArray:
    """Return the inner products of the centred rows of S, float64 (N, N)."""
    values = matrix(S)
    gram = np.zeros((len(values), len(values)))
    for part in chunks(values.shape[1], 8 * len(values)):
        block = values[:, part].astype(np.float64)
        # From the first image, so that a constant channel has exactly 0.
        block -= block[0].copy()
        block -= block.mean(axis=0)
        gram += block @ block.T
    return gram


def _product(left: FloatArray, right: FloatArray) -> DoubleArray:
    """Return XᵀY of centred channels, float64 (C, D)."""
    first, second = _means(left), _means(right)
    product = np.zeros((left.shape[1], right.shape[1]))
    for part in chunks(len(left), 8 * max(left.shape[1], right.shape[1])):
        product += (left[part] - first).T @ (right[part] - second)
    return product


def _means(values: FloatArray) -> DoubleArray:
    """Return the mean of each channel, exactly its value where it has only one."""
    total = np.zeros(values.shape[1])
    for part in chunks(len(values), 8 * values.shape[1]):
        total += np.subtract(values[part], values[0], dtype=np.float64).sum(axis=0)
    mean: DoubleArray = values[0] + total / len(values)
    return mean
