"""Hubness: whether a few images are among the neighbours of very many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray, matrix
from channelexplorer_dash.core.neighbours import nearest_neighbours

NEIGHBOURS = 10


def occurrences(S: npt.ArrayLike, k: int = NEIGHBOURS, metric: str = "cosine") -> IntArray:
    """Return of how many other images each image is among the k nearest, int64 (N,).

    Parameters
    ----------
    S
        float32 (N, C).
    k
        At least 1; at most N − 1 count.
    metric
        ``cosine`` or ``euclidean``.

    Raises
    ------
    UnknownNameError, SelectionError, DatasetError
        As :func:`~channelexplorer_dash.core.neighbours.nearest_neighbours`.
    """
    values = matrix(S)
    near = nearest_neighbours(values, k, metric).indices
    return np.bincount(near.ravel(), minlength=len(values)).astype(np.int64)


def hubness(counts: npt.ArrayLike) -> float:
    """Return the skewness of :func:`occurrences` (Radovanović, Nanopoulos and Ivanović 2010).

    E[(N_k − mean)³] / std³ over the images: 0 where all are neighbours equally often, large where hubs are
    the neighbours of most; 0, too, where the counts do not differ.

    Parameters
    ----------
    counts
        int64 (N,).
    """
    known = np.asarray(counts, np.float64)
    off = known - known.mean()
    variance = float(np.square(off).mean())
    return float((off**3).mean()) / variance**1.5 if variance > 0 else 0.0
