"""Projections: positions of images on the plane."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, matrix
from channelexplorer_dash.core.mds import metric_mds
from channelexplorer_dash.core.pca import principal_components
from channelexplorer_dash.errors import unknown_name

METHODS = ("pca", "umap", "tsne", "mds")

# Fewer images have no neighbourhoods to keep: UMAP and t-SNE then answer with PCA.
FEWEST_FOR_NEIGHBOURS = 5
COMPONENTS = 50
NEIGHBOURS = 15
MIN_DISTANCE = 0.1
PERPLEXITY = 30.0


def project(S: npt.ArrayLike, method: str, seed: int) -> FloatArray:
    """Place each image on the plane.

    - ``pca``: the first two principal components, exact, with fixed signs; the seed is not used
    - ``umap``: UMAP (McInnes, Healy, Melville 2018; 15 neighbours, min_dist 0.1) on the first 50 principal
      components, with exact nearest neighbours
    - ``tsne``: t-SNE (van der Maaten and Hinton 2008; Barnes–Hut, perplexity 30) on the same components
    - ``mds``: metric MDS by SMACOF on their Euclidean distances, with landmarks for many images
      (:func:`~channelexplorer_dash.core.mds.metric_mds`)

    All but PCA start from PCA's positions, which keeps the large-scale order and makes them repeatable
    (Kobak and Linderman 2021). Neighbours are at most n − 1, the perplexity at most (n − 1) / 3. ``umap``
    and ``tsne`` of fewer than 5 images are PCA. A direction that the images do not vary in is 0: one image,
    or equal images, lie at the origin, with any method.

    Parameters
    ----------
    S
        float32 (n, C).
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
        If S is not a matrix, is empty, or holds NaN or infinity.
    """
    if method not in METHODS:
        raise unknown_name("projection", method, list(METHODS))
    values = matrix(S)
    if method == "pca":
        return principal_components(values, 2).astype(np.float32)
    components = principal_components(values, COMPONENTS)
    plane = components[:, :2]
    spread = float(np.abs(plane).max())
    few = method != "mds" and len(values) < FEWEST_FOR_NEIGHBOURS
    if few or spread == 0:
        return plane.astype(np.float32)
    seed %= 2**32
    if method == "mds":
        # In units in which nothing overflows.
        return (metric_mds(components / spread, plane / spread, seed) * spread).astype(np.float32)
    varied = np.flatnonzero(components.any(axis=0))
    points = (components[:, varied] / spread).astype(np.float32)
    return _umap(points, plane / spread, seed) if method == "umap" else _tsne(points, plane / spread, seed)


def _umap(points: FloatArray, start: DoubleArray, seed: int) -> FloatArray:
    from sklearn.neighbors import NearestNeighbors

    with warnings.catch_warnings():
        # Its parametric variant asks for Tensorflow.
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        from umap import UMAP

    neighbours = min(NEIGHBOURS, len(points) - 1)
    # An image is its own first neighbour in UMAP's count. Asked without points, scikit-learn leaves each
    # image out of its own neighbours, also where others equal it.
    distances, indices = NearestNeighbors(n_neighbors=neighbours - 1).fit(points).kneighbors()
    own = np.arange(len(points))[:, None]
    known = (np.hstack([own, indices]), np.hstack([np.zeros_like(own), distances]).astype(np.float32))
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
    from sklearn.manifold import TSNE

    fit = TSNE(
        perplexity=min(PERPLEXITY, (len(points) - 1) / 3),
        # The first axis starts with a standard deviation of 1e-4, as scikit-learn's own start from PCA.
        init=(start * (1e-4 / start[:, 0].std())).astype(np.float32),
        learning_rate="auto",
        random_state=seed,
    )
    placed: FloatArray = fit.fit_transform(points)
    return placed.astype(np.float32, copy=False)
