"""Measures from the distances of every image to every class mean: one product of N × C with C × K."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray, chunks, matrix
from channelexplorer_dash.core.classes import Classes, classes_of
from channelexplorer_dash.core.moments import ClassMoments, class_moments

# Products up to which double precision costs nothing that anybody notices.
DOUBLE_PRODUCTS = 2 * 10**9
# Magnitudes whose squares single precision holds.
_SMALLEST, _LARGEST = 1e-12, 1e15
# Images and means in one product: a block of so many bytes stands beside a few of its kind.
_BLOCK_BYTES = 32 * 2**20
# Relative distance within which single precision cannot tell the nearer of two means.
_TIE = 1e-4


@dataclass(frozen=True)
class CentroidMeasures:
    """What the distances to the class means tell.

    Attributes
    ----------
    classes
        int64 (K,): the labels that occur, ascending.
    right
        bool (N,): the nearest class mean is the own one (Tibshirani et al. 2002, without shrinkage; of
        equally near ones the lower label).
    right_left_out
        bool (N,): the same, the own mean taken without the image. An image that is alone in its class is
        never right.
    silhouette
        float64 (N,): silhouette with squared Euclidean distances (:func:`centroid_measures`); 0 in a class of
        one image, and all 0 where there is one class.
    pairs
        float32 (K, K): entry (c, d) is the balanced accuracy with which the two classes alone are told
        apart by the nearer of their two means, each image left out of its own; symmetric, 1 on the diagonal.
    """

    classes: IntArray
    right: BoolArray
    right_left_out: BoolArray
    silhouette: DoubleArray
    pairs: FloatArray


def centroid_measures(
    S: npt.ArrayLike, labels: npt.ArrayLike, moments: ClassMoments | None = None
) -> CentroidMeasures:
    """Return the measures that need each image's distance to each class mean, and nothing else of S.

    With μ_c the mean of the n_c images of class c and W_c = Σ ‖y − μ_c‖² / n_c over them:

    - the mean without the image itself is at ‖x − μ_c^(−x)‖ = n_c / (n_c − 1) · ‖x − μ_c‖;
    - the mean squared distance to the images of another class is ‖x − μ_c‖² + W_c, to those of the own class
      n_c / (n_c − 1) · (‖x − μ_c‖² + W_c): the silhouette (b − a) / max(a, b) of Rousseeuw 1987 follows
      without any pair of images (as in Hruschka, de Castro and Campello 2004).

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
        If shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    classes = classes_of(labels, len(values))
    known = class_moments(values, labels) if moments is None else moments
    spread = known.m2.sum(axis=1) / known.counts
    n, k = len(values), len(classes)
    right, left_out = np.empty(n, np.bool_), np.empty(n, np.bool_)
    silhouette = np.zeros(n)
    nearer = np.zeros((k, k))
    for part, squared in squared_to_means(values, known, classes):
        ranks, at = classes.ranks[part], np.arange(part.stop - part.start)
        own = squared[at, ranks]
        right[part] = np.argmin(squared, axis=1) == ranks
        size = classes.counts[ranks].astype(np.float64)
        grown = np.divide(size, size - 1, out=np.full_like(size, np.inf), where=size > 1)
        alone = size == 1
        without = np.where(alone, np.inf, own * np.where(alone, 1.0, grown) ** 2)
        silhouette[part] = _silhouette(squared, spread, ranks, own, grown, alone)
        # Of equally near means the lower label is chosen, as above.
        lower = np.arange(k)[None, :] < ranks[:, None]
        beaten = np.where(lower, without[:, None] < squared, without[:, None] <= squared)
        beaten[at, ranks] = True
        left_out[part] = beaten.all(axis=1) & ~alone
        np.add.at(nearer, ranks, beaten)
    share = nearer / classes.counts[:, None]
    pairs = ((share + share.T) / 2).astype(np.float32)
    return CentroidMeasures(classes.labels, right, left_out, silhouette, pairs)


def _silhouette(
    squared: DoubleArray,
    spread: DoubleArray,
    ranks: IntArray,
    own: DoubleArray,
    grown: DoubleArray,
    alone: BoolArray,
) -> DoubleArray:
    """Return the silhouettes of some images, from their squared distances to the means."""
    a = np.where(alone, 0.0, (own + spread[ranks]) * np.where(alone, 0.0, grown))
    others = squared + spread
    others[np.arange(len(ranks)), ranks] = np.inf
    b = others.min(axis=1)
    return silhouette_of(a, b, alone | ~np.isfinite(b))


def silhouette_of(a: DoubleArray, b: DoubleArray, undefined: BoolArray) -> DoubleArray:
    """Return (b − a) / max(a, b); 0 where it is not defined, or where both are 0."""
    largest = np.maximum(a, np.where(undefined, 0.0, b))
    return np.divide(
        np.where(undefined, 0.0, b - a), largest, out=np.zeros_like(a), where=(largest > 0) & ~undefined
    )


def precision(values: FloatArray, products: int) -> type[np.floating[Any]]:
    """Return the type of the products: double where they are few, or where single precision cannot hold them.

    Parameters
    ----------
    values
        S, float32 (N, C).
    products
        Multiplications in all.
    """
    largest = max(abs(float(values.max())), abs(float(values.min())))
    few = products <= DOUBLE_PRODUCTS
    return np.float64 if few or not _SMALLEST < largest < _LARGEST else np.float32


def squared_to_means(
    values: FloatArray, moments: ClassMoments, classes: Classes
) -> Iterator[tuple[slice, DoubleArray]]:
    """Yield, for rows of S in order, the squared Euclidean distances to all means: float64 (B, K).

    Small problems are measured in double precision. Else products are of single precision, on values that
    are centred; the distance to the own mean, and those that are as near as the nearest to 1 part in 10⁴,
    are then measured again in double precision.
    """
    centre = moments.counts @ moments.mean / moments.counts.sum()
    means = moments.mean - centre
    kind = precision(values, values.size * len(means))
    right = np.ascontiguousarray(means.T.astype(kind))
    lengths = np.einsum("ij,ij->i", means, means)
    for part in chunks(len(values), 8 * max(values.shape[1], len(means)), _BLOCK_BYTES):
        rows = np.subtract(values[part], centre, dtype=np.float64)
        squared = (rows.astype(kind, copy=False) @ right).astype(np.float64, copy=False)
        squared *= -2
        squared += lengths
        squared += np.einsum("ij,ij->i", rows, rows)[:, None]
        _measure_again(rows, means, classes.ranks[part], squared)
        yield part, squared


def _measure_again(rows: DoubleArray, means: DoubleArray, ranks: IntArray, squared: DoubleArray) -> None:
    """Replace what has cancelled, and what decides which mean is the nearest, by exact differences."""
    exact = rows - means[ranks]
    squared[np.arange(len(rows)), ranks] = np.einsum("ij,ij->i", exact, exact)
    nearest = squared.min(axis=1)
    lengths = np.einsum("ij,ij->i", rows, rows)
    near = squared <= (nearest + _TIE * (nearest + lengths))[:, None]
    near[np.arange(len(rows)), ranks] = False
    which, mean = np.nonzero(near)
    for part in chunks(len(which), 8 * rows.shape[1]):
        exact = rows[which[part]] - means[mean[part]]
        squared[which[part], mean[part]] = np.einsum("ij,ij->i", exact, exact)
