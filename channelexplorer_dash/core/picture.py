"""Whether a picture of a layer is honest: what two dimensions keep of all of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, chunks, matrix
from channelexplorer_dash.core.centroids import precision
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.errors import DatasetError


def trustworthiness(S: npt.ArrayLike, xy: npt.ArrayLike, k: int = 5) -> DoubleArray:
    """Return what each image adds to the trustworthiness of a picture, which is their mean.

    T(k) = 1 − 2 / (n k (2n − 3k − 1)) Σ_i Σ_j max(0, r(i, j) − k) over the k nearest j of i in the picture,
    with r(i, j) the rank of j among the neighbours of i in S, by Euclidean distance (Venna and Kaski 2001; as
    scikit-learn computes it, of equally near images the lower row first). 1 where all neighbours in the
    picture are neighbours in S; about ½ in a random picture.

    Parameters
    ----------
    S
        float32 (n, C).
    xy
        float32 (n, 2): their positions. All pairs are measured, n² C multiplications: of many images, give
        a sample of both.
    k
        At least 1, and below n / 2.

    Returns
    -------
    numpy.ndarray
        float64 (n,).

    Raises
    ------
    DatasetError
        If ``k`` is not below n / 2, shapes do not fit, or there is NaN or infinity.
    """
    values, picture = matrix(S), matrix(xy)
    n = len(values)
    if len(picture) != n:
        raise DatasetError(f"There are positions of {len(picture):,} images, and activations of {n:,}.")
    if not 1 <= k < n / 2:
        raise DatasetError(
            f"Trustworthiness with {k} neighbours needs more than {2 * k} images; there are {n:,}."
        )
    near = nearest_neighbours(picture, k, "euclidean").indices
    kind = precision(values, n * values.size)
    centred = np.subtract(values, values.mean(axis=0, dtype=np.float64), dtype=np.float64)
    lengths = np.einsum("ij,ij->i", centred, centred)
    centred = centred.astype(kind, copy=False)
    parts = np.empty(n)
    for part in chunks(n, 8 * n):
        squared = (centred[part] @ centred.T).astype(np.float64, copy=False)
        squared *= -2
        squared += lengths + lengths[part][:, None]
        beyond = _ranks(squared, np.arange(part.start, part.stop), near[part]) - k
        parts[part] = 1 - np.maximum(beyond, 0).sum(axis=1) * 2 / (k * (2 * n - 3 * k - 1))
    return parts


def _ranks(squared: DoubleArray, own: IntArray, near: IntArray) -> IntArray:
    """Return the rank of each of ``near`` (B, k) in its row of ``squared`` (B, n), from 1, without itself."""
    at = np.arange(len(own))
    squared[at, own] = np.inf
    columns = np.arange(squared.shape[1])
    ranks = np.empty(near.shape, np.int64)
    for j in range(near.shape[1]):
        other = near[:, j]
        distance = squared[at, other][:, None]
        ahead = (squared < distance) | ((squared == distance) & (columns < other[:, None]))
        ranks[:, j] = ahead.sum(axis=1) + 1
    return ranks
