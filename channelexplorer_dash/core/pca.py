"""Principal components: deterministic, with fixed signs; iterated where S is large."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, chunks, shaped
from channelexplorer_dash.core.krylov import leading_directions
from channelexplorer_dash.core.normalise import Scaling, apply_scaling
from channelexplorer_dash.errors import DatasetError

# Multiply-adds of the covariance up to which it is formed in double precision.
_DOUBLE_WORK = 2e10
# Beyond that the directions are iterated, if there are so many times more channels than components.
ITERATED = 8
# Rows that a first guess of the directions is taken from.
_SAMPLE = 5000
# A block that stays in the processor's cache between the two products that it takes part in.
_BLOCK_BYTES = 2 * 2**20
# Distances from the mean between which float32 products neither overflow nor vanish.
_COMFORTABLE = 1e15

Block = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Components:
    """Principal components of some images, and what places other images among them.

    Attributes
    ----------
    scores
        float64 (n, count).
    mean
        float64 (C,): of the normalised images.
    loadings
        float64 (C, count): orthonormal columns; zeros where the images do not vary.
    """

    scores: DoubleArray
    mean: DoubleArray
    loadings: DoubleArray

    def place(self, values: npt.ArrayLike) -> DoubleArray:
        """Return the scores of other images, normalised as those that the components were taken from.

        Parameters
        ----------
        values
            float32 (m, C): ``apply_scaling`` of their rows, where the components are of a scaling.

        Returns
        -------
        numpy.ndarray
            float64 (m, count).

        Raises
        ------
        DatasetError
            If ``values`` is not a matrix, or the number of channels differs.
        """
        others = shaped(values)
        if others.shape[1] != len(self.mean):
            raise DatasetError(
                f"The components are of {len(self.mean)} channels; these images have {others.shape[1]}."
            )
        return np.concatenate(
            [(others[part] - self.mean) @ self.loadings for part in chunks(len(others), 8 * others.shape[1])]
        )


def principal_components(
    S: npt.ArrayLike, count: int, scaling: Scaling | None = None, images: IntArray | None = None
) -> Components:
    """Return the first principal components (Pearson 1901; Hotelling 1933).

    The eigenvectors of the covariance, or of the n × n Gram matrix where there are fewer images than
    channels. Where these would cost more than iterating, the leading eigenvectors are found by a block Krylov
    iteration (:func:`~channelexplorer_dash.core.krylov.leading_directions`), until the first two components
    have converged. The sign of a component is such that its loading of largest magnitude is positive.
    Components beyond the rank of the data, as far as it can be told in the precision at hand, are zeros.

    Parameters
    ----------
    S
        float32 (N, C), finite in the rows that take part. Read in chunks; a mapped file is not copied.
    count
        Number of components.
    scaling
        How the rows are normalised (as by ``apply_scaling``); None for not at all.
    images
        int64 (n,): the rows that take part; None for all.

    Raises
    ------
    DatasetError
        If S is not a matrix, is empty, or holds NaN or infinity in these rows.
    """
    rows = _Rows(shaped(S), scaling, images)
    n, channels = rows.shape
    size = min(n, channels)
    double = n * channels * size <= _DOUBLE_WORK
    centred = _Centred(rows, np.dtype(np.float64 if double else np.float32))
    if not double and not 1 / _COMFORTABLE < centred.spread < _COMFORTABLE:
        centred = _Centred(rows, np.dtype(np.float64))
    result = Components(np.zeros((n, count)), centred.mean_of_normalised, np.zeros((channels, count)))
    if n < 2 or centred.scale <= 0:
        return result
    eigenvalues, vectors, scores = _directions(centred, min(size, count), iterate=not double)
    least = max(n, channels) * np.finfo(np.float64).eps if double else 64 * np.finfo(np.float32).eps
    rank = int(np.count_nonzero(eigenvalues > eigenvalues[0] * least))
    largest = np.argmax(np.abs(vectors[:, :rank]), axis=0)
    signs = np.where(vectors[largest, np.arange(rank)] < 0, -1.0, 1.0)
    result.scores[:, :rank] = scores[:, :rank] * (signs * centred.scale)
    result.loadings[:, :rank] = vectors[:, :rank] * signs
    return result


def _directions(
    centred: _Centred, count: int, *, iterate: bool
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the largest eigenvalues of Xᵀ X, their vectors (C, count) and scores (n, count)."""
    from scipy.linalg import eigh

    n, channels = centred.shape
    size = min(n, channels)
    if iterate and size >= ITERATED * count:
        found = leading_directions(centred.both_times, centred.sample().both_times, channels, count)
        if found is not None:
            return found
    product = centred.covariance() if channels <= n else centred.gram()
    eigenvalues, vectors = eigh(
        product, subset_by_index=(size - count, size - 1), overwrite_a=True, check_finite=False
    )
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    if channels <= n:
        return eigenvalues, vectors, centred.times(vectors)
    scores = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    vectors = centred.transposed_times(vectors)
    length = np.linalg.norm(vectors, axis=0)
    return eigenvalues, np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0), scores


