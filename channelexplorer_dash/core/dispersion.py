"""Davies–Bouldin and Calinski–Harabasz: how wide the classes are, over how far their means are apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, not_finite, shaped
from channelexplorer_dash.core.classes import classes_of
from channelexplorer_dash.core.moments import ClassMoments, class_moments, pooled
from channelexplorer_dash.errors import DatasetError


def calinski_harabasz(moments: ClassMoments) -> float:
    """Return the Calinski–Harabasz index (1974), in closed form from the moments of the classes.

    [Σ_c n_c ‖μ_c − μ‖² / (K − 1)] / [Σ_c Σ_{x∈c} ‖x − μ_c‖² / (N − K)]: the multivariate ratio of the
    variation between the classes and within them. 1 where there is none within, as in scikit-learn.

    Raises
    ------
    DatasetError
        If there is one class only, or none with two images.
    """
    classes, images = len(moments.counts), int(moments.counts.sum())
    if classes < 2:
        raise DatasetError(
            "Calinski–Harabasz compares classes, and there is one only. Choose at least two classes."
        )
    if images == classes:
        raise DatasetError(
            "Calinski–Harabasz needs a class with two images; each has one. Choose more images of a class."
        )
    within = float(moments.m2.sum())
    _, mean, _ = pooled(moments)
    between = float(moments.counts @ np.square(moments.mean - mean).sum(axis=1))
    return between / (classes - 1) * (images - classes) / within if within > 0 else 1.0


def davies_bouldin(S: npt.ArrayLike, labels: npt.ArrayLike, moments: ClassMoments | None = None) -> float:
    """Return the Davies–Bouldin index (1979); lower is better.

    The mean over the classes c of max_{d≠c} (r_c + r_d) / ‖μ_c − μ_d‖, with r_c the mean Euclidean distance
    of the images of c to their mean μ_c. Classes of equal means are not compared with each other, and the
    index is 0 where all radii or all distances are 0, as in scikit-learn.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    moments
        :func:`~channelexplorer_dash.core.moments.class_moments` of S, where they are known already.

    Raises
    ------
    DatasetError
        If there is one class only, shapes do not fit, or S holds NaN or infinity.
    """
    values = shaped(S)
    classes = classes_of(labels, len(values), "Davies–Bouldin")
    known = class_moments(values, labels) if moments is None else moments
    distances = distances_to_own_mean(values, known, classes.ranks)
    if not np.isfinite(distances).all():
        raise not_finite(int((~np.isfinite(distances)).sum()), len(values))
    radii = np.bincount(classes.ranks, distances) / classes.counts
    apart = distances_between_means(known)
    # What scikit-learn takes for zero, too.
    if np.allclose(radii, 0) or np.allclose(apart, 0):
        return 0.0
    apart[apart == 0] = np.inf
    return float(((radii[:, None] + radii) / apart).max(axis=1).mean())


def distances_to_own_mean(
    values: npt.NDArray[np.float32], moments: ClassMoments, ranks: npt.NDArray[np.int64]
) -> DoubleArray:
    """Return ‖x − μ_c‖ of each image of class c, float64 (N,)."""
    from channelexplorer_dash.core.measure_loops import to_own_mean

    result = np.empty(len(values))
    to_own_mean(values, ranks, moments.mean, result)
    return result


def distances_between_means(moments: ClassMoments) -> DoubleArray:
    """Return ‖μ_c − μ_d‖ of each pair of classes, float64 (K, K), exactly 0 for equal means."""
    from channelexplorer_dash.core.measure_loops import between_rows

    centred = moments.mean - moments.mean.mean(axis=0)
    lengths = np.einsum("ij,ij->i", centred, centred)
    squared = lengths[:, None] + lengths - 2 * (centred @ centred.T)
    # Products cancel where means are close: these are measured by their difference.
    close = np.triu(squared <= 1e-4 * (lengths[:, None] + lengths), 1)
    first, second = np.nonzero(close)
    exact = np.empty(len(first))
    between_rows(moments.mean, first, second, exact)
    squared[first, second] = squared[second, first] = exact
    np.fill_diagonal(squared, 0.0)
    apart: DoubleArray = np.sqrt(np.maximum(squared, 0.0))
    return apart
