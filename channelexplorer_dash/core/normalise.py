"""Normalisation of the activation summary, and the channels that are dead in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, chunks, matrix, shaped
from channelexplorer_dash.errors import unknown_name

METHODS = ("none", "minmax", "zscore", "image_l1")


@dataclass(frozen=True)
class Scaling:
    """A normalisation as fitted to a summary, to be applied to any of its rows.

    Attributes
    ----------
    method
        One of :data:`METHODS`.
    shift, scale
        float64 (C,): a channel's value becomes (s − shift) · scale; scale is 0 for a dead channel under
        ``minmax`` and ``zscore``.
    dead
        bool (C,): channels of one value over all images.
    """

    method: str
    shift: DoubleArray
    scale: DoubleArray
    dead: BoolArray


def fit_scaling(S: npt.ArrayLike, method: str) -> Scaling:
    """Fit a normalisation to an activation summary.

    - ``none``: S itself
    - ``minmax``: (s − min_c) / (max_c − min_c) per channel, as ChannelExplorer (arXiv 2505.04647) does
      before it takes active sets
    - ``zscore``: (s − mean_c) / std_c per channel, std over all images (divided by N)
    - ``image_l1``: s / Σ_c |s| per image, which needs no fitting

    Parameters
    ----------
    S
        float32 (N, C).
    method
        One of the names above.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    DatasetError
        If S is not a matrix, is empty, or holds NaN or infinity.
    """
    if method not in METHODS:
        raise unknown_name("normalisation", method, list(METHODS))
    values = matrix(S)
    channels = values.shape[1]
    shift, scale = np.zeros(channels), np.ones(channels)
    if method == "minmax":
        shift, scale = _minmax(values)
    elif method == "zscore":
        shift, scale = _zscore(values)
    return Scaling(method, shift, scale, dead_channels(values))


def apply_scaling(rows: npt.ArrayLike, scaling: Scaling) -> FloatArray:
    """Normalise rows of a summary as :func:`fit_scaling` found it.

    Where the divisor is 0 (a dead channel, an image of zeros) the result is 0, never NaN.

    Parameters
    ----------
    rows
        float32 (n, C).
    scaling
        Fitted to the whole summary.

    Returns
    -------
    numpy.ndarray
        float32 (n, C); for ``none`` the rows themselves, not a copy of them.

    Raises
    ------
    DatasetError
        If the rows are not a matrix, are empty, or hold NaN or infinity.
    """
    values = matrix(rows)
    if scaling.method == "none":
        return values
    result = np.empty_like(values)
    for part in _double_chunks(values):
        block = values[part].astype(np.float64)
        if scaling.method == "image_l1":
            size = np.abs(block).sum(axis=1, keepdims=True)
            np.divide(block, size, out=block, where=size > 0)
        else:
            block -= scaling.shift
            block *= scaling.scale
        result[part] = block
    return result


def normalise(S: npt.ArrayLike, method: str) -> FloatArray:
    """Normalise an activation summary: :func:`fit_scaling`, then :func:`apply_scaling`.

    One image alone has only dead channels.

    Parameters
    ----------
    S
        float32 (N, C).
    method
        One of :data:`METHODS`.

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
    return apply_scaling(S, fit_scaling(S, method))


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


def _double_chunks(values: FloatArray) -> list[slice]:
    return list(chunks(len(values), 8 * values.shape[1]))


def _minmax(values: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    low = values.min(axis=0).astype(np.float64)
    span = values.max(axis=0) - low
    return low, _inverse(span)


def _zscore(values: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    parts = _double_chunks(values)
    low = values.min(axis=0).astype(np.float64)
    # Sums are taken of the distance to the minimum, so that a constant channel gives exactly 0.
    mean = sum(np.subtract(values[p], low, dtype=np.float64).sum(axis=0) for p in parts) / len(values) + low
    squares = np.zeros(values.shape[1])
    for part in parts:
        centred = np.subtract(values[part], mean, dtype=np.float64)
        squares += np.einsum("ij,ij->j", centred, centred)
    return mean, _inverse(np.sqrt(squares / len(values)))


def _inverse(scale: DoubleArray) -> DoubleArray:
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
