"""The inner loop of ranks and bins, compiled. Imported by the engine when it needs it: numba is heavy."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.compiled import compiled


@compiled
def rank_and_bin(
    values: FloatArray,
    order: IntArray,
    members: IntArray,
    bins: int,
    sums: DoubleArray,
    information: DoubleArray,
) -> None:
    """Add up the ranks of each class, and take the mutual information of bins and classes.

    Parameters
    ----------
    values
        float32 (B, N): channels × images.
    order
        int64 (B, N): each channel's images by ascending value.
    members
        int64 (N,): the class of each image, 0 … K − 1.
    bins
        Equally full bins; equal values share one.
    sums
        float64 (B, K), zeros: gets the ranks' sums; ranks are from 1, and equal values have their mean rank.
    information
        float64 (B,): gets the mutual information in bits, corrected after Miller and Madow.
    """
    images = values.shape[1]
    classes = sums.shape[1]
    of_class = np.zeros(classes, np.int64)
    for image in range(images):
        of_class[members[image]] += 1
    joint = np.zeros((bins, classes), np.int64)
    for channel in range(values.shape[0]):
        joint[:] = 0
        first = 0
        while first < images:
            value = values[channel, order[channel, first]]
            last = first + 1
            while last < images and values[channel, order[channel, last]] == value:
                last += 1
            rank = 0.5 * (first + last + 1)
            cell = first * bins // images
            for position in range(first, last):
                member = members[order[channel, position]]
                sums[channel, member] += rank
                joint[cell, member] += 1
            first = last
        bits = 0.0
        filled = 0
        bins_filled = 0
        for cell in range(bins):
            size = joint[cell].sum()
            if size == 0:
                continue
            bins_filled += 1
            for member in range(classes):
                count = joint[cell, member]
                if count > 0:
                    filled += 1
                    bits += count * np.log2(count * images / (size * of_class[member]))
        bias = (bins_filled + classes - filled - 1) / (2.0 * np.log(2.0))
        information[channel] = max(0.0, (bits + bias) / images)
