"""Hierarchy of classes: average linkage, the parts a class falls into, and the groups that classes form."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, label_array
from channelexplorer_dash.errors import DatasetError

SUBCLASS_IMAGES = 3
"""A class of fewer images is not split."""
SUBCLASS_SHARE = 0.1
"""A class is split where more than this share of its images is in each of several clusters."""


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
    return linkage_of(1.0 - np.asarray(similarity, dtype=np.float64))


def linkage_of(distances: npt.ArrayLike) -> DoubleArray:
    """Return the average linkage (UPGMA; Sokal and Michener 1958) of distances between classes.

    Parameters
    ----------
    distances
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

    values = np.asarray(distances, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not len(values):
        raise DatasetError(f"Class similarities must be a square matrix; these have shape {values.shape}.")
    above = np.triu_indices(len(values), 1)
    # Float32 similarities may be off by their last bit, on either side of the diagonal or of 1.
    between = np.maximum((values[above] + values.T[above]) / 2, 0.0)
    if not np.isfinite(between).all():
        raise DatasetError("Class similarities hold NaN or infinity: a class without images has none.")
    if not len(between):
        return np.zeros((0, 4))
    tree: DoubleArray = linkage(between, method="average")
    return tree


def centroid_distances(centroids: npt.ArrayLike) -> DoubleArray:
    """Return the Euclidean distances between class means, float64 (K, K).

    Parameters
    ----------
    centroids
        float (K, C).
    """
    means = np.asarray(centroids, dtype=np.float64)
    # One row at a time: a (K, K, C) array of a thousand classes would take gigabytes.
    return np.stack([np.linalg.norm(means - mean, axis=1) for mean in means])


def subclasses(labels: npt.ArrayLike, clusters: IntArray) -> IntArray:
    """Return the cluster that stands for each image's part of its class, −1 where the class stays whole.

    A class splits where it has at least three images and more than one cluster holds over 10 % of them: each
    such cluster makes a subclass. Images in smaller clusters go to the largest of these parts (the first of
    equal ones), so that the parts make up the class. The rule is ChannelExplorer's (arXiv 2505.04647).

    Parameters
    ----------
    labels
        int (N,).
    clusters
        int64 (N,): 0 … k−1.

    Returns
    -------
    numpy.ndarray
        int64 (N,).

    Raises
    ------
    DatasetError
        If there is not one label for each image.
    """
    found = label_array(labels, len(clusters))
    part = np.full(len(found), -1, np.int64)
    for label in np.unique(found):
        own = np.flatnonzero(found == label)
        sizes = np.bincount(clusters[own])
        large = np.flatnonzero(sizes > SUBCLASS_SHARE * len(own))
        if len(own) >= SUBCLASS_IMAGES and len(large) > 1:
            part[own] = np.where(np.isin(clusters[own], large), clusters[own], sizes.argmax())
    return part


def superclasses(linkage: npt.NDArray[np.float64], K: int) -> tuple[int, ...]:
    """Return the nodes of the tree that are superclasses: what is joined below the widest gap of heights.

    The tree is cut in the middle of the largest difference between one merge and the next (of equal ones the
    highest), and every group of at least two classes below the cut is a superclass. None for fewer than three
    classes, and where all are joined at one height.

    Parameters
    ----------
    linkage
        float64 (K − 1, 4).
    K
        Number of classes.

    Returns
    -------
    tuple of int
        Ascending, as SciPy numbers nodes: K + i is row i of the linkage.

    Raises
    ------
    DatasetError
        If the linkage is not of K classes.
    """
    if np.shape(linkage) != (max(K - 1, 0), 4):
        raise DatasetError(f"A linkage of shape {np.shape(linkage)} is not one of {K} classes.")
    heights = linkage[:, 2]
    gaps = np.diff(heights)
    if not len(gaps) or gaps.max() <= 1e-12 * heights[-1]:
        return ()
    last = len(gaps) - 1 - int(gaps[::-1].argmax())
    upper = linkage[last + 1 :, :2].astype(np.int64).ravel()
    return tuple(sorted(int(node) for node in upper if K <= node <= K + last))


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
