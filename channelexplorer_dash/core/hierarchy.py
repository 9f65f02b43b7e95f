"""Hierarchy of classes: average linkage on one minus their similarity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.errors import DatasetError


def class_linkage(similarity: npt.ArrayLike) -> DoubleArray:
    """Return the average linkage (UPGMA; Sokal and Michener 1958) of the distances 1 − similarity.

    Parameters
    ----------
    similarity
        float (K, K), symmetric; the diagonal is not read.

    Returns
    -------
    numpy.ndarray
        float64 (K − 1, 4) in SciPy's form; (0, 4) for a single class.

    Raises
    ------
    DatasetError
        If the matrix is not square, is empty, or holds NaN or infinity.
    """
    from scipy.cluster.hierarchy import linkage

    values = np.asarray(similarity, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not len(values):
        raise DatasetError(f"Class similarities must be a square matrix; these have shape {values.shape}.")
    above = np.triu_indices(len(values), 1)
    # Float32 similarities may be off by their last bit, on either side of the diagonal or of 1.
    distances = np.maximum(1.0 - (values[above] + values.T[above]) / 2, 0.0)
    if not np.isfinite(distances).all():
        raise DatasetError("Class similarities hold NaN or infinity: a class without images has none.")
    if not len(distances):
        return np.zeros((0, 4))
    tree: DoubleArray = linkage(distances, method="average")
    return tree


def leaf_order(linkage: npt.NDArray[np.float64], K: int) -> IntArray:
    """Return the positions of the K classes in the order of the tree's leaves, left to right.

    Parameters
    ----------
    linkage
        float64 (K − 1, 4): :func:`class_linkage`.
    K
        Number of classes.

    Returns
    -------
    numpy.ndarray
        int64 (K,): a permutation of 0 … K − 1.

    Raises
    ------
    DatasetError
        If the linkage is not of K classes.
    """
    from scipy.cluster.hierarchy import leaves_list

    if np.shape(linkage) != (max(K - 1, 0), 4):
        raise DatasetError(f"A linkage of shape {np.shape(linkage)} is not one of {K} classes.")
    if K < 2:
        return np.arange(K, dtype=np.int64)
    return np.asarray(leaves_list(linkage), dtype=np.int64)
