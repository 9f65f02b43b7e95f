"""The inner loop of the class moments, compiled. Imported by the engine when it needs it: numba is heavy."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.compiled import compiled


@compiled
def add_rows(
    values: FloatArray,
    rows: IntArray,
    ranks: IntArray,
    counts: IntArray,
    mean: DoubleArray,
    m2: DoubleArray,
    minimum: FloatArray,
    maximum: FloatArray,
) -> None:
    """Add rows of S to the moments of their classes, one after the other, by Welford's recurrence.

    B. P. Welford, "Note on a method for calculating corrected sums of squares and products",
    Technometrics 4(3), 1962: with d = s − mean, mean += d / n and M2 += d · (s − mean).

    Parameters
    ----------
    values
        float32 (N, C), C order; may be mapped from a file.
    rows
        int64 (n,): which rows, in this order.
    ranks
        int64 (n,): the row of the moments that each belongs to.
    counts, mean, m2, minimum, maximum
        int64 (K,), float64 (K, C) twice, float32 (K, C) twice: changed in place.
    """
    channels = values.shape[1]
    for position in range(len(rows)):
        row = values[rows[position]]
        # An image that could not be read is a row of NaN; NaN among numbers is a mistake and stays visible.
        if np.isnan(row[0]) and np.isnan(row).all():
            continue
        rank = ranks[position]
        counts[rank] += 1
        share = 1.0 / counts[rank]
        class_mean, class_m2 = mean[rank], m2[rank]
        low, high = minimum[rank], maximum[rank]
        for channel in range(channels):
            value = row[channel]
            low[channel] = min(low[channel], value)
            high[channel] = max(high[channel], value)
            distance = value - class_mean[channel]
            class_mean[channel] += distance * share
            class_m2[channel] += distance * (value - class_mean[channel])
