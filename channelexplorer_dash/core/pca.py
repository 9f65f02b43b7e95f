"""Principal components: exact, deterministic, with fixed signs."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, chunks

# Multiply-adds up to which the products are taken in double precision; above it they are taken in float32
# by chunks, and the chunks summed in double precision.
_DOUBLE_WORK = 2e10


def principal_components(values: FloatArray, count: int) -> DoubleArray:
    """Return the scores of the first principal components (Pearson 1901; Hotelling 1933).

    The eigenvectors of the covariance, or of the n × n Gram matrix where there are fewer images than
    channels. The sign of a component is such that its loading of largest magnitude is positive. Components
    beyond the rank of the data, as far as it can be told in the precision at hand, are zeros.

    Parameters
    ----------
    values
        float32 (n, C), finite.
    count
        Number of components.

    Returns
    -------
    numpy.ndarray
        float64 (n, count).
    """
    from scipy.linalg import eigh

    n, channels = values.shape
    size = min(n, channels)
    scores = np.zeros((n, count))
    mean = _mean(values)
    scale = max(float(values.max()) - mean.min(), mean.max() - float(values.min()))
    if n < 2 or scale <= 0:
        return scores
    double = n * channels * size <= _DOUBLE_WORK
    centred = _Centred(values, mean, scale, np.dtype(np.float64 if double else np.float32))
    product = centred.covariance() if channels <= n else centred.gram()
    eigenvalues, vectors = eigh(
        product, subset_by_index=(size - min(size, count), size - 1), overwrite_a=True, check_finite=False
    )
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    rank = int(np.count_nonzero(eigenvalues > eigenvalues[0] * max(n, channels) * centred.precision))
    vectors = vectors[:, :rank]
    loadings = vectors if channels <= n else centred.transposed_times(vectors)
    largest = np.argmax(np.abs(loadings), axis=0)
    signs = np.where(loadings[largest, np.arange(rank)] < 0, -1.0, 1.0)
    if channels <= n:
        scores[:, :rank] = centred.times(vectors * signs) * scale
    else:
        scores[:, :rank] = vectors * (signs * np.sqrt(eigenvalues[:rank])) * scale
    return scores


def _mean(values: FloatArray) -> DoubleArray:
    # Of the distance to the first image: a channel of one value then has exactly that mean.
    total = np.zeros(values.shape[1])
    for part in chunks(len(values), 8 * values.shape[1]):
        total += np.subtract(values[part], values[0], dtype=np.float64).sum(axis=0)
    mean: DoubleArray = total / len(values) + values[0]
    return mean


class _Centred:
    """(values − mean) / scale, made chunk by chunk."""

    def __init__(
        self, values: FloatArray, mean: DoubleArray, scale: float, dtype: np.dtype[np.floating]
    ) -> None:
        self.values, self.mean, self.scale, self.dtype = values, mean, scale, dtype
        self.precision = float(np.finfo(dtype).eps)
        self.parts = list(chunks(len(values), 8 * values.shape[1]))

    def block(self, part: slice) -> np.ndarray[tuple[int, int], np.dtype[np.floating]]:
        block = np.subtract(self.values[part], self.mean, dtype=np.float64)
        block /= self.scale
        return block.astype(self.dtype, copy=False)

    def covariance(self) -> DoubleArray:
        """Return Xᵀ X, (C, C)."""
        channels = self.values.shape[1]
        product = np.zeros((channels, channels))
        for part in self.parts:
            block = self.block(part)
            product += block.T @ block
        return product

    def gram(self) -> DoubleArray:
        """Return X Xᵀ, (n, n)."""
        whole = np.concatenate([self.block(part) for part in self.parts])
        product: DoubleArray = (whole @ whole.T).astype(np.float64)
        return product

    def times(self, vectors: DoubleArray) -> DoubleArray:
        """Return X V."""
        return np.concatenate([self.block(part) @ vectors for part in self.parts])

    def transposed_times(self, vectors: DoubleArray) -> DoubleArray:
        """Return Xᵀ V."""
        product = np.zeros((self.values.shape[1], vectors.shape[1]))
        for part in self.parts:
            product += self.block(part).T @ vectors[part]
        return product
