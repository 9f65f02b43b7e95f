"""Summaries: one number per image and channel, from an activation map.

These are the plain NumPy forms of the names in :data:`channelexplorer_dash.choices.Summary`, in double
precision, against which the forms that run on the device are checked. ``l2`` is what the ChannelExplorer
paper names (arXiv 2505.04647, section on activation summaries); ``spectral`` is what its program computes
under that name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray
from channelexplorer_dash.errors import DatasetError, unknown_name


def summarise(activation: npt.NDArray[Any], summary: str) -> FloatArray:
    r"""Reduce every activation map to one number.

    With a[p] the map of one image and channel at positions p = 1 … P:

    - ``l2``: √Σ a²;  ``rms``: √(Σ a² / P);  ``mean``: Σ a / P;  ``max_abs``: max \|a\|
    - ``active_fraction``: share of p with a > 0
    - ``p90``: 90th percentile of \|a\|, between neighbouring values linearly (NumPy's default)
    - ``above_mean``: share of p with \|a\| above the mean of \|a\|
    - ``above_otsu``: share of p with \|a\| above Otsu's threshold of \|a\| (:func:`otsu_share`)
    - ``spectral``: the largest singular value of the H × W map

    Parameters
    ----------
    activation
        (B, C, P), or (B, C, H, W), which ``spectral`` needs and the others read as P = H·W.
    summary
        One of the names above.

    Returns
    -------
    numpy.ndarray
        float32 (B, C). NaN and infinity pass through as they do in the formula.

    Raises
    ------
    UnknownNameError
        If there is no such summary.
    DatasetError
        If the activation has another shape, or no position.
    """
    maps = np.asarray(activation, dtype=np.float64)
    if summary != "spectral" and summary not in _FORMULAS:
        raise unknown_name("summary", summary, [*_FORMULAS, "spectral"])
    if maps.ndim != 4 and (summary == "spectral" or maps.ndim != 3):
        wanted = (
            "(images, channels, height, width)" if summary == "spectral" else "(images, channels, positions)"
        )
        raise DatasetError(f"The summary {summary!r} needs maps of shape {wanted}; these have {maps.shape}.")
    if 0 in maps.shape[2:]:
        raise DatasetError(f"These activation maps have no position to summarise: shape {maps.shape}.")
    if summary == "spectral":
        result: DoubleArray = np.linalg.norm(maps, ord=2, axis=(-2, -1))
    else:
        result = _FORMULAS[summary](maps.reshape(*maps.shape[:2], -1))
    return result.astype(np.float32)


def otsu_share(values: DoubleArray) -> DoubleArray:
    """Return the share of values above Otsu's threshold, along the last axis.

    Otsu (1979) chooses the threshold with the largest between-class variance w₀w₁(μ₀ − μ₁)². Here every
    split between two sorted values is tried, without a histogram: a 7 × 7 map has too few positions for
    one. Of equally good splits the lowest counts; a constant map has no value above its threshold.

    Parameters
    ----------
    values
        float64 (..., P), not negative.

    Returns
    -------
    numpy.ndarray
        float64 (...).
    """
    ordered = np.sort(values, axis=-1)
    size = ordered.shape[-1]
    if size == 1:
        return np.zeros(values.shape[:-1])
    lower = np.arange(1, size)
    below = np.cumsum(ordered, axis=-1)
    total = below[..., -1:]
    # w0·w1·(mu0 - mu1)² = (S0 - lower·mean)² / (lower·upper), both sides times P²
    between = (below[..., :-1] - lower * (total / size)) ** 2 / (lower * (size - lower))
    split = np.argmax(between, axis=-1)
    threshold = np.take_along_axis(ordered, split[..., None], axis=-1)
    share: DoubleArray = (ordered > threshold).mean(axis=-1)
    return share


def _above_mean(maps: DoubleArray) -> DoubleArray:
    size = np.abs(maps)
    share: DoubleArray = (size > size.mean(axis=-1, keepdims=True)).mean(axis=-1)
    return share


_FORMULAS: dict[str, Callable[[DoubleArray], Any]] = {
    "l2": lambda a: np.sqrt(np.square(a).sum(axis=-1)),
    "rms": lambda a: np.sqrt(np.square(a).mean(axis=-1)),
    "mean": lambda a: a.mean(axis=-1),
    "max_abs": lambda a: np.abs(a).max(axis=-1),
    "active_fraction": lambda a: (a > 0).mean(axis=-1),
    "p90": lambda a: np.percentile(np.abs(a), 90, axis=-1),
    "above_mean": _above_mean,
    "above_otsu": lambda a: otsu_share(np.abs(a)),
}
