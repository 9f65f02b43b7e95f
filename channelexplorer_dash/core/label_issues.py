"""Label issues: images whose labels are probably wrong, the most suspicious first.

Three ways to score a label (:mod:`~channelexplorer_dash.core.label_scores`) in each of several layers give
single scores m. Their ranks r_m, from 0 to 1, are averaged with the weights w_m = (A_m − ½)⁴, A_m being the
chance that the single score of a known mistake (an image that is called by another name, chosen evenly) ranks
above that of an image as it is: the area under the ROC curve of finding known mistakes. A score that finds
none has no weight, and a rank cannot run away, so that no single score decides alone: the mean of ranks is
robust where a network has learned some of the wrong labels by heart, which its late layers then confirm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BitArray, DoubleArray, FloatArray, IntArray, label_array, matrix
from channelexplorer_dash.core.jaccard import nearest_sets
from channelexplorer_dash.core.label_noise import expected_precision, wrong_chances
from channelexplorer_dash.core.label_scores import ClassScores, mid_ranks, probed, two_largest, votes
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.core.pca import principal_components
from channelexplorer_dash.core.probe import loo_ridge_scores
from channelexplorer_dash.errors import DatasetError, SelectionError

WAYS = ("neighbours", "active_sets", "probe")
"""The ways to score a label."""

NEIGHBOURS = 25
# Power of the weights: the better single scores count for more, and never one alone.
_SHARPNESS = 4
# Other names that an image is called by.
_FLIPS = 10
# Neighbours are looked for among so many principal components where there are more channels: all pairs of
# 50,000 images by 2,048 channels take minutes.
_COMPONENTS = 256


@dataclass(frozen=True)
class LayerEvidence:
    """What is known of the images at one layer.

    Attributes
    ----------
    name
        Of the layer.
    S
        float32 (N, C).
    sets
        uint64 (N, ⌈C / 64⌉): their active sets.
    """

    name: str
    S: npt.ArrayLike
    sets: BitArray


@dataclass(frozen=True)
class LabelIssues:
    """The suspicion of every label, aligned with the images.

    Attributes
    ----------
    score
        float64 (N,), 0 … 1: the higher, the more suspicious.
    proposed
        int64 (N,): the best other label.
    chance
        float64 (N,): that the label is wrong (:mod:`~channelexplorer_dash.core.label_noise`).
    precision
        float64 (N,): expected share of wrong labels among the images up to this one in the ranking.
    singles
        Ranks (N,) of each single score, 0 … 1, by (layer, way).
    weights
        Of the single scores, by (layer, way); they add up to 1.
    wrong
        Expected share of wrong labels among all.
    """

    score: DoubleArray
    proposed: IntArray
    chance: DoubleArray
    precision: DoubleArray
    singles: Mapping[tuple[str, str], DoubleArray]
    weights: Mapping[tuple[str, str], float]
    wrong: float

    def way(self, way: str) -> DoubleArray:
        """Return the weighted mean, over the layers, of the ranks of one of :data:`WAYS`, float64 (N,)."""
        keys = [key for key in self.singles if key[1] == way]
        weights = np.array([self.weights[key] for key in keys])
        shares = weights / weights.sum() if weights.sum() else np.full(len(keys), 1 / len(keys))
        return np.asarray(shares @ np.stack([self.singles[key] for key in keys]))


def label_issues(
    layers: Iterable[LayerEvidence],
    labels: npt.ArrayLike,
    neighbours: int = NEIGHBOURS,
    seed: int = 0,
    threads: int = 1,
) -> LabelIssues:
    """Rank images by how probably their labels are wrong.

    Layers are looked at one after the other, so that only one has to be in memory. An image whose class has
    no other image cannot be judged: it comes last, with a chance of 0.

    Parameters
    ----------
    layers
        At least one, all of the same images in the same order.
    labels
        int64 (N,).
    neighbours
        k of both votes; at most N − 1 vote.
    seed
        Of the other names that images are called by where there are more than 11 classes.
    threads
        How many threads compare active sets.

    Raises
    ------
    SelectionError
        If there is only one class, no layer, or ``neighbours`` is below 1.
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    known = np.asarray(labels)
    present, codes, counts = np.unique(
        label_array(known, np.size(known)), return_inverse=True, return_counts=True
    )
    if len(present) < 2:
        raise SelectionError(
            "Label issues need images of at least two classes. Choose more classes in the Dataset View."
        )
    flips = _other_names(codes, len(present), seed)
    mean = _Mean(codes, flips, len(present))
    for layer in layers:
        mean.add_layer(layer, neighbours, threads)
    if not mean.weights:
        raise SelectionError("Label issues need at least one layer. Choose one.")
    return mean.issues(present, counts[codes] > 1)


