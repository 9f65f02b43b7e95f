"""Separability: how far the classes of an activation summary are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, IntArray, label_array, matrix
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.core.sampling import stratified


@dataclass(frozen=True)
class KnnAccuracy:
    """A leave-one-out kNN accuracy, and how well it is known.

    Attributes
    ----------
    accuracy
        0 … 1.
    standard_error
        Of the accuracy as an estimate of that of all images; 0 where all of them vote.
    voters
        Images whose neighbours were asked.
    images
        Images among which the neighbours were looked for.
    """

    accuracy: float
    standard_error: float
    voters: int
    images: int


def loo_knn_accuracy(
    S: npt.ArrayLike,
    labels: npt.ArrayLike,
    k: int = 5,
    metric: str = "cosine",
    queries: int = 0,
    seed: int = 0,
) -> KnnAccuracy:
    """Return the leave-one-out accuracy of the k-nearest-neighbour vote (Cover and Hart 1967).

    The share of images whose k nearest other images vote for their own label. Of labels with equally many
    votes the one with the nearest neighbour wins; of equally near images the lower row comes first
    (:func:`~channelexplorer_dash.core.neighbours.nearest_neighbours`).

    With ``queries``, a stratified sample of so many images is voted on, by their neighbours among all images:
    the estimate Σ_h W_h p_h over the classes h, with W_h = N_h / N, and its standard error
    √(Σ_h W_h² (1 − n_h / N_h) p_h (1 − p_h) / (n_h − 1)) (Cochran 1977, ch. 5). A class of which one image is
    asked of several has the variance of all the voters. With fewer queries than classes, it is of the classes
    that are asked.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    k
        Neighbours; at most N − 1 take part.
    metric
        ``cosine`` or ``euclidean``.
    queries
        Images that are voted on, at most; 0 for all.
    seed
        Of the sample; any integer.

    Returns
    -------
    KnnAccuracy
        An image whose class has no other image is never right; a single image gives 0.

    Raises
    ------
    UnknownNameError
        If there is no such metric.
    SelectionError
        If ``k`` is below 1.
    DatasetError
        If shapes do not fit, or S holds NaN or infinity.
    """
    right, voters = knn_votes(S, labels, k, metric, queries, seed)
    known = label_array(labels, len(np.asarray(labels)))
    accuracy, error = _stratified_mean(right, known[voters], known)
    return KnnAccuracy(accuracy, error, len(voters), len(known))


def knn_votes(
    S: npt.ArrayLike,
    labels: npt.ArrayLike,
    k: int = 5,
    metric: str = "cosine",
    queries: int = 0,
    seed: int = 0,
) -> tuple[BoolArray, IntArray]:
    """Return which voters of :func:`loo_knn_accuracy` are right, bool (q,), and their rows, int64 (q,).

    Parameters and errors are those of :func:`loo_knn_accuracy`.
    """
    values = matrix(S)
    known = label_array(labels, len(values))
    voters = stratified(known, queries, seed) if queries else np.arange(len(known))
    near = nearest_neighbours(values, k, metric, voters).indices
    if not near.shape[1]:
        return np.zeros(len(voters), np.bool_), voters
    right: BoolArray = _vote(known[near]) == known[voters]
    return right, voters


def _stratified_mean(right: BoolArray, asked: IntArray, labels: IntArray) -> tuple[float, float]:
    """Return the estimate of the share that is right, and its standard error."""
    if len(asked) == len(labels):
        return float(right.mean()), 0.0
    classes, strata, counts = np.unique(asked, return_inverse=True, return_counts=True)
    present, sizes = np.unique(labels, return_counts=True)
    sizes = sizes[np.isin(present, classes)]
    share = np.bincount(strata, weights=right) / counts
    weight = sizes / sizes.sum()
    accuracy = float(weight @ share)
    spread = share * (1 - share) / np.maximum(counts - 1, 1)
    spread[counts == 1] = accuracy * (1 - accuracy)
    return accuracy, float(np.sqrt(np.square(weight) @ ((1 - counts / sizes) * spread)))


def _vote(labels: IntArray) -> IntArray:
    """Return the label with most votes in each row of (n, k) labels, nearest first."""
    votes = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    # argmax takes the first, and so the nearest, of equal counts.
    winner = np.argmax(votes, axis=1)
    voted: IntArray = labels[np.arange(len(labels)), winner]
    return voted
