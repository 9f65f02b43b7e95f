"""Channels: the statistics per channel that the heatmap's rows are sorted by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.core.moments import ClassMoments, pooled
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class ChannelStatistics:
    """One number per channel under each sorting, all float64 (C,); see :func:`channel_statistics`."""

    variance: DoubleArray
    pairwise: DoubleArray
    count: DoubleArray


def channel_statistics(moments: ClassMoments, active: IntArray) -> ChannelStatistics:
    """Return the numbers that the heatmap's channels are sorted by, in closed form.

    The sortings of ChannelExplorer (arXiv 2505.04647), with class frequencies in place of counts so that
    classes may differ in size:

    - ``variance``: Σ (s − mean)² / N over all images
    - ``pairwise``: Σ over class pairs of |μ_c − μ_d|, which of the ascending class means μ_(0) … μ_(K−1) is
      Σ_r (2r − K + 1) · μ_(r)
    - ``count``: Σ over class pairs of |f_c − f_d|, f the share of a class's images with the channel active

    Parameters
    ----------
    moments
        Of the normalised S (:func:`~channelexplorer_dash.core.moments.normalised_moments`).
    active
        int64 (K, C): images of each class whose active set holds the channel.

    Raises
    ------
    DatasetError
        If the shapes do not fit.
    """
    if active.shape != moments.mean.shape:
        raise DatasetError(f"Active counts of {active.shape} do not fit moments of {moments.mean.shape}.")
    total, _, m2 = pooled(moments)
    constant = moments.minimum.min(axis=0) == moments.maximum.max(axis=0)
    return ChannelStatistics(
        variance=np.where(constant, 0.0, m2 / total),
        pairwise=pair_differences(moments.mean),
        count=pair_differences(active / moments.counts[:, None]),
    )


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
