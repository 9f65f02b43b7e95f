"""States on their way from noise: what each timestep knows of the class, and where a new state belongs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, label_array, matrix
from channelexplorer_dash.core.centroids import centroid_measures
from channelexplorer_dash.core.dispersion import calinski_harabasz, davies_bouldin
from channelexplorer_dash.core.gdv import discrimination_value
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.neighbourhood import nearest_ratio, neighbourhood
from channelexplorer_dash.core.neighbours import nearest_known
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.core.silhouette import silhouettes
from channelexplorer_dash.errors import DatasetError

DECIDABLE = 0.9
"""Accuracy from which on a class counts as decidable."""


STEP_MEASURES: Mapping[str, Callable[[FloatArray, IntArray, int], float]] = {
    "knn": lambda S, labels, k: loo_knn_accuracy(S, labels, k).accuracy,
    "thornton": lambda S, labels, _: float(neighbourhood(S, labels).right.mean()),
    "centroid": lambda S, labels, _: float(centroid_measures(S, labels).right_left_out.mean()),
    "silhouette": lambda S, labels, _: float(silhouettes(S, labels).mean()),
    "gdv": lambda S, labels, _: discrimination_value(S, labels).value,
    "calinski_harabasz": lambda S, labels, _: calinski_harabasz(class_moments(S, labels)),
    "davies_bouldin": lambda S, labels, _: davies_bouldin(S, labels),
    "n2": lambda S, labels, _: float(
        nearest_ratio(neighbourhood(S, labels).contributions.mean(axis=0)[None])[0]
    ),
}
"""What a step's states can be measured by: the measures that take little of so few."""


def measure_by_step(
    S: npt.ArrayLike, labels: npt.ArrayLike, steps: npt.ArrayLike, measure: str = "knn", k: int = 5
) -> tuple[IntArray, DoubleArray]:
    """Return how far the classes are apart at each step, among the states of that step alone.

    Parameters
    ----------
    S
        float32 (N, C).
    labels, steps
        int64 (N,).
    measure
        One of :data:`STEP_MEASURES`, computed from all states of a step.
    k
        Neighbours of the kNN accuracy; at most those that a step has.

    Returns
    -------
    tuple
        The distinct steps, int64 (T,), ascending, and the measure at each, float64 (T,).

    Raises
    ------
    DatasetError
        If shapes do not fit, S holds NaN or infinity, or a step's states do not have the measure: there is
        one class, or one state of each class, for example.
    """
    values = matrix(S)
    known, at = label_array(labels, len(values)), label_array(steps, len(values))
    present = np.unique(at)
    if measure != "knn" and any(len(np.unique(known[at == step])) < 2 for step in present):
        raise DatasetError("Classes are compared at each timestep, and one has a single class. Choose more.")
    found = [STEP_MEASURES[measure](values[at == step], known[at == step], k) for step in present]
    return present, np.array(found, dtype=np.float64)


def decidable_from(accuracy: npt.ArrayLike, threshold: float = DECIDABLE) -> int | None:
    """Return the first position from which on the accuracies stay at the threshold; None where they do not.

    Parameters
    ----------
    accuracy
        float64 (T,), from noise to image.
    """
    enough = np.asarray(accuracy, np.float64) >= threshold
    below = np.flatnonzero(~enough)
    start = int(below[-1]) + 1 if len(below) else 0
    return start if start < len(enough) else None


@dataclass(frozen=True)
class Vote:
    """Where new states belong, by their nearest known ones.

    Attributes
    ----------
    labels, steps
        int64 (q,): the class, and the step, that most neighbours have; of equal counts the nearest one's.
    label_share, step_share
        float64 (q,): the share of the neighbours that have it, 0 … 1: the confidence.
    mean_step
        float64 (q,): mean step of the neighbours.
    near
        int64 (q, k): rows of the neighbours, nearest first.
    """

    labels: IntArray
    label_share: DoubleArray
    steps: IntArray
    step_share: DoubleArray
    mean_step: DoubleArray
    near: IntArray


def vote(
    S: npt.ArrayLike, labels: npt.ArrayLike, steps: npt.ArrayLike, new: npt.ArrayLike, k: int = 5
) -> Vote:
    """Return class and step of new states by the vote of their k nearest known ones, in cosine distance.

    Cover and Hart, Nearest Neighbor Pattern Classification, IEEE Trans. Inf. Theory 13(1), 1967.

    Parameters
    ----------
    S
        float32 (N, C): the known states.
    labels, steps
        int64 (N,).
    new
        float32 (q, C).
    """
    values = matrix(S)
    known, at = label_array(labels, len(values)), label_array(steps, len(values))
    near = nearest_known(values, new, k).indices
    label, label_share = _most(known[near])
    step, step_share = _most(at[near])
    return Vote(label, label_share, step, step_share, at[near].mean(axis=1), near)


def explained(truth: npt.ArrayLike, guess: npt.ArrayLike) -> float:
    """Return R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; 0 where the truth does not vary."""
    y, guessed = np.asarray(truth, np.float64), np.asarray(guess, np.float64)
    total = np.square(y - y.mean()).sum()
    return float(1 - np.square(y - guessed).sum() / total) if total > 0 else 0.0


def _most(votes: IntArray) -> tuple[IntArray, DoubleArray]:
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    winner = counts.argmax(axis=1)
    rows = np.arange(len(votes))
    return votes[rows, winner], counts[rows, winner] / votes.shape[1]
