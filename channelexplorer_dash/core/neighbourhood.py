"""The nearest image of the own class against the nearest of another: the Thornton index and N2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray, chunks, matrix
from channelexplorer_dash.core.centroids import precision
from channelexplorer_dash.core.classes import Classes, classes_of
from channelexplorer_dash.core.distances import centred_rows
from channelexplorer_dash.core.neighbours import nearest_neighbours

# The nearest images that are looked at before a search for the nearest of another class.
_NEAR = 8
# Queries that are compared with a block of images, and the bytes of such a block.
_BLOCK_BYTES = 16 * 2**20
_QUERIES = 2048


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest images of some queries.

    Attributes
    ----------
    right
        bool (q,): the nearest other image is of the own class; of equally near ones the lower row counts.
    own
        float64 (q,): Euclidean distance to the nearest other image of the own class; NaN where there is none.
    other
        float64 (q,): to the nearest image of another class.
    """

    right: BoolArray
    own: DoubleArray
    other: DoubleArray

    @property
    def thornton(self) -> float:
        """Thornton's separability index: share of queries that are right (Thornton 1998; Greene 2001)."""
        return float(self.right.mean())

    @property
    def n2(self) -> float:
        """N2 of Ho and Basu, as Lorena et al. (2019) scale it: :func:`nearest_ratio` of the sums."""
        return float(nearest_ratio(self.contributions.sum(axis=0)[None])[0])

    @property
    def contributions(self) -> DoubleArray:
        """What each query adds to the two sums, float64 (q, 2); 0 where it is alone in its class."""
        known = np.isfinite(self.own)
        return np.stack([np.where(known, self.own, 0.0), np.where(known, self.other, 0.0)], axis=1)


def nearest_ratio(sums: DoubleArray) -> DoubleArray:
    """Return N2 = r / (1 + r), r = Σ d(x, nearest of its class) / Σ d(x, nearest of another class).

    0 where the classes are far apart and dense, ½ where they are mixed; ½, too, where all distances are 0.

    Parameters
    ----------
    sums
        float64 (n, 2): the two sums, or the two means.

    Returns
    -------
    numpy.ndarray
        float64 (n,).
    """
    whole = sums.sum(axis=1)
    ratio: DoubleArray = np.divide(sums[:, 0], whole, out=np.full(len(sums), 0.5), where=whole > 0)
    return ratio


def neighbourhood(S: npt.ArrayLike, labels: npt.ArrayLike, queries: IntArray | None = None) -> Neighbourhood:
    """Return the nearest images of the own and of other classes, by Euclidean distance.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    queries
        int64 (q,): rows of S that are asked for their neighbours among all images; None for all.

    Raises
    ------
    DatasetError
        If there is one class only, shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    classes = classes_of(labels, len(values), "The distance to the nearest image of another class")
    asked = np.arange(len(values)) if queries is None else np.asarray(queries, np.int64)
    near = nearest_neighbours(values, _NEAR, "euclidean", asked)
    same = classes.ranks[near.indices] == classes.ranks[asked][:, None]
    own = _first(near.distances, same)
    other = _first(near.distances, ~same)
    counted = np.isnan(own) & (classes.counts[classes.ranks[asked]] > 1)
    for rank in np.unique(classes.ranks[asked[counted]]).tolist():
        members = classes.members(rank)
        here = np.flatnonzero(counted & (classes.ranks[asked] == rank))
        position = np.searchsorted(members, asked[here])
        own[here] = nearest_neighbours(values[members], 1, "euclidean", position).distances[:, 0]
    strangers = np.flatnonzero(np.isnan(other))
    if len(strangers):
        other[strangers] = _strangers(values, classes, asked[strangers])
    return Neighbourhood(same[:, 0].copy(), own, other)


def _first(distances: DoubleArray, wanted: BoolArray) -> DoubleArray:
    """Return the first wanted entry of each row, or NaN."""
    at = np.argmax(wanted, axis=1)[:, None]
    found: DoubleArray = np.take_along_axis(distances, at, axis=1)[:, 0]
    return np.where(wanted.any(axis=1), found, np.nan)


def _strangers(values: npt.NDArray[np.float32], classes: Classes, asked: IntArray) -> DoubleArray:
    """Return the distance of each query to the nearest image of another class."""
    from channelexplorer_dash.core.measure_loops import between_rows, closest_stranger

    kind = precision(values, len(asked) * values.size)
    centre = values.mean(axis=0, dtype=np.float64)
    best, index = np.full(len(asked), -np.inf, kind), np.zeros(len(asked), np.int64)
    own = classes.ranks[asked]
    for some in chunks(len(asked), 1, _QUERIES):
        left, _ = centred_rows(values, asked[some], centre, kind)
        for part in chunks(len(values), 2 * left.itemsize * values.shape[1], _BLOCK_BYTES):
            right, lengths = centred_rows(values, np.arange(part.start, part.stop), centre, kind)
            closeness = left @ right.T
            # x·y − ½‖y‖² falls with ‖x − y‖².
            closeness -= (lengths / 2).astype(kind)
            closest_stranger(closeness, part.start, own[some], classes.ranks, best[some], index[some])
    squared = np.empty(len(asked))
    between_rows(values, asked, index, squared)
    return np.sqrt(squared)
