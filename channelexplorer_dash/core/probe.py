"""A linear probe of an activation summary, with every image predicted by a fit to all the others.

Ridge regression of the one-hot labels on the standardised channels, with a free intercept. With the hat
matrix H = 11ᵀ/N + X (XᵀX + λI)⁻¹ Xᵀ (X centred), the prediction of image i by the fit without it is (ŷ_i −
h_ii y_i) / (1 − h_ii), exactly (Allen 1974; Golub, Heath and Wahba 1979). One eigen-decomposition of the
smaller of XᵀX and XXᵀ serves every λ and every image, instead of N fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import (
    BoolArray,
    DoubleArray,
    FloatArray,
    IntArray,
    chunks,
    label_array,
    matrix,
)
from channelexplorer_dash.core.normalise import Scaling, fit_scaling
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.errors import SelectionError

PENALTIES = tuple(10.0**power for power in range(-5, 2))
"""Penalties that are tried, each as a multiple of N: a standardised channel has Σ x² = N."""

# Images whose error decides between the penalties: more of them would not change the choice.
_JUDGES = 4096


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
        As for :func:`loo_ridge_scores`; 0 where nothing is fitted.
    """

    right: BoolArray
    predicted: IntArray
    penalty: float

    @property
    def accuracy(self) -> float:
        """Share of images that are right, 0 … 1."""
        return float(self.right.mean())


def loo_ridge_scores(S: npt.ArrayLike, labels: npt.ArrayLike, penalty: float | None = None) -> DoubleArray:
    """Return each class's score of each image by a ridge probe that was fitted without that image.

    Channels are standardised over all images (which uses no label); dead channels take no part. The penalty
    is λ = ``penalty`` · N. By default it is the one of :data:`PENALTIES` with the least squared leave-one-out
    error over at most 4,096 images, drawn stratified. Memory beyond S and the result: the smaller Gram
    matrix, twice, and chunks.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    penalty
        Above 0; None to choose it.

    Returns
    -------
    numpy.ndarray
        float64 (N, K), a column for each label that occurs, ascending. About 1 for the class that an image
        looks like and about 0 for the others; rows add up to 1. A single image, which nothing predicts, has
        zeros.

    Raises
    ------
    SelectionError
        If the penalty is not above 0.
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    classes, codes, _ = _coded(labels, len(values), penalty)
    scores = np.zeros((len(values), len(classes)))
    if len(values) == 1:
        return scores
    basis, chosen = _fitted(values, codes, len(classes), penalty)
    for part, rows in basis.parts(values):
        scores[part] = basis.left_out(rows, codes[part], chosen)
    return scores


def ridge_probe(S: npt.ArrayLike, labels: npt.ArrayLike, penalty: float | None = None) -> RidgeProbe:
    """Predict each image by the probe that was fitted without it: its class of :func:`loo_ridge_scores`.

    Parameters
    ----------
    S, labels, penalty
        As for :func:`loo_ridge_scores`.

    Returns
    -------
    RidgeProbe
        With one class every image is right; an image that is alone in its class never is, and neither is
        a single image.

    Raises
    ------
    SelectionError, DatasetError
        As :func:`loo_ridge_scores`.
    """
    values = matrix(S)
    classes, codes, counts = _coded(labels, len(values), penalty)
    if len(classes) == 1 or len(values) == 1:
        return RidgeProbe(np.full(len(values), len(values) > 1), classes[codes], 0.0)
    basis, chosen = _fitted(values, codes, len(classes), penalty)
    best = np.empty(len(values), np.int64)
    for part, rows in basis.parts(values):
        best[part] = np.argmax(basis.left_out(rows, codes[part], chosen), axis=1)
    # Where nothing is known of a class without the image, equal scores are not to be its luck.
    return RidgeProbe((best == codes) & (counts[codes] > 1), classes[best], chosen)


def _coded(labels: npt.ArrayLike, n: int, penalty: float | None) -> tuple[IntArray, IntArray, IntArray]:
    """Return the labels that occur, each image's position among them, and how many images have each."""
    if penalty is not None and not penalty > 0:
        raise SelectionError("The probe's penalty must be above 0.")
    classes, codes, counts = np.unique(label_array(labels, n), return_inverse=True, return_counts=True)
    return classes, codes, counts


def _fitted(values: FloatArray, codes: IntArray, K: int, penalty: float | None) -> tuple[_Basis, float]:
    basis = _basis(values, codes, K)
    return basis, _least_error(basis, values, codes) if penalty is None else penalty


