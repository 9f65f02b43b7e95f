from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import cosine_distances
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from channelexplorer_dash.core import separability as module
from channelexplorer_dash.core.neighbours import METRICS, nearest_neighbours
from channelexplorer_dash.core.separability import KnnAccuracy, loo_knn_accuracy
from channelexplorer_dash.errors import DatasetError, SelectionError, UnknownNameError
from tests.core.strategies import labelled

Case = tuple[np.ndarray, np.ndarray]


def plain_vote(labels: np.ndarray, neighbours: list[int]) -> int:
    votes = Counter(labels[neighbours].tolist())
    most = max(votes.values())
    return next(label for label in labels[neighbours].tolist() if votes[label] == most)


@given(labelled(), st.integers(1, 6), st.sampled_from(METRICS))
def test_accuracy_is_the_vote_of_the_neighbours(case: Case, k: int, metric: str) -> None:
    S, labels = case
    neighbours = nearest_neighbours(S, k, metric).indices.tolist()
    right = [
        plain_vote(labels, near) == label for near, label in zip(neighbours, labels, strict=True) if near
    ]
    assert loo_knn_accuracy(S, labels, k, metric).accuracy == pytest.approx(sum(right) / len(labels))


def test_accuracy_agrees_with_scikit_learn() -> None:
    S, labels = load_iris(return_X_y=True)
    S = S + np.random.default_rng(8).normal(scale=1e-4, size=S.shape)  # no equal distances
    expected = cross_val_score(KNeighborsClassifier(1), S, labels, cv=LeaveOneOut()).mean()
    assert loo_knn_accuracy(S, labels, k=1, metric="euclidean").accuracy == pytest.approx(expected)


def test_vote_ties_go_to_the_nearest_of_the_tied() -> None:
    S = np.array([[0.0], [1.0], [-1.5], [3.0], [-3.5]], np.float32)
    # The neighbours of image 0 are 1, 2, 3, 4 in this order.
    assert nearest_neighbours(S, 4, "euclidean").indices[0].tolist() == [1, 2, 3, 4]
    assert module._vote(np.array([[1, 2, 2, 1], [3, 2, 2, 1], [4, 2, 1, 3]])).tolist() == [1, 2, 4]


def test_images_of_zeros_have_cosine_distance_one_to_all() -> None:
    S = np.array([[0, 0], [1, 0], [0, 0], [-1, 0]], np.float32)
    found = nearest_neighbours(S, 3, "cosine").indices
    assert found[0].tolist() == [1, 2, 3]
    assert found[1].tolist() == [0, 2, 3]
    np.testing.assert_array_equal(cosine_distances(S)[0, 1:], 1)
    assert loo_knn_accuracy(np.zeros((4, 2), np.float32), [0, 0, 1, 1], 1, "cosine").accuracy == 0.5


@pytest.mark.parametrize("metric", METRICS)
def test_few_images(metric: str) -> None:
    S = np.array([[1.0, 0], [0, 1], [1, 0.1]], np.float32)
    assert loo_knn_accuracy(S[:1], [0], 5, metric).accuracy == 0.0
    assert loo_knn_accuracy(S[:2], [0, 1], 5, metric).accuracy == 0.0
    assert loo_knn_accuracy(S[:2], [1, 1], 5, metric).accuracy == 1.0
    assert loo_knn_accuracy(S, [0, 1, 0], 1, metric).accuracy == pytest.approx(2 / 3)


def test_bad_requests_are_refused() -> None:
    S = np.ones((3, 2), np.float32)
    with pytest.raises(UnknownNameError, match="cosine"):
        loo_knn_accuracy(S, [0, 0, 0], metric="cosinus")
    with pytest.raises(SelectionError, match="neighbour"):
        loo_knn_accuracy(S, [0, 0, 0], k=0)
    with pytest.raises(DatasetError, match="one label per image"):
        loo_knn_accuracy(S, [0, 0])
    with pytest.raises(DatasetError, match="NaN"):
        loo_knn_accuracy(S * np.nan, [0, 0, 0])


def overlapping(n: int) -> Case:
    rng = np.random.default_rng(21)
    labels = rng.choice(4, n, p=[0.6, 0.3, 0.08, 0.02])
    return (rng.standard_normal((n, 3)) + labels[:, None]).astype(np.float32), labels


def test_a_sample_of_voters_estimates_the_vote_of_all() -> None:
    S, labels = overlapping(900)
    whole = loo_knn_accuracy(S, labels)
    assert whole == KnnAccuracy(whole.accuracy, 0.0, 900, 900)
    assert loo_knn_accuracy(S, labels, queries=900) == whole
    found = [loo_knn_accuracy(S, labels, queries=150, seed=seed) for seed in range(200)]
    assert {(one.voters, one.images) for one in found} == {(150, 900)}
    guesses = np.array([one.accuracy for one in found])
    # Of 200 samples the mean is known to a fourteenth of the standard error.
    assert guesses.mean() == pytest.approx(whole.accuracy, abs=0.25 * guesses.std())
    assert np.mean([one.standard_error for one in found]) == pytest.approx(guesses.std(), rel=0.2)
    assert loo_knn_accuracy(S, labels, queries=150, seed=3) == found[3]


def test_the_estimate_keeps_the_shares_of_the_classes() -> None:
    right = np.array([True, False, True, True])
    accuracy, error = module._stratified_mean(right, np.array([0, 0, 1, 1]), np.repeat([0, 1], [30, 10]))
    assert accuracy == pytest.approx(0.75 * 0.5 + 0.25)
    assert error == pytest.approx(np.sqrt(0.75**2 * (1 - 2 / 30) * 0.25))


def test_a_class_with_one_voter_counts_with_the_variance_of_all() -> None:
    right = np.array([True, True, False])
    accuracy, error = module._stratified_mean(right, np.array([0, 0, 1]), np.repeat([0, 1, 2], [6, 4, 9]))
    assert accuracy == pytest.approx(0.6)
    assert error == pytest.approx(np.sqrt(0.4**2 * (1 - 1 / 4) * 0.24))
