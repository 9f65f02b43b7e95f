"""Moments of every class and channel: what the closed-form measures need, without a second look at S."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, label_array
from channelexplorer_dash.core.normalise import METHODS, Scaling
from channelexplorer_dash.errors import DatasetError, SelectionError, unknown_name


@dataclass(frozen=True)
class ClassMoments:
    """Count, mean, squared distances to it, and extremes, per class and channel.

    Attributes
    ----------
    classes
        int64 (K,): the labels that occur, ascending.
    counts
        int64 (K,): images of each class, all above 0.
    mean
        float64 (K, C): mean over a class's images.
    m2
        float64 (K, C): Σ (s − mean)² over a class's images; exactly 0 where they have one value.
    minimum, maximum
        float32 (K, C): over a class's images.
    """

    classes: IntArray
    counts: IntArray
    mean: DoubleArray
    m2: DoubleArray
    minimum: FloatArray
    maximum: FloatArray

    @property
    def sums(self) -> DoubleArray:
        """Σ s of each class, float64 (K, C): n · mean."""
        return self.counts[:, None] * self.mean

    @property
    def squares(self) -> DoubleArray:
        """Σ s² of each class, float64 (K, C): M2 + n · mean². Prefer ``m2`` where the mean is large."""
        return self.m2 + self.counts[:, None] * self.mean**2


class MomentsAccumulator:
    """Moments of rows of S that come one block after the other.

    The same rows in the same order give the same bits, however they are cut into blocks.

    Parameters
    ----------
    classes
        int64 (K,): every label that may come, ascending.
    channels
        C, at least 1.
    """

    def __init__(self, classes: IntArray, channels: int) -> None:
        shape = (len(classes), channels)
        self._classes = classes
        self._counts = np.zeros(len(classes), np.int64)
        self._mean, self._m2 = np.zeros(shape), np.zeros(shape)
        self._minimum = np.full(shape, np.inf, np.float32)
        self._maximum = np.full(shape, -np.inf, np.float32)

    def add(self, values: FloatArray, labels: IntArray, rows: IntArray | None = None) -> None:
        """Add rows of S, in order; rows that are all NaN (images left out) are skipped.

        Parameters
        ----------
        values
            float32 (N, C), C order; not copied, so that it may be mapped from a file.
        labels
            int64 (n,): the label of each row that is added.
        rows
            int64 (n,): which rows, or None for all of them.

        Raises
        ------
        DatasetError
            If a label is not among the classes.
        """
        from channelexplorer_dash.core.moment_loops import add_rows

        ranks = np.searchsorted(self._classes, labels)
        if len(ranks) and (
            ranks.max() >= len(self._classes) or not np.array_equal(self._classes[ranks], labels)
        ):
            raise DatasetError("A label is not among the classes whose moments are taken.")
        add_rows(
            np.asarray(values),
            np.arange(len(values)) if rows is None else rows,
            ranks,
            self._counts,
            self._mean,
            self._m2,
            self._minimum,
            self._maximum,
        )

    def moments(self) -> ClassMoments:
        """Return the moments of the classes that came.

        Raises
        ------
        DatasetError
            If a row held NaN or infinity among numbers.
        """
        if not np.isfinite(self._m2).all():
            raise DatasetError(
                "The activation summary holds NaN or infinity. "
                "Leave these images out, or replace the values (numpy.nan_to_num)."
            )
        arrays = (self._classes, self._counts, self._mean, self._m2, self._minimum, self._maximum)
        came = self._counts > 0
        return ClassMoments(*(arrays if came.all() else (array[came] for array in arrays)))


def class_moments(
    S: npt.NDArray[np.float32], labels: npt.ArrayLike, images: IntArray | None = None
) -> ClassMoments:
    """Return the moments of some rows of S, in one pass over them.

    Parameters
    ----------
    S
        float32 (N, C), C order; may be mapped from a file, and is not copied. Rows that are all NaN are
        skipped.
    labels
        int64 (n,): the label of each of the ``images``.
    images
        int64 (n,): rows of S; None for all of them.

    Raises
    ------
    DatasetError
        If shapes do not fit, an image is not a row of S, or S holds NaN or infinity among numbers.
    """
    if S.ndim != 2 or S.dtype != np.float32 or S.shape[1] == 0:
        raise DatasetError(
            f"Moments are taken of a float32 matrix of images × channels; this is {S.dtype} of {S.shape}."
        )
    rows = None if images is None else np.asarray(images, np.int64)
    if rows is not None and len(rows) and not (rows.min() >= 0 and rows.max() < len(S)):
        raise DatasetError(f"The images of a sample must be rows 0 … {len(S) - 1:,} of the summary.")
    given = label_array(labels, len(S) if rows is None else len(rows))
    accumulator = MomentsAccumulator(np.unique(given), S.shape[1])
    accumulator.add(S, given, rows)
    return accumulator.moments()


def chosen(moments: ClassMoments, classes: Iterable[int]) -> ClassMoments:
    """Return the moments of some classes alone.

    Raises
    ------
    SelectionError
        If none of them occurs.
    """
    kept = np.isin(moments.classes, np.fromiter(classes, np.int64))
    if not kept.any():
        raise SelectionError("None of the chosen classes has an image. Choose others.")
    if kept.all():
        return moments
    return ClassMoments(
        moments.classes[kept],
        moments.counts[kept],
        moments.mean[kept],
        moments.m2[kept],
        moments.minimum[kept],
        moments.maximum[kept],
    )


def pooled(moments: ClassMoments) -> tuple[int, DoubleArray, DoubleArray]:
    """Return count, mean (C,) and M2 (C,) over all classes together.

    T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", 1979: M2 = Σ_k M2_k + Σ_k n_k (mean_k − mean)².
    """
    total = int(moments.counts.sum())
    # The mean as a distance from the first class's, so that a constant channel has exactly its value.
    reference = moments.mean[0]
    mean = reference + moments.counts @ (moments.mean - reference) / total
    between = moments.counts @ (moments.mean - mean) ** 2
    return total, mean, moments.m2.sum(axis=0) + between


def normalised_moments(moments: ClassMoments, scaling: Scaling) -> ClassMoments:
    """Return the moments of S as a normalisation per channel makes it, in closed form.

    Parameters
    ----------
    moments
        Of S as it is.
    scaling
        Of a method that treats each channel by itself: any but ``image_l1``, whose moments have to be taken
        of the normalised rows.
    """
    shift, scale = scaling.shift, scaling.scale
    return ClassMoments(
        classes=moments.classes,
        counts=moments.counts,
        mean=(moments.mean - shift) * scale,
        m2=moments.m2 * scale**2,
        minimum=((moments.minimum - shift) * scale).astype(np.float32),
        maximum=((moments.maximum - shift) * scale).astype(np.float32),
    )


def scaling_of(moments: ClassMoments, method: str) -> Scaling:
    """Return what a normalisation takes from all images: :func:`~.normalise.fit_scaling` in closed form.

    Parameters
    ----------
    moments
        Of every image that takes part.
    method
        One of ``normalise.METHODS``.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    """
    if method not in METHODS:
        raise unknown_name("normalisation", method, list(METHODS))
    low = moments.minimum.min(axis=0).astype(np.float64)
    high = moments.maximum.max(axis=0).astype(np.float64)
    shift, spread = np.zeros_like(low), np.ones_like(low)
    if method == "minmax":
        shift, spread = low, high - low
    elif method == "zscore":
        total, shift, m2 = pooled(moments)
        spread = np.sqrt(m2 / total)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    return Scaling(method, shift, scale, low == high)
