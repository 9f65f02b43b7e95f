"""The ridge probe: how well a linear map reads the classes off a layer, each image left out in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray, chunks, matrix
from channelexplorer_dash.core.centroids import precision
from channelexplorer_dash.core.classes import Classes, classes_of
from channelexplorer_dash.core.normalise import normalise

# Penalties that are tried, in units of the mean squared singular value.
PENALTIES = 10.0 ** np.arange(-6.0, 4.5, 0.5)


@dataclass(frozen=True)
class RidgeProbe:
    """A ridge probe with each image left out in turn.

    Attributes
    ----------
    right
        bool (N,): the largest of the image's left-out scores is that of its own class.
    predicted
        int64 (N,): the label of that score; of equal ones the lower label.
    penalty
        λ, as chosen by generalised cross-validation.
    """

    right: BoolArray
    predicted: IntArray
    penalty: float

    @property
    def accuracy(self) -> float:
        """Share of images that are right, 0 … 1."""
        return float(self.right.mean())


def ridge_probe(S: npt.ArrayLike, labels: npt.ArrayLike, penalty: float | None = None) -> RidgeProbe:
    """Fit one ridge regression per class to its indicator, and predict each image from all others.

    On X, S with every channel scaled to mean 0 and standard deviation 1 (a dead channel 0), and centred
    indicators Y, the fitted scores are HY with H = X (XᵀX + λ)⁻¹ Xᵀ. With the intercept, which is not
    penalised, the score of an image from a fit without it is y − (y − ŷ) / (1 − h − 1/N) for its entry h of
    H's diagonal (Allen 1974): exact, for the scaling of all images, and without any further fit. λ is the one
    of ``PENALTIES`` · ‖X‖² / rank with the least generalised cross-validation error ‖Y − HY‖² /
    (N − tr H − 1)² (Golub, Heath and Wahba 1979). All is done in the eigenvectors of the smaller of XᵀX
    and XXᵀ.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    penalty
        λ, above 0; None to choose it.

    Returns
    -------
    RidgeProbe
        With one class every image is right; an image that is alone in its class never is, and neither is
        a single image.

    Raises
    ------
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    classes = classes_of(labels, len(values))
    n = len(values)
    if len(classes) == 1 or n == 1:
        return RidgeProbe(np.full(n, n > 1), classes.labels[classes.ranks], 0.0)
    scaled = normalise(values, "zscore")
    basis = _Basis(scaled, classes)
    chosen = basis.choose() if penalty is None else penalty
    predicted = basis.left_out(chosen)
    # Where nothing is known of a class without the image, equal scores are not to be its luck.
    right = (predicted == classes.ranks) & (classes.counts[classes.ranks] > 1)
    return RidgeProbe(right, classes.labels[predicted], chosen)


class _Basis:
    """Orthonormal columns U with X Xᵀ = U diag(s) Uᵀ, kept as what it takes to make any rows of U."""

    def __init__(self, scaled: FloatArray, classes: Classes) -> None:
        n, channels = scaled.shape
        self._scaled, self._classes = scaled, classes
        self._kind = precision(scaled, n * channels * min(n, channels))
        self._share = classes.counts / n
        self._wide = channels >= n
        gram = self._gram()
        squares, vectors = np.linalg.eigh(gram)
        # Directions in which the images do not vary, but for rounding.
        kept = squares > squares[-1] * max(n, channels) * np.finfo(self._kind).eps
        kept &= squares > 0
        self._squares = squares[kept]
        self._vectors = vectors[:, kept]
        if not self._wide:
            self._vectors = self._vectors / np.sqrt(self._squares)
        self._projected = self._targets()

    def _gram(self) -> DoubleArray:
        n, channels = self._scaled.shape
        size = min(n, channels)
        gram = np.zeros((size, size))
        if self._wide:
            for part in chunks(channels, 8 * n):
                block = self._scaled[:, part].astype(self._kind)
                gram += block @ block.T
        else:
            for part in chunks(n, 8 * channels):
                block = self._scaled[part].astype(self._kind, copy=False)
                gram += block.T @ block
        return gram

    def _rows(self, part: slice) -> npt.NDArray[Any]:
        """Return rows of U, (B, r)."""
        if self._wide:
            return self._vectors[part]
        return self._scaled[part].astype(self._kind, copy=False) @ self._vectors.astype(self._kind)

    def _parts(self) -> list[slice]:
        n, channels = self._scaled.shape
        return list(chunks(n, 8 * max(channels, len(self._squares), len(self._classes))))

    def _targets(self) -> DoubleArray:
        """Return Uᵀ Y, float64 (r, K); Y is centred, but U's columns are, so that this changes nothing."""
        found = np.zeros((len(self._classes), len(self._squares)))
        for part in self._parts():
            rows = self._rows(part)
            ranks = self._classes.ranks[part]
            order = np.argsort(ranks, kind="stable")
            present, starts = np.unique(ranks[order], return_index=True)
            found[present] += np.add.reduceat(rows[order].astype(np.float64), starts, axis=0)
        return found.T

    def choose(self) -> float:
        """Return the penalty with the least generalised cross-validation error."""
        n = self._scaled.shape[0]
        if not len(self._squares):
            return 1.0
        energy = np.square(self._projected).sum(axis=1)
        counts = self._classes.counts
        total = float((counts * (1 - self._share)).sum())
        candidates = PENALTIES * self._squares.mean()
        errors = []
        for candidate in candidates:
            shrunk = self._squares / (self._squares + candidate)
            residual = total - energy.sum() + ((1 - shrunk) ** 2 * energy).sum()
            free = n - 1 - shrunk.sum()
            errors.append(residual / free**2 if free > 1e-9 * n else np.inf)
        return float(candidates[int(np.argmin(errors))])

    def left_out(self, penalty: float) -> IntArray:
        """Return the class of the largest left-out score of each image, int64 (N,)."""
        n = self._scaled.shape[0]
        shrunk = self._squares / (self._squares + penalty)
        weights = (shrunk[:, None] * self._projected).astype(self._kind)
        predicted = np.empty(n, np.int64)
        for part in self._parts():
            rows = self._rows(part)
            ranks = self._classes.ranks[part]
            at = np.arange(len(ranks))
            fitted = (rows @ weights).astype(np.float64) + self._share
            leverage = np.square(rows, dtype=np.float64) @ shrunk + 1 / n
            gap = np.maximum(1 - leverage, np.finfo(np.float64).eps)[:, None]
            indicator = np.zeros_like(fitted)
            indicator[at, ranks] = 1.0
            predicted[part] = np.argmax(indicator - (indicator - fitted) / gap, axis=1)
        return predicted
