"""The silhouette with Euclidean distances: exact, without a look at classes that are surely farther away."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray, chunks, matrix
from channelexplorer_dash.core.centroids import precision, silhouette_of
from channelexplorer_dash.core.classes import Classes, classes_of
from channelexplorer_dash.core.distances import centred_rows, class_distance_sums, distance_sums
from channelexplorer_dash.core.moments import ClassMoments, class_moments

# Bytes of the bounds of all queries that are worked on together, to all classes.
_BOUND_BYTES = 512 * 2**20
# Share of all pairs from which on it is quicker to measure them all, in large products.
_MANY = 0.25
# Rounding of the bounds in single precision, far on the safe side.
_SLACK = 1e-4


def silhouettes(
    S: npt.ArrayLike,
    labels: npt.ArrayLike,
    queries: IntArray | None = None,
    moments: ClassMoments | None = None,
) -> DoubleArray:
    """Return the silhouette of each image, or of some of them (Rousseeuw 1987).

    (b − a) / max(a, b), with a the mean Euclidean distance to the other images of the own class, and b the
    least over the other classes of the mean distance to their images. 0 for an image that is alone in its
    class, and where a = b = 0.

    Only b's minimum is wanted, so that most classes need no distance: the mean distance of x to class c is
    at least D = ‖x − μ_c‖ and at most √m, m = D² + W_c (Jensen), with W_c = Σ ‖y − μ_c‖² / n_c; and, as
    √t ≥ (3t − t²) / 2, it is at least √m · (1 − v / (2m²)), where v, the variance of ‖x − y‖² over y in c, is
    at most (σ_c + 2 √(λ a² + λ′ (D² − a²)))² for σ_c the standard deviation of ‖y − μ_c‖², λ and λ′ the
    largest two eigenvalues of the class's covariance, and a what x − μ_c has along the first eigenvector.
    The class of the least upper bound is measured first, then those whose lower bound is below what is known.

    Products are in double precision where they are few, else in single precision on rows centred by the
    class's mean; distances that cancel are summed up again in double precision.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    queries
        int64 (q,): rows of S whose silhouettes are wanted, with distances to all images; None for all.
    moments
        :func:`~channelexplorer_dash.core.moments.class_moments` of S, where they are known already.

    Returns
    -------
    numpy.ndarray
        float64 (q,), −1 … 1.

    Raises
    ------
    DatasetError
        If there is one class only, shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    classes = classes_of(labels, len(values), "The silhouette")
    asked = np.arange(len(values)) if queries is None else np.asarray(queries, np.int64)
    known = class_moments(values, labels) if moments is None else moments
    search = _Search(values, classes, known, len(asked))
    result = np.empty(len(asked))
    for some in chunks(len(asked), 8 * len(classes), _BOUND_BYTES):
        result[some] = search.silhouettes(asked[some])
    return result


class _Search:
    """The nearest other class of queries, by bounds first."""

    def __init__(self, values: FloatArray, classes: Classes, moments: ClassMoments, queries: int) -> None:
        self._values, self._classes, self._means = values, classes, moments.mean
        self._kind = precision(values, queries * values.size)
        self._centre = moments.counts @ moments.mean / moments.counts.sum()
        centred = moments.mean - self._centre
        self._centred = centred.astype(self._kind)
        self._shapes, self._widest = self._measured(centred, moments, queries)

    def _measured(
        self, centred: DoubleArray, moments: ClassMoments, queries: int
    ) -> tuple[DoubleArray, npt.NDArray[Any]]:
        """Return what the bounds need of each class, (K, 6), and its widest direction, (K, C).

        A class so large that finding its eigenvalues would cost too much has its trace instead of them.
        """
        within = moments.m2.sum(axis=1) / moments.counts
        shapes = np.zeros((len(within), 6))
        shapes[:, 0] = np.einsum("ij,ij->i", centred, centred)
        shapes[:, 1] = shapes[:, 3] = shapes[:, 4] = within
        shapes[:, 2] = within * np.sqrt(np.maximum(moments.counts - 1, 0))
        widest = np.zeros(centred.shape, self._kind)
        for rank, count in enumerate(moments.counts.tolist()):
            if not 1 < count <= queries / 8:
                continue
            members = self._classes.members(rank)
            rows, lengths = centred_rows(self._values, members, self._means[rank], self._kind)
            values, vectors = np.linalg.eigh((rows @ rows.T).astype(np.float64))
            shapes[rank, 2] = lengths.std()
            shapes[rank, 3], shapes[rank, 4] = np.maximum(values[[-1, -2]], 0) / count
            direction = vectors[:, -1] @ rows
            widest[rank] = direction / max(float(np.linalg.norm(direction)), np.finfo(np.float32).tiny)
        shapes[:, 5] = np.einsum("ij,ij->i", widest, centred)
        return shapes, widest

    def silhouettes(self, asked: IntArray) -> DoubleArray:
        """Return the silhouettes of some images, float64 (q,)."""
        own = self._classes.ranks[asked]
        alone = self._classes.counts[own] == 1
        upper, lower = self._bounds(asked, own)
        wanted = self._classes.counts @ (lower < upper.min(axis=0)).sum(axis=1)
        if wanted > _MANY * len(asked) * len(self._values):
            return self._by_all_pairs(asked, own, alone)
        a, b = np.zeros(len(asked)), np.full(len(asked), np.inf)
        for rank in np.unique(own[~alone]).tolist():
            here = np.flatnonzero(own == rank)
            a[here] = self._sums(asked[here], rank) / (self._classes.counts[rank] - 1)
        first = np.argmin(upper, axis=0)
        for rank in range(len(self._classes)):
            self._nearer(asked, rank, first == rank, b)
        for rank in range(len(self._classes)):
            self._nearer(asked, rank, (first != rank) & (lower[rank] < b), b)
        return silhouette_of(a, b, alone)

    def _by_all_pairs(self, asked: IntArray, own: IntArray, alone: BoolArray) -> DoubleArray:
        counts = self._classes.counts
        sums = class_distance_sums(self._values, asked, self._classes, self._centre, self._kind)
        at = np.arange(len(asked))
        a = np.where(alone, 0.0, sums[at, own] / np.maximum(counts[own] - 1, 1))
        sums /= counts
        sums[at, own] = np.inf
        return silhouette_of(a, sums.min(axis=1), alone)

    def _nearer(self, asked: IntArray, rank: int, wanted: BoolArray, b: DoubleArray) -> None:
        here = np.flatnonzero(wanted)
        if len(here):
            b[here] = np.minimum(b[here], self._sums(asked[here], rank) / self._classes.counts[rank])

    def _bounds(self, asked: IntArray, own: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return upper and lower bounds of the mean distances to the classes, float32 (K, q)."""
        from channelexplorer_dash.core.measure_loops import bound_means

        upper = np.empty((len(self._classes), len(asked)), np.float32)
        lower = np.empty_like(upper)
        for part in chunks(len(asked), 8 * max(self._values.shape[1], len(self._classes))):
            rows, lengths = centred_rows(self._values, asked[part], self._centre, self._kind)
            bound_means(
                self._centred @ rows.T,
                self._widest @ rows.T,
                lengths,
                own[part],
                self._shapes,
                _SLACK,
                upper[:, part],
                lower[:, part],
            )
        return upper, lower

    def _sums(self, asked: IntArray, rank: int) -> DoubleArray:
        """Return the sum of the distances of each query to the images of a class, float64 (q,)."""
        members = self._classes.members(rank)
        return distance_sums(self._values, asked, members, self._means[rank], self._kind)
