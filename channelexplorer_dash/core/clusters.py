"""Clusters of images: k-means with a chosen k or one found by BIC, outliers, and the classes in each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, label_array, matrix
from channelexplorer_dash.errors import DatasetError

MOST = 30
"""The largest k that is tried where k is found by BIC."""
OUTLIER_DEVIATIONS = 0.8
"""t: an image is an outlier beyond mean + t · std of the distances to its own cluster's centre."""
FITTED = 20_000
"""Rows that k-means is fitted to; of more, a draw of so many, and every row goes to its nearest centre."""

_STARTS = 4
# Below this share of the whole spread, rows differ by rounding alone.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Clusters:
    """Every image in one of k clusters, the largest first.

    Attributes
    ----------
    assignment
        int64 (N,): 0 … k−1; every cluster has an image.
    distance
        float64 (N,): Euclidean distance to the mean of the image's own cluster.
    outlier
        bool (N,).
    """

    assignment: IntArray
    distance: DoubleArray
    outlier: npt.NDArray[np.bool_]

    @property
    def k(self) -> int:
        """Number of clusters."""
        return int(self.assignment.max()) + 1


def clusters(
    S: npt.ArrayLike, k: int | None = None, seed: int = 0, *, deviations: float = OUTLIER_DEVIATIONS
) -> Clusters:
    """Group the rows of S by k-means (Lloyd 1982), from several starts of k-means++.

    Parameters
    ----------
    S
        float (N, C), or principal components of it: k-means needs distances alone, and the first 50
        components keep nearly all of them at a fraction of the cost.
    k
        Number of clusters, or None to have it found (:func:`xmeans`). There are never more than S has
        distinct rows.
    seed
        Of the starts; equal seeds give equal clusters.
    deviations
        t. An image is an outlier where its distance to the centre is above mean + t · std (the population's)
        of its cluster's distances.

    Raises
    ------
    DatasetError
        If S is no matrix of finite numbers, or k is below 1.
    """
    values = matrix(S).astype(np.float64)
    if k is not None and k < 1:
        raise DatasetError(f"There must be at least one cluster, and not {k}.")
    fitted = _draw(values, seed)
    centres = xmeans(fitted, seed=seed) if k is None else _kmeans(fitted, k, seed)[0]
    assignment = _largest_first(_nearest(values, centres))
    distance = np.linalg.norm(values - _means(values, assignment)[assignment], axis=1)
    return Clusters(assignment, distance, outliers(distance, assignment, deviations))


def xmeans(S: DoubleArray, most: int = MOST, seed: int = 0) -> DoubleArray:
    """Return the centres of the number of clusters that BIC prefers, float64 (k, C): X-means.

    Rounds of k-means; in each, a cluster whose own 2-means has the higher BIC is split, until none is or
    ``most`` is reached. Of all rounds, and of a single cluster, the one with the highest BIC is taken.

    Parameters
    ----------
    S
        float64 (N, C).
    most
        The largest k.
    seed
        Of the starts.

    References
    ----------
    Pelleg and Moore, "X-means: Extending K-means with Efficient Estimation of the Number of Clusters", 2000;
    the score is :func:`bic`.
    """
    width = effective_dimension(S)
    best: DoubleArray = S.mean(axis=0, keepdims=True)
    if width == 0 or most < 2:
        return best
    score = bic(S, np.zeros(len(S), np.int64), width)
    centres, assignment = _kmeans(S, 2, seed)
    while True:
        found = bic(S, assignment, width)
        if found > score:
            best, score = centres, found
        halves = [_halves(S[assignment == cluster], seed) for cluster in range(len(centres))]
        grown = np.concatenate(halves)
        if len(grown) == len(centres) or len(grown) > most:
            return best
        centres, assignment = _kmeans(S, len(grown), seed, grown)