class _Rows:
    """The rows that take part, as they stand, or scaled where each image is scaled by itself."""

    def __init__(self, S: FloatArray, scaling: Scaling | None, images: IntArray | None) -> None:
        self.S, self.images, self.scaling = S, images, scaling
        self.shape = (len(S) if images is None else len(images), S.shape[1])
        self.shift, self.factor = np.zeros(S.shape[1]), np.ones(S.shape[1])
        if scaling is not None:
            self.shift, self.factor = scaling.shift, scaling.scale

    def block(self, part: slice) -> FloatArray:
        block = self.S[part] if self.images is None else self.S[self.images[part]]
        if self.scaling is not None and self.scaling.method == "image_l1":
            return apply_scaling(block, self.scaling)
        return block

    def every(self, step: int) -> _Rows:
        images = np.arange(len(self.S)) if self.images is None else self.images
        return _Rows(self.S, self.scaling, images[::step])


class _Centred:
    """X = (normalised rows − their mean) / scale, made chunk by chunk and never held as a whole.

    A block is s − m in the precision of ``dtype``; what the channels are multiplied by is multiplied into the
    narrow matrices that the block meets.
    """

    def __init__(self, rows: _Rows, dtype: np.dtype[np.floating]) -> None:
        self.rows, self.dtype, self.shape = rows, dtype, rows.shape
        self.parts = self._blocks(rows.shape)
        mean, low, high = self._extent()
        self.mean: DoubleArray = mean
        self.mean_of_normalised: DoubleArray = (mean - rows.shift) * rows.factor
        extent = np.maximum(high - mean, mean - low)
        # Of the rows as they stand, and of the normalised rows.
        self.spread, self.scale = float(extent.max()), float((extent * rows.factor).max())
        self.factor = rows.factor / (self.scale or 1.0)

    def _extent(self) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
        first = self.rows.block(slice(0, 1))[0]
        total = np.zeros(len(first))
        low, high = first.copy(), first.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for part in self.parts:
                block = self.rows.block(part)
                np.minimum(low, block.min(axis=0), out=low)
                np.maximum(high, block.max(axis=0), out=high)
                # Of the distance to the first image: a channel of one value then has exactly that mean.
                total += np.subtract(block, first, dtype=self.dtype).sum(axis=0)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise DatasetError(
                "The activation summary holds NaN or infinity. Leave these images out, or replace the values "
                "(numpy.nan_to_num)."
            )
        mean = total / self.shape[0] + first
        return mean, low.astype(np.float64), high.astype(np.float64)

    def block(self, part: slice) -> Block:
        # The mean rounded to float32 shifts each channel a little, by the same for all images.
        return np.subtract(self.rows.block(part), self.mean.astype(self.dtype), dtype=self.dtype)

    def covariance(self) -> DoubleArray:
        """Return Xᵀ X, (C, C)."""
        product = np.zeros((self.shape[1], self.shape[1]))
        for part in chunks(self.shape[0], self.dtype.itemsize * self.shape[1]):
            block = self.block(part)
            product += block.T @ block
        product *= self.factor
        product *= self.factor[:, None]
        return product

    def gram(self) -> DoubleArray:
        """Return X Xᵀ, (n, n)."""
        whole = np.concatenate([self.block(part) for part in self.parts])
        whole *= self.factor.astype(self.dtype)
        product: DoubleArray = (whole @ whole.T).astype(np.float64)
        return product

    def times(self, vectors: DoubleArray) -> DoubleArray:
        """Return X V, with columns that sum to 0."""
        narrow = (self.factor[:, None] * vectors).astype(self.dtype)
        product = np.empty((self.shape[0], vectors.shape[1]))
        for part in self.parts:
            product[part] = self.block(part) @ narrow
        product -= product.mean(axis=0)
        return product

    def transposed_times(self, vectors: DoubleArray) -> DoubleArray:
        """Return Xᵀ V."""
        narrow = vectors.astype(self.dtype)
        product = np.zeros((self.shape[1], vectors.shape[1]))
        for part in self.parts:
            product += self.block(part).T @ narrow[part]
        return self.factor[:, None] * product

    def both_times(self, vectors: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Return X V and Xᵀ X V, in one pass over S."""
        narrow = (self.factor[:, None] * vectors).astype(self.dtype)
        tall = np.empty((self.shape[0], vectors.shape[1]))
        product = np.zeros(vectors.shape)
        for part in self.parts:
            block = self.block(part)
            scores = block @ narrow
            tall[part] = scores
            product += block.T @ scores
        tall -= tall.mean(axis=0)
        return tall, self.factor[:, None] * product

    def sample(self) -> _Centred:
        """Return some thousand of the rows, spread evenly, centred and scaled as all are."""
        part = copy(self)
        part.rows = self.rows.every(max(1, self.shape[0] // _SAMPLE))
        part.shape = part.rows.shape
        part.parts = self._blocks(part.shape)
        return part

    def _blocks(self, shape: tuple[int, int]) -> list[slice]:
        return list(chunks(shape[0], self.dtype.itemsize * shape[1], _BLOCK_BYTES))