@dataclass(frozen=True)
class _Basis:
    """The eigen-decomposition of the smaller Gram matrix.

    Attributes
    ----------
    axes
        float64 (C, r): directions of the channels, by which a standardised image has its coordinates; or
        (N, r), the coordinates themselves.
    squares
        float64 (r,): the sum of squares along each axis, above 0.
    projected
        float64 (r, K): coordinates of all images times the one-hot labels.
    shares
        float64 (K,): of the images that have the label.
    scaling
        How images are standardised; None where ``axes`` are the coordinates.
    """

    axes: DoubleArray
    squares: DoubleArray
    projected: DoubleArray
    shares: DoubleArray
    images: int
    scaling: Scaling | None

    def parts(self, values: FloatArray) -> Iterator[tuple[slice, DoubleArray]]:
        """Yield coordinates of some images after others, float64 (n, r)."""
        for part in chunks(self.images, 16 * max(values.shape[1], len(self.shares))):
            yield part, self.coordinates(values, np.arange(part.start, part.stop))

    def coordinates(self, values: FloatArray, rows: IntArray) -> DoubleArray:
        """Return the coordinates of images by their rows, float64 (n, r)."""
        if self.scaling is None:
            return self.axes[rows]
        found: DoubleArray = _standardised(values[rows], self.scaling) @ self.axes
        return found

    def left_out(self, rows: DoubleArray, codes: IntArray, penalty: float) -> DoubleArray:
        """Return the predictions of images, each by the fit without it, float64 (n, K)."""
        shrunk = 1 / (self.squares + penalty * self.images)
        fitted: DoubleArray = rows @ (shrunk[:, None] * self.projected) + self.shares
        leverage = np.square(rows) @ shrunk + 1 / self.images
        fitted[np.arange(len(rows)), codes] -= leverage
        fitted /= (1 - leverage)[:, None]
        return fitted


def _basis(values: FloatArray, codes: IntArray, K: int) -> _Basis:
    scaling = fit_scaling(values, "zscore")
    N, C = values.shape
    counts = np.bincount(codes, minlength=K)
    parts = list(chunks(N, 16 * C))
    if C <= N:
        gram, sums = np.zeros((C, C)), np.zeros((C, K))
        for part in parts:
            block = _standardised(values[part], scaling)
            gram += block.T @ block
            _add_by_class(sums, block, codes[part])
        squares, axes = _positive(gram)
        return _Basis(axes, squares, axes.T @ sums, counts / N, N, scaling)
    gram = np.zeros((N, N))
    for part in chunks(C, 16 * N):
        some = Scaling("zscore", scaling.shift[part], scaling.scale[part], scaling.dead[part])
        block = _standardised(values[:, part], some)
        gram += block @ block.T
    squares, axes = _positive(gram)
    axes *= np.sqrt(squares)
    sums = np.zeros((axes.shape[1], K))
    _add_by_class(sums, axes, codes)
    return _Basis(axes, squares, sums, counts / N, N, None)


def _add_by_class(sums: DoubleArray, block: DoubleArray, codes: IntArray) -> None:
    """Add the rows of each class to its column of ``sums``."""
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    sums[:, present] += np.add.reduceat(block[order], starts, axis=0).T


def _standardised(block: FloatArray, scaling: Scaling) -> DoubleArray:
    centred: DoubleArray = np.subtract(block, scaling.shift, dtype=np.float64)
    centred *= scaling.scale
    return centred


def _positive(gram: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return the eigenvalues of a Gram matrix that are above 0 but for rounding, and their vectors."""
    squares, axes = np.linalg.eigh(gram)
    kept = squares > max(squares[-1], 0.0) * len(squares) * np.finfo(np.float64).eps
    return squares[kept], np.ascontiguousarray(axes[:, kept])


def _least_error(basis: _Basis, values: FloatArray, codes: IntArray) -> float:
    """Return the penalty whose leave-one-out predictions have the least squared error."""
    judges = stratified(codes, _JUDGES, 0)
    errors = np.zeros(len(PENALTIES))
    for part in chunks(len(judges), 16 * max(values.shape[1], len(basis.shares))):
        some = judges[part]
        rows = basis.coordinates(values, some)
        for position, penalty in enumerate(PENALTIES):
            found = basis.left_out(rows, codes[some], penalty)
            found[np.arange(len(some)), codes[some]] -= 1
            errors[position] += np.square(found).sum()
    return PENALTIES[int(np.argmin(errors))]