def bic(S: DoubleArray, assignment: IntArray, dimension: float) -> float:
    """Return the Bayesian information criterion of clusters as equal, round Gaussians; higher is better.

    With R rows in K clusters of R_n, M dimensions and σ² = Σ‖x − centre‖² / (M (R − K)):

        BIC = Σ_n R_n ln(R_n / R) − R M/2 · ln(2πσ²) − M (R − K)/2 − p/2 · ln R,   p = K − 1 + M K + 1.

    Pelleg and Moore 2000, with the variance per dimension, which their equation leaves out. −inf where a
    variance cannot be told (R ≤ K).

    Parameters
    ----------
    S
        float64 (R, C).
    assignment
        int64 (R,): 0 … K−1, every one in use.
    dimension
        M. Their Gaussians are round and channels are not: with M = C every long cluster is cut to pieces.
        :func:`effective_dimension` is the C of a round cloud of the same spread.
    """
    R, sizes = len(S), np.bincount(assignment)
    K = len(sizes)
    if R <= K:
        return -np.inf
    scatter = float(((S - _means(S, assignment)[assignment]) ** 2).sum())
    whole = float(((S - S.mean(axis=0)) ** 2).sum())
    variance = max(scatter, _ROUNDING * whole, np.finfo(float).tiny) / (dimension * (R - K))
    likelihood = float((sizes * np.log(sizes / R)).sum())
    likelihood -= R * dimension / 2 * np.log(2 * np.pi * variance) + dimension * (R - K) / 2
    return float(likelihood - (K - 1 + dimension * K + 1) / 2 * np.log(R))


def effective_dimension(S: DoubleArray) -> float:
    """Return the participation ratio (Σλ)² / Σλ² of the covariance's eigenvalues λ; 0 for equal rows.

    C for a round cloud, 1 for a line. From the Gram matrix of the smaller side: Σλ is its trace, Σλ² its
    squared Frobenius norm. Gao and Ganguli, "On simplicity and complexity in the brave new world of
    large-scale neuroscience", 2015.
    """
    centred = S - S.mean(axis=0)
    gram = centred.T @ centred if len(S) >= S.shape[1] else centred @ centred.T
    trace, squares = float(np.trace(gram)), float((gram**2).sum())
    level = float((S**2).sum()) * _ROUNDING
    return 0.0 if trace <= level or squares == 0 else trace**2 / squares


def outliers(
    distance: DoubleArray, assignment: IntArray, deviations: float = OUTLIER_DEVIATIONS
) -> npt.NDArray[np.bool_]:
    """Mark the images beyond mean + t · std of their cluster's distances to its centre, bool (N,).

    A cluster whose distances are all equal has none. The rule is ChannelExplorer's (arXiv 2505.04647).
    """
    sizes = np.bincount(assignment)
    mean = np.bincount(assignment, distance) / np.maximum(sizes, 1)
    variance = np.bincount(assignment, (distance - mean[assignment]) ** 2) / np.maximum(sizes, 1)
    limit = mean + deviations * np.sqrt(variance)
    # Equal distances may differ by their last bit.
    marked: npt.NDArray[np.bool_] = distance > (limit + 1e-9 * np.abs(limit))[assignment]
    return marked


@dataclass(frozen=True)
class MakeUp:
    """Which classes are in which cluster, and how well the two agree.

    Attributes
    ----------
    counts
        int64 (k, K): images of each cluster and class.
    classes
        int64 (K,): the labels, ascending.
    purity
        Share of images that are of their cluster's most frequent class.
    rand
        Adjusted Rand index (Hubert and Arabie 1985): 1 for equal partitions, about 0 for unrelated ones.
    information
        Normalised mutual information, I / ((H₁ + H₂) / 2) (Strehl and Ghosh 2002; arithmetic mean).
    """

    counts: IntArray
    classes: IntArray
    purity: float
    rand: float
    information: float


def make_up(assignment: IntArray, labels: npt.ArrayLike) -> MakeUp:
    """Compare clusters with classes, from their table of counts alone.

    Parameters
    ----------
    assignment
        int64 (N,): 0 … k−1.
    labels
        int (N,).

    Raises
    ------
    DatasetError
        If there is no image, or not one label for each.
    """
    if not len(assignment):
        raise DatasetError("There is no image to compare clusters and classes by.")
    classes, codes = np.unique(label_array(labels, len(assignment)), return_inverse=True)
    table = np.zeros((int(assignment.max()) + 1, len(classes)), np.int64)
    np.add.at(table, (assignment, codes), 1)
    purity = float(table.max(axis=1).sum() / len(assignment))
    return MakeUp(table, classes, purity, _rand(table), _information(table))


