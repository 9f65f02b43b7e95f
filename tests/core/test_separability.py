from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from channelexplorer_dash.core import separability as module
from channelexplorer_dash.core.arrays import chunks
from channelexplorer_dash.core.separability import loo_knn_accuracy, nearest_neighbours
from channelexplorer_dash.errors import DatasetError, SelectionError, UnknownNameError
from tests.core.strategies import labelled

Case = tuple[np.ndarray, np.ndarray]


def plain_distance(a: np.ndarray, b: np.ndarray, metric: str) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "euclidean":
        return float(np.sqrt(((a - b) ** 2).sum()))
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return 1.0 - float(a @ b / size) if size else 1.0


def plain_vote(labels: np.ndarray, neighbours: list[int]) -> int:
    votes = Counter(labels[neighbours].tolist())
    most = max(votes.values())
    return next(label for label in labels[neighbours].tolist() if votes[label] == most)


@given(labelled(), st.integers(1, 6), st.sampled_from(module.METRICS))
def test_neighbours_are_those_of_brute_force(case: Case, k: int, metric: str) -> None:
    S, _ = case
    found = nearest_neighbours(S, k, metric)
    assert found.shape == (len(S), min(k, len(S) - 1))
    for i, row in enumerate(found):
        assert i not in row
        assert len(set(row)) == len(row)
        distances = sorted(plain_distance(S[i], S[j], metric) for j in range(len(S)) if j != i)
        mine = [plain_distance(S[i], S[j], metric) for j in row]
        # Ties may fall either way in the last bit; the distances may not.
        np.testing.assert_allclose(mine, distances[: len(row)], rtol=1e-6, atol=1e-12)


@given(labelled(), st.integers(1, 6), st.sampled_from(module.METRICS))
def test_accuracy_is_the_vote_of_the_neighbours(case: Case, k: int, metric: str) -> None:
    S, labels = case
    neighbours = nearest_neighbours(S, k, metric).tolist()
    right = [
        plain_vote(labels, near) == label for near, label in zip(neighbours, labels, strict=True) if near
    ]
    assert loo_knn_accuracy(S, labels, k, metric) == pytest.approx(sum(right) / len(labels))


@pytest.mark.parametrize("metric", module.METRICS)
@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("block", [2048, 128, 7])
def test_neighbours_agree_with_scikit_learn(
    metric: str, k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "chunks", lambda n, row_bytes: chunks(n, row_bytes, block * row_bytes))
    S = np.random.default_rng(7).standard_normal((300, 17)).astype(np.float32)
    S[:, 0] += 100  # far from the origin: float32 products alone would cancel
    distance = {"cosine": cosine_distances, "euclidean": euclidean_distances}[metric](S.astype(np.float64))
    np.fill_diagonal(distance, np.inf)
    expected = np.argsort(distance, axis=1)[:, :k]
    np.testing.assert_array_equal(nearest_neighbours(S, k, metric), expected)


def test_accuracy_agrees_with_scikit_learn() -> None:
    S, labels = load_iris(return_X_y=True)
    S = S + np.random.default_rng(8).normal(scale=1e-4, size=S.shape)  # no equal distances
    expected = cross_val_score(KNeighborsClassifier(1), S, labels, cv=LeaveOneOut()).mean()
    assert loo_knn_accuracy(S, labels, k=1, metric="euclidean") == pytest.approx(expected)


def test_vote_ties_go_to_the_nearest_of_the_tied() -> None:
    S = np.array([[0.0], [1.0], [-1.5], [3.0], [-3.5]], np.float32)
    # The neighbours of image 0 are 1, 2, 3, 4 in this order.
    assert nearest_neighbours(S, 4, "euclidean")[0].tolist() == [1, 2, 3, 4]
    assert module._vote(np.array([[1, 2, 2, 1], [3, 2, 2, 1], [4, 2, 1, 3]])).tolist() == [1, 2, 4]


@pytest.mark.parametrize("block", [2048, 16, 3])
def test_equally_near_images_come_in_the_order_of_their_rows(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "chunks", lambda n, row_bytes: chunks(n, row_bytes, block * row_bytes))
    S = np.ones((40, 3), np.float32)
    for metric in module.METRICS:
        found = nearest_neighbours(S, 3, metric)
        assert found[0].tolist() == [1, 2, 3]
        assert found[2].tolist() == [0, 1, 3]
        assert found[39].tolist() == [0, 1, 2]


def test_images_of_zeros_have_cosine_distance_one_to_all() -> None:
    S = np.array([[0, 0], [1, 0], [0, 0], [-1, 0]], np.float32)
    found = nearest_neighbours(S, 3, "cosine")
    assert found[0].tolist() == [1, 2, 3]
    assert found[1].tolist() == [0, 2, 3]
    np.testing.assert_array_equal(cosine_distances(S)[0, 1:], 1)
    assert loo_knn_accuracy(np.zeros((4, 2), np.float32), [0, 0, 1, 1], 1, "cosine") == 0.5


@pytest.mark.parametrize("metric", module.METRICS)
@pytest.mark.parametrize("size", [3e38, 1.0, 3e-45])
def test_the_whole_range_of_float32_is_compared(metric: str, size: float) -> None:
    S = np.array([[1, 0], [-1, 0], [1, 0], [-1, 0], [0, 1]], np.float32) * np.float32(size)
    assert nearest_neighbours(S, 1, metric)[:4, 0].tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize("metric", module.METRICS)
def test_few_images(metric: str) -> None:
    S = np.array([[1.0, 0], [0, 1], [1, 0.1]], np.float32)
    assert loo_knn_accuracy(S[:1], [0], 5, metric) == 0.0
    assert loo_knn_accuracy(S[:2], [0, 1], 5, metric) == 0.0
    assert loo_knn_accuracy(S[:2], [1, 1], 5, metric) == 1.0
    assert loo_knn_accuracy(S, [0, 1, 0], 1, metric) == pytest.approx(2 / 3)


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
