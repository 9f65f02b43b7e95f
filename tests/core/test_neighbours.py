from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances
from sklearn.neighbors import NearestNeighbors

from channelexplorer_dash.core import neighbours as module
from channelexplorer_dash.core.neighbours import nearest_known, nearest_neighbours
from channelexplorer_dash.errors import DatasetError, SelectionError, UnknownNameError
from tests.core.strategies import labelled

Case = tuple[np.ndarray, np.ndarray]


def plain_distance(a: np.ndarray, b: np.ndarray, metric: str) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "euclidean":
        return float(np.sqrt(((a - b) ** 2).sum()))
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return 1.0 - float(a @ b / size) if size else 1.0


@given(labelled(), st.integers(1, 6), st.sampled_from(module.METRICS))
def test_neighbours_are_those_of_brute_force(case: Case, k: int, metric: str) -> None:
    S, _ = case
    found = nearest_neighbours(S, k, metric).indices
    assert found.shape == (len(S), min(k, len(S) - 1))
    for i, row in enumerate(found):
        assert i not in row
        assert len(set(row)) == len(row)
        distances = sorted(plain_distance(S[i], S[j], metric) for j in range(len(S)) if j != i)
        mine = [plain_distance(S[i], S[j], metric) for j in row]
        # Ties may fall either way in the last bit; the distances may not.
        np.testing.assert_allclose(mine, distances[: len(row)], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("metric", module.METRICS)
@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("block", [2048, 128, 7])
def test_neighbours_agree_with_scikit_learn(
    metric: str, k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_QUERIES", "_WIDTH", "_BLOCK_BYTES"):
        monkeypatch.setattr(module, name, block)
    S = np.random.default_rng(7).standard_normal((300, 17)).astype(np.float32)
    S[:, 0] += 100  # far from the origin: float32 products alone would cancel
    distance = {"cosine": cosine_distances, "euclidean": euclidean_distances}[metric](S.astype(np.float64))
    np.fill_diagonal(distance, np.inf)
    expected = np.argsort(distance, axis=1)[:, :k]
    np.testing.assert_array_equal(nearest_neighbours(S, k, metric).indices, expected)


@pytest.mark.parametrize("block", [2048, 16, 3])
def test_equally_near_images_come_in_the_order_of_their_rows(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_QUERIES", "_WIDTH", "_BLOCK_BYTES"):
        monkeypatch.setattr(module, name, block)
    S = np.ones((40, 3), np.float32)
    for metric in module.METRICS:
        found = nearest_neighbours(S, 3, metric).indices
        assert found[0].tolist() == [1, 2, 3]
        assert found[2].tolist() == [0, 1, 3]
        assert found[39].tolist() == [0, 1, 2]


@pytest.mark.parametrize("metric", module.METRICS)
@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4, 1e-6])
def test_neighbours_in_tight_clusters_are_exact(metric: str, spread: float) -> None:
    generator = np.random.default_rng(3)
    centres = generator.standard_normal((4, 64)) + 10
    S = (np.repeat(centres, 60, axis=0) + spread * generator.standard_normal((240, 64))).astype(np.float32)
    values = S.astype(np.float64)
    if metric == "cosine":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    distance = np.square(values[:, None] - values[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    expected = np.sort(distance, axis=1)[:, :5]
    found = nearest_neighbours(S, 5, metric).indices
    # 1 − cosine is known to 1e-16 or so, and of equally near images either may be named.
    np.testing.assert_allclose(np.take_along_axis(distance, found, axis=1), expected, rtol=1e-5, atol=1e-15)


def test_images_of_zeros_are_far_from_all_others() -> None:
    S = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [-1, 0], [-1, -1]], np.float32)
    found = nearest_neighbours(np.repeat(S, 20, axis=0), 25)
    assert found.indices[0].tolist() == [*range(1, 26)]
    np.testing.assert_array_equal(found.distances[0], 1)
    assert set(found.indices[20][:19]) == set(range(21, 40))
    expected = np.sort(cosine_distances(np.repeat(S, 20, axis=0).astype(np.float64))[20])[1:26]
    np.testing.assert_allclose(found.distances[20], expected, atol=1e-12)


@pytest.mark.parametrize("metric", module.METRICS)
@pytest.mark.parametrize("size", [3e38, 1.0, 3e-45])
def test_the_whole_range_of_float32_is_compared(metric: str, size: float) -> None:
    S = np.array([[1, 0], [-1, 0], [1, 0], [-1, 0], [0, 1]], np.float32) * np.float32(size)
    assert nearest_neighbours(S, 1, metric).indices[:4, 0].tolist() == [2, 3, 0, 1]


@pytest.mark.parametrize("metric", module.METRICS)
def test_some_images_are_compared_with_all(metric: str) -> None:
    S = np.random.default_rng(9).random((90, 6), dtype=np.float32)
    queries = np.array([80, 3, 3, 41])
    whole, some = nearest_neighbours(S, 4, metric), nearest_neighbours(S, 4, metric, queries)
    np.testing.assert_array_equal(some.indices, whole.indices[queries])
    np.testing.assert_allclose(some.distances, whole.distances[queries], rtol=1e-12)
    assert nearest_neighbours(S, 4, metric, queries[:0]).indices.shape == (0, 4)


@given(labelled(), st.integers(1, 6), st.sampled_from(module.METRICS))
def test_known_images_near_others_are_those_of_brute_force(case: Case, k: int, metric: str) -> None:
    S, _ = case
    half = (len(S) + 1) // 2
    found = nearest_known(S[:half], S, k, metric)
    assert found.indices.shape == (len(S), min(k, half))
    for i in range(len(S)):
        distances = sorted(plain_distance(S[i], S[j], metric) for j in range(half))
        np.testing.assert_allclose(found.distances[i], distances[:k], rtol=1e-6, atol=1e-12)
        mine = [plain_distance(S[i], S[j], metric) for j in found.indices[i]]
        np.testing.assert_allclose(mine, distances[:k], rtol=1e-6, atol=1e-12)


def test_distances_are_scikit_learns() -> None:
    S = np.random.default_rng(10).standard_normal((400, 30)).astype(np.float32)
    for metric in module.METRICS:
        brute = NearestNeighbors(n_neighbors=7, metric=metric, algorithm="brute").fit(S[:300].astype(float))
        distances, indices = brute.kneighbors(S[300:].astype(float))
        found = nearest_known(S[:300], S[300:], 7, metric)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-6, atol=1e-12)


def test_bad_requests_are_refused() -> None:
    S = np.ones((3, 2), np.float32)
    with pytest.raises(UnknownNameError, match="cosine"):
        nearest_neighbours(S, 1, "cosinus")
    with pytest.raises(SelectionError, match="neighbour"):
        nearest_neighbours(S, 0)
    with pytest.raises(DatasetError, match="NaN"):
        nearest_neighbours(S * np.nan, 1)
    with pytest.raises(DatasetError, match="2 channels"):
        nearest_known(np.ones((3, 4)), S, 1)
