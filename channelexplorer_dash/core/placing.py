"""New images on a projection that is already there."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, chunks, matrix
from channelexplorer_dash.core.mds import LANDMARKS, place_by_landmarks
from channelexplorer_dash.core.neighbours import Neighbours, nearest_known
from channelexplorer_dash.core.projection import FEWEST_FOR_NEIGHBOURS, METHODS, MOST_BY_TREE, plane
from channelexplorer_dash.errors import DatasetError, unknown_name

# Known images that a new one is placed by: UMAP's count; three times the perplexity that openTSNE
# recommends for new points.
NEIGHBOURS = 15
_PERPLEXITY = 5.0
# openTSNE's own steps for new points.
_STEPS, _EXAGGERATION, _RATE, _LONGEST_STEP = 250, 1.5, 0.1, 0.25


def place_new(known: npt.ArrayLike, positions: npt.ArrayLike, new: npt.ArrayLike, method: str) -> FloatArray:
    """Place images on a projection of others, whose positions stay as they are.

    - ``pca``: their first two scores
    - ``umap``: by their 15 nearest known images, weighted by UMAP's membership exp(−(δ_j − ρ) / σ), ρ the
      nearest distance and σ such that the weights sum to log₂ 15 (McInnes, Healy, Melville 2018). UMAP's own
      transform starts from the weighted mean of their positions; where they lie in several clusters that is
      between these, so it is taken of the half of them that lies closest to their weighted medoid
    - ``tsne``: from the median position of the nearest, by openTSNE's gradient for new points (Poličar,
      Stražar, Zupan 2024): perplexity 5, 250 steps, each point drawn by known images alone
    - ``mds``: for the least stress to the known images, or to some of them spread evenly
      (:func:`~channelexplorer_dash.core.mds.place_by_landmarks`)

    No image depends on which others are placed with it, but for the last bits. Deterministic.

    Parameters
    ----------
    known
        float32 (n, d): scores that :func:`~channelexplorer_dash.core.projection.project` placed.
    positions
        float32 (n, 2): the positions that it gave.
    new
        float32 (m, d): scores of other images on the same components
        (:meth:`~channelexplorer_dash.core.pca.Components.place`).
    method
        Of the projection.

    Returns
    -------
    numpy.ndarray
        float32 (m, 2).

    Raises
    ------
    UnknownNameError
        If there is no such method.
    DatasetError
        If shapes do not fit, or one of them holds NaN or infinity.
    """
    if method not in METHODS:
        raise unknown_name("projection", method, list(METHODS))
    scores, placed, others = matrix(known), matrix(positions), matrix(new)
    if placed.shape != (len(scores), 2) or others.shape[1] != scores.shape[1]:
        raise DatasetError(
            f"Positions {placed.shape} and new images {others.shape} do not fit known images {scores.shape}."
        )
    few = method != "mds" and len(scores) < FEWEST_FOR_NEIGHBOURS
    if method == "pca" or few:
        return np.asarray(plane(others), np.float32)
    if method == "mds":
        return _by_landmarks(scores, placed, others)
    near = nearest_known(scores, others, NEIGHBOURS, "euclidean")
    if method == "umap":
        return _by_cluster(_memberships(near.distances), placed[near.indices])
    return _by_gradient(near, placed)


def _memberships(distances: DoubleArray) -> DoubleArray:
    """Return UMAP's memberships of neighbours, nearest first, as weights that sum to 1."""
    beyond = distances - distances[:, :1]
    scale = beyond.max(axis=1, keepdims=True)
    beyond = np.divide(beyond, scale, out=np.zeros_like(beyond), where=scale > 0)
    target = np.log2(max(2, distances.shape[1]))
    # The sum of exp(−d t) falls with t; bisected for log t.
    low, high = np.full((len(beyond), 1), -20.0), np.full((len(beyond), 1), 20.0)
    for _ in range(50):
        middle = (low + high) / 2
        above = np.exp(-beyond * np.exp(middle)).sum(axis=1, keepdims=True) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    weights: DoubleArray = np.exp(-beyond * np.exp(low))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _by_cluster(weights: DoubleArray, positions: FloatArray) -> FloatArray:
    """Return the weighted means of the closer half to each weighted medoid: (m, k), (m, k, 2) to (m, 2)."""
    result = np.empty((len(weights), 2), np.float32)
    k = weights.shape[1]
    for part in chunks(len(weights), 8 * 3 * k * k):
        own, at = weights[part], positions[part].astype(np.float64)
        apart = np.linalg.norm(at[:, :, None] - at[:, None], axis=-1)
        medoid = np.argmin(np.einsum("ijk,ik->ij", apart, own), axis=1)
        distance = apart[np.arange(len(at)), medoid]
        close = distance <= np.median(distance, axis=1, keepdims=True)
        kept = np.where(close, own, 0.0)
        kept /= kept.sum(axis=1, keepdims=True)
        result[part] = np.einsum("ij,ijk->ik", kept, at)
    return result


def _by_landmarks(known: FloatArray, positions: FloatArray, others: FloatArray) -> FloatArray:
    unit = float(np.abs(known).max()) or 1.0
    chosen = np.unique(np.linspace(0, len(known) - 1, min(len(known), LANDMARKS)).astype(np.int64))
    landmarks, points = known[chosen] / np.float64(unit), others / np.float64(unit)
    fixed = positions[chosen] / np.float64(unit)
    placed = place_by_landmarks(points, plane(points), landmarks, plane(landmarks), fixed)
    return (placed * unit).astype(np.float32)


def _by_gradient(near: Neighbours, positions: FloatArray | DoubleArray) -> FloatArray:
    from openTSNE import PartialTSNEEmbedding, TSNEEmbedding
    from openTSNE.affinity import joint_probabilities_nn

    P = joint_probabilities_nn(
        near.indices,
        near.distances,
        [min(_PERPLEXITY, near.indices.shape[1] / 3)],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=len(positions),
        n_jobs=1,
    )
    # openTSNE moves the middle of the known images to the origin when it lays its grid.
    middle = (positions.max(axis=0) + positions.min(axis=0)) / np.float64(2)
    positions = positions - middle
    # Of the affinities of the known images nothing but their number is used.
    reference = TSNEEmbedding(positions, SimpleNamespace(P=P.T), n_jobs=1)
    interpolated = len(positions) > MOST_BY_TREE
    if interpolated:
        reference.prepare_interpolation_grid()
    embedding = PartialTSNEEmbedding(
        np.median(positions[near.indices], axis=1),
        reference,
        P,
        negative_gradient_method="fft" if interpolated else "bh",
        n_jobs=1,
    )
    embedding.optimize(
        _STEPS,
        learning_rate=_RATE,
        exaggeration=_EXAGGERATION,
        momentum=0.8,
        max_grad_norm=_LONGEST_STEP,
        inplace=True,
    )
    return np.asarray(np.asarray(embedding) + middle, np.float32)
