"""States on their way from noise: what each timestep knows of the class, and where a new state belongs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, label_array, matrix
from channelexplorer_dash.core.neighbours import nearest_known
from channelexplorer_dash.core.separability import loo_knn_accuracy

DECIDABLE = 0.9
"""Accuracy from which on a class counts as decidable."""


def accuracy_by_step(
    S: npt.ArrayLike, labels: npt.ArrayLike, steps: npt.ArrayLike, k: int = 5
) -> tuple[IntArray, DoubleArray]:
    """Return how well the class is told at each step, among the states of that step alone.

    It is the leave-one-out kNN accuracy of :func:`~channelexplorer_dash.core.separability.loo_knn_accuracy`.

    Parameters
    ----------
    S
        float32 (N, C).
    labels, steps
        int64 (N,).
    k
        Neighbours; at most those that a step has.

    Returns
    -------
    tuple
        The distinct steps, int64 (T,), ascending, and the accuracy at each, float64 (T,).

    Raises
    ------
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    known, at = label_array(labels, len(values)), label_array(steps, len(values))
    present = np.unique(at)
    found = [loo_knn_accuracy(values[at == step], known[at == step], k).accuracy for step in present]
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