def convex_hull(points: npt.ArrayLike) -> DoubleArray:
    """Return the corners of the convex hull, anticlockwise: float64 (m, 2).

    Andrew's monotone chain (1979), on the points that are extreme in their column of a fine grid. One corner
    for equal points, two for points on a line.

    Parameters
    ----------
    points
        float (n, 2), finite, n ≥ 1.
    """
    ordered = np.unique(np.asarray(points, np.float64), axis=0)
    if len(ordered) < 3:
        return ordered
    # Sorted by x then y: of equal x only the lowest and the highest can be corners.
    first = np.flatnonzero(np.diff(ordered[:, 0], prepend=-np.inf) > 0)
    last = np.append(first[1:], len(ordered)) - 1
    kept = ordered[np.unique(np.concatenate([first, last]))]
    lower, upper = _chain(kept), _chain(kept[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(points: DoubleArray) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for x, y in points.tolist():
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain


def _draw(values: DoubleArray, seed: int) -> DoubleArray:
    if len(values) <= FITTED:
        return values
    rows = np.random.default_rng(seed).choice(len(values), FITTED, replace=False)
    drawn: DoubleArray = values[np.sort(rows)]
    return drawn


def _kmeans(
    values: DoubleArray, k: int, seed: int, start: DoubleArray | None = None
) -> tuple[DoubleArray, IntArray]:
    """Return the centres and the assignment, 0 … k−1 with every number in use."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    distinct = len(values) if k == 1 else len(np.unique(values, axis=0))
    if distinct < k:
        start = None
    initial = "k-means++" if start is None else start
    with warnings.catch_warnings():
        # Rows that differ by rounding alone count as distinct, and may leave a cluster empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(
            min(k, distinct), init=initial, n_init=_STARTS if start is None else 1, random_state=seed
        ).fit(values)
    _, assignment = np.unique(found.labels_, return_inverse=True)
    return _means(values, assignment), assignment.astype(np.int64)


def _halves(values: DoubleArray, seed: int) -> DoubleArray:
    """Return the centres of a cluster's two halves where BIC prefers them, else its own, (1 or 2, C)."""
    whole: DoubleArray = values.mean(axis=0, keepdims=True)
    width = effective_dimension(values)
    if len(values) < 4 or width == 0:
        return whole
    centres, assignment = _kmeans(values, 2, seed)
    better = bic(values, assignment, width) > bic(values, np.zeros_like(assignment), width)
    return centres if better else whole


def _nearest(values: DoubleArray, centres: DoubleArray) -> IntArray:
    # The square of the row itself is the same for every centre.
    far = (centres**2).sum(axis=1) - 2 * values @ centres.T
    _, assignment = np.unique(far.argmin(axis=1), return_inverse=True)
    return assignment.astype(np.int64)


def _means(values: DoubleArray, assignment: IntArray) -> DoubleArray:
    order = np.argsort(assignment, kind="stable")
    sizes = np.bincount(assignment)
    sums = np.add.reduceat(values[order], np.cumsum(sizes) - sizes, axis=0)
    means: DoubleArray = sums / sizes[:, None]
    return means


def _largest_first(assignment: IntArray) -> IntArray:
    """Return the assignment with clusters numbered by size, equal ones by their first row."""
    _, first, sizes = np.unique(assignment, return_index=True, return_counts=True)
    rank = np.empty(len(sizes), np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[assignment]


def _rand(table: IntArray) -> float:
    def pairs(counts: IntArray) -> float:
        return float((counts * (counts - 1) // 2).sum())

    both, rows, columns = pairs(table.ravel()), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    every = pairs(np.array([table.sum()]))
    expected = rows * columns / every if every else 0.0
    most = (rows + columns) / 2
    # Both partitions are one cluster, or only clusters of one image: they are equal.
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _information(table: IntArray) -> float:
    shares = table / table.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    filled = shares > 0
    mutual = float((shares[filled] * np.log((shares / np.outer(rows, columns))[filled])).sum())
    entropies = [-float((p[p > 0] * np.log(p[p > 0])).sum()) for p in (rows, columns)]
    # Sums of rounded shares: never beyond the two ends.
    return 1.0 if sum(entropies) < 1e-12 else min(max(2 * mutual / sum(entropies), 0.0), 1.0)
