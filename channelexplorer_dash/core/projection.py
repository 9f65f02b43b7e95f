"""Projections: positions of images on the plane."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, matrix
from channelexplorer_dash.core.mds import metric_mds
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.errors import unknown_name

METHODS = ("pca", "umap", "tsne", "mds")

# Fewer images have no neighbourhoods to keep: UMAP and t-SNE then answer with PCA.
FEWEST_FOR_NEIGHBOURS = 5
# Principal components that the projections are made from.
COMPONENTS = 50
NEIGHBOURS = 15
MIN_DISTANCE = 0.1
PERPLEXITY = 30.0
# Images up to which t-SNE sums the repulsion over a tree; beyond, it interpolates on a grid.
MOST_BY_TREE = 10_000
# t-SNE's steps with and without exaggeration, and the exaggeration.
_EARLY, _LATE, _EXAGGERATION = 250, 500, 12.0


def project(components: npt.ArrayLike, method: str, seed: int) -> FloatArray:
    """Place each image on the plane, from its scores on the leading principal components.

    - ``pca``: the first two of them; the seed is not used
    - ``umap``: UMAP (McInnes, Healy, Melville 2018; 15 neighbours, min_dist 0.1) with exact nearest
      neighbours
    - ``tsne``: t-SNE (van der Maaten and Hinton 2008; perplexity 30) as openTSNE computes it (Poličar,
      Stražar, Zupan 2024): Barnes–Hut up to 10,000 images, interpolation by FFT beyond (Linderman et al.
      2019), with exact nearest neighbours
    - ``mds``: metric MDS by SMACOF on their Euclidean distances, with landmarks for many images
      (:func:`~channelexplorer_dash.core.mds.metric_mds`)

    All but PCA start from PCA's positions, which keeps the large-scale order and makes them repeatable
    (Kobak and Linderman 2021). Neighbours are at most n − 1, the perplexity at most (n − 1) / 3. ``umap``
    and ``tsne`` of fewer than 5 images are PCA. A direction that the images do not vary in is 0: one image,
    or equal images, lie at the origin, with any method.

    Parameters
    ----------
    components
        float32 (n, d): scores on up to ``COMPONENTS`` principal components, as
        :func:`~channelexplorer_dash.core.pca.principal_components` gives them.
    method
        One of the names above.
    seed
        Any integer; equal seeds give equal positions on the same machine.

    Returns
    -------
    numpy.ndarray
        float32 (n, 2), finite.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    DatasetError
        If ``components`` is not a matrix, is empty, or holds NaN or infinity.
    """
    if method not in METHODS:
        raise unknown_name("projection", method, list(METHODS))
    scores = matrix(components)
    start = plane(scores)
    spread = float(np.abs(start).max())
    few = method != "mds" and len(scores) < FEWEST_FOR_NEIGHBOURS
    if method == "pca" or few or spread == 0:
        return start.astype(np.float32)
    seed %= 2**32
    if method == "mds":
        # In units in which nothing overflows.
        return (metric_mds(scores / np.float64(spread), start / spread, seed) * spread).astype(np.float32)
    points = (scores[:, scores.any(axis=0)] / spread).astype(np.float32)
    start /= spread
    return _umap(points, start, seed) if method == "umap" else _tsne(points, start, seed)


def plane(scores: FloatArray | DoubleArray) -> DoubleArray:
    """Return the first two columns of (n, d) scores, float64 (n, 2); zeros where there is but one."""
    result = np.zeros((len(scores), 2))
    result[:, : scores.shape[1]] = scores[:, :2]
    return result


def _umap(points: FloatArray, start: DoubleArray, seed: int) -> FloatArray:
    with warnings.catch_warnings():
        # Its parametric variant asks for Tensorflow.
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        from umap import UMAP

    n = len(points)
    neighbours = min(NEIGHBOURS, n - 1)
    # An image is its own first neighbour in UMAP's count.
    near = nearest_neighbours(points, neighbours - 1, "euclidean")
    own = np.arange(n)[:, None]
    known = (
        np.hstack([own, near.indices]),
        np.hstack([np.zeros_like(own), near.distances]).astype(np.float32),
    )
    # UMAP scales each axis to its range, which a start on a line does not have.
    jitter = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    fit = UMAP(
        n_neighbors=neighbours,
        min_dist=MIN_DISTANCE,
        init=10 * start + jitter,
        precomputed_knn=known,
        random_state=seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]", category=UserWarning)
        placed: FloatArray = fit.fit_transform(points)
    return placed.astype(np.float32, copy=False)


def _tsne(points: FloatArray, start: DoubleArray, seed: int) -> FloatArray:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    n = len(points)
    perplexity = min(PERPLEXITY, (n - 1) / 3)
    near = nearest_neighbours(points, max(1, int(3 * perplexity)), "euclidean")
    index = PrecomputedNeighbors(near.indices, near.distances)
    # One thread: sums over several depend on which of them is first.
    affinities = PerplexityBasedNN(knn_index=index, perplexity=perplexity, n_jobs=1)
    # The first axis starts with a standard deviation of 1e-4, as openTSNE's own start from PCA; a little is
    # added by the seed, so that equal images do not lie upon each other to the end.
    jitter = np.random.default_rng(seed).normal(scale=1e-8, size=start.shape)
    embedding = TSNEEmbedding(
        start * (1e-4 / start[:, 0].std()) + jitter,
        affinities,
        negative_gradient_method="bh" if n <= MOST_BY_TREE else "fft",
        n_jobs=1,
    )
    embedding.optimize(_EARLY, exaggeration=_EXAGGERATION, momentum=0.5, inplace=True)
    embedding.optimize(_LATE, momentum=0.8, inplace=True)
    return np.asarray(embedding, np.float32)
