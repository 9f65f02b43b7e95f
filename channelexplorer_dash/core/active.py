"""Active sets: the most active channels of each image."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, chunks, matrix, top_mask
from channelexplorer_dash.core.normalise import dead_channels
from channelexplorer_dash.errors import DatasetError, SelectionError


def active_count(C: int, top_fraction: float) -> int:
    """Return k = ⌈top_fraction · C⌉, the size of an active set.

    The fraction counts as the decimal number that it is written as: 0.07 of 100 channels are 7, though
    0.07 * 100 is 7.000000000000001 in floating point.

    Raises
    ------
    SelectionError
        If the fraction is not above 0 and at most 1.
    """
    if not 0.0 < top_fraction <= 1.0:
        raise SelectionError("The active share must be above 0 and at most 1.")
    return math.ceil(Fraction(str(float(top_fraction))) * C)


def active_sets(
    S: npt.ArrayLike, top_fraction: float, dead: npt.NDArray[np.bool_] | None = None
) -> BoolArray:
    """Return the active set of each image: its k = ⌈top_fraction · C⌉ largest channels.

    Of equal values the lower channel index comes first. Dead channels are never in a set, so that a set
    is smaller than k where fewer channels than k are alive.

    Parameters
    ----------
    S
        float32 (N, C), normalised.
    top_fraction
        Above 0, at most 1.
    dead
        bool (C,): :func:`~channelexplorer_dash.core.normalise.dead_channels` of all images that take part.
        By default that of ``S``; hand it in where ``S`` is only a part of them (a single image has nothing
        but dead channels), or was normalised per image.

    Returns
    -------
    numpy.ndarray
        bool (N, C).

    Raises
    ------
    DatasetError
        If S is not a matrix, is empty, or holds NaN or infinity, or if ``dead`` is of another length.
    SelectionError
        If the fraction is out of range.
    """
    values = matrix(S)
    n, channels = values.shape
    k = active_count(channels, top_fraction)
    gone = dead_channels(values) if dead is None else np.asarray(dead, dtype=np.bool_)
    if gone.shape != (channels,):
        raise DatasetError(f"There must be one dead mark per channel: {channels}, not {gone.shape}.")
    live = np.flatnonzero(~gone)
    active = np.zeros((n, channels), np.bool_)
    if not len(live):
        return active
    for part in chunks(n, 4 * channels):
        if len(live) == channels:
            active[part] = top_mask(values[part], k)
        else:
            active[part, live] = top_mask(values[part][:, live], min(k, len(live)))
    return active
