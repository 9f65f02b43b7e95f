"""Normalisation of the activation summary, and the channels that are dead in it."""

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
    matrix,
    shaped,
)
from channelexplorer_dash.errors import DatasetError, unknown_name

METHODS = ("none", "minmax", "zscore", "image_l1")


@dataclass(frozen=True)
class Scaling:
    """What :func:`normalise` takes from all images, so that a few of them can be normalised alone.

    Attributes
    ----------
    method
        One of ``METHODS``.
    shift, scale
        float64 (C,): the result is (s − shift) · scale; the scale of a dead channel is 0. Zeros and ones
        for ``none`` and ``image_l1``, which take nothing from other images.
    dead
        bool (C,): :func:`dead_channels`.
    """

    method: str
    shift: DoubleArray
    scale: DoubleArray
    dead: BoolArray


def normalise(S: npt.ArrayLike, method: str) -> FloatArray:
    """Normalise an activation summary.

    - ``none``: S itself, not a copy of it
    - ``minmax``: (s − min_c) / (max_c − min_c) per channel, as ChannelExplorer (arXiv 2505.04647) does
      before it takes active sets
    - ``zscore``: (s − mean_c) / std_c per channel, std over all images (divided by N)
    - ``image_l1``: s / Σ_c |s| per image

    Where the divisor is 0 (a dead channel, an image of zeros) the result is 0, never NaN. One image alone
    has only dead channels.

    Parameters
    ----------
    S
        float32 (N, C).
    method
        One of the names above.

    Returns
    -------
    numpy.ndarray
        float32 (N, C).

    Raises
    ------
    UnknownNameError
        If there is no such method.
    DatasetError
        If S is not a matrix, is empty, or holds NaN or infinity.
    """
    values = matrix(S)
    return _scaled(values, _fit(values, method))


def fit_scaling(S: npt.ArrayLike, method: str) -> Scaling:
    """Return what the normalisation of these images takes from them all.

    Parameters
    ----------
    S
        float32 (N, C): every image that takes part.
    method
        One of ``METHODS``.

    Raises
    ------
    UnknownNameError, DatasetError
        As :func:`normalise`.
    """
    return _fit(matrix(S), method)


def apply_scaling(S: npt.ArrayLike, scaling: Scaling) -> FloatArray:
    """Normalise some of the images as :func:`normalise` does with all of them, to the last bit.

    Parameters
    ----------
    S
        float32 (n, C).
    scaling
        :func:`fit_scaling` of all images.

    Returns
    -------
    numpy.ndarray
        float32 (n, C); ``S`` itself for ``none``.

    Raises
    ------
    DatasetError
        As :func:`normalise`, or if the number of channels differs.
    """
    values = matrix(S)
    if values.shape[1] != len(scaling.shift):
        raise DatasetError(
            f"The normalisation is of {len(scaling.shift)} channels; these images have {values.shape[1]}."
        )
    return _scaled(values, scaling)


def dead_channels(S: npt.ArrayLike) -> BoolArray:
    """Return which channels are dead: of one value over all images.

    Parameters
    ----------
    S
        float32 (N, C). A channel with NaN is not dead.

    Returns
    -------
    numpy.ndarray
        bool (C,).
    """
    values = shaped(S)
    dead: BoolArray = values.min(axis=0) == values.max(axis=0)
    return dead


def image_sizes(values: FloatArray, images: IntArray) -> DoubleArray:
    """Return Σ_c |s| of some images, what ``image_l1`` divides them by.

    Parameters
    ----------
    values
        float32 (N, C).
    images
        int64 (n,): rows of ``values``.

    Returns
    -------
    numpy.ndarray
        float64 (n,).
    """
    sizes = np.empty(len(images))
    for part in chunks(len(images), 8 * values.shape[1]):
        sizes[part] = np.abs(values[images[part]].astype(np.float64)).sum(axis=1)
    return sizes


def _fit(values: FloatArray, method: str) -> Scaling:
    if method not in METHODS:
        raise unknown_name("normalisation", method, list(METHODS))
    low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
    if method == "minmax":
        shift, scale = low, _inverse(high - low)
    elif method == "zscore":
        shift, scale = _zscore(values, low)
    else:
        shift, scale = np.zeros_like(low), np.ones_like(low)
    return Scaling(method, shift, scale, low == high)


def _zscore(values: FloatArray, low: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    parts = list(chunks(len(values), 8 * values.shape[1]))
    mean, squares = low.copy(), np.zeros_like(low)
    for part in parts:
        # Summed as the distance to the minimum, so that a constant channel has exactly its value as mean.
        mean += np.subtract(values[part], low, dtype=np.float64).sum(axis=0) / len(values)
    for part in parts:
        centred = np.subtract(values[part], mean, dtype=np.float64)
        squares += np.einsum("ij,ij->j", centred, centred)
    return mean, _inverse(np.sqrt(squares / len(values)))


def _inverse(scale: DoubleArray) -> DoubleArray:
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)


def _scaled(values: FloatArray, scaling: Scaling) -> FloatArray:
    if scaling.method == "none":
        return values
    result = np.empty_like(values)
    for part in chunks(len(values), 8 * values.shape[1]):
        if scaling.method == "image_l1":
            block = values[part].astype(np.float64)
            size = np.abs(block).sum(axis=1, keepdims=True)
            np.divide(block, size, out=block, where=size > 0)
        else:
            block = np.subtract(values[part], scaling.shift, dtype=np.float64)
            block *= scaling.scale
        result[part] = block
    return result