class _Mean:
    """The weighted mean of single scores, as they come."""

    def __init__(self, codes: IntArray, flips: IntArray, classes: int) -> None:
        self.codes, self.flips, self.classes = codes, flips, classes
        self.agreed: FloatArray = np.zeros((len(codes), classes), np.float32)
        self.score = np.zeros(len(codes))
        self.singles: dict[tuple[str, str], DoubleArray] = {}
        self.weights: dict[tuple[str, str], float] = {}

    def add_layer(self, layer: LayerEvidence, neighbours: int, threads: int) -> None:
        """Add the three single scores of a layer."""
        values = matrix(layer.S)
        if len(values) != len(self.codes) or len(layer.sets) != len(self.codes):
            raise DatasetError(
                f"{layer.name} is of {len(values):,} images; there are {len(self.codes):,} labels."
            )
        compact = _compact(values)
        near = nearest_neighbours(compact, neighbours, "cosine").indices
        self._add((layer.name, WAYS[0]), votes(near, self.codes, self.classes))
        near = nearest_sets(layer.sets, neighbours, threads)
        self._add((layer.name, WAYS[1]), votes(near, self.codes, self.classes))
        self._add((layer.name, WAYS[2]), probed(loo_ridge_scores(values, self.codes), self.codes))

    def _add(self, name: tuple[str, str], found: ClassScores) -> None:
        suspicion = found.suspicion(self.codes)
        ranks = mid_ranks(suspicion, suspicion)
        flipped = mid_ranks(found.suspicion(self.flips), suspicion)
        # The mean rank of the known mistakes among the images as they are is the area under the ROC curve.
        weight = max(float(flipped.mean()) - 0.5, 0.0) ** _SHARPNESS
        self.singles[name], self.weights[name] = ranks, weight
        self.score += weight * ranks
        found.add_to(self.agreed, weight)

    def issues(self, present: IntArray, judged: npt.NDArray[np.bool_]) -> LabelIssues:
        """Return what the single scores say together."""
        total = sum(self.weights.values())
        if total > 0:
            self.score /= total
            self.agreed /= total
        self.score[~judged] = 0.0
        chance = wrong_chances(self.score, self.agreed, self.codes)
        chance[~judged] = 0.0
        self.agreed[np.arange(len(self.codes)), self.codes] = -np.inf
        return LabelIssues(
            score=self.score,
            proposed=present[two_largest(self.agreed, 0.0)[0]],
            chance=chance,
            precision=expected_precision(self.score, chance),
            singles=self.singles,
            weights={name: weight / (total or 1.0) for name, weight in self.weights.items()},
            wrong=float(chance.mean()),
        )


def _other_names(codes: IntArray, classes: int, seed: int) -> IntArray:
    """Return other labels of each image, int64 (N, A): all where there are few, else spread evenly."""
    others = classes - 1
    count = min(others, _FLIPS)
    first = np.zeros(len(codes), np.int64)
    if count < others:
        first = np.random.default_rng(seed % 2**63).integers(0, others, len(codes))
    steps = (first[:, None] + np.arange(count) * (others // count)) % others
    return np.asarray((codes[:, None] + 1 + steps) % classes, dtype=np.int64)


def _compact(values: FloatArray) -> FloatArray:
    """Return what neighbours are looked for in: S, or its first principal components where it is wide."""
    if values.shape[1] <= _COMPONENTS or len(values) <= _COMPONENTS:
        return values
    return principal_components(values, _COMPONENTS).scores.astype(np.float32)
