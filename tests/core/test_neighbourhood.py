from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import skew
from sklearn.manifold import trustworthiness as reference_trustworthiness

from channelexplorer_dash.core import centroids as centroids_module
from channelexplorer_dash.core.cka import centred_gram, linear_cka
from channelexplorer_dash.core.hubness import hubness, occurrences
from channelexplorer_dash.core.neighbourhood import nearest_ratio, neighbourhood
from channelexplorer_dash.core.picture import trustworthiness
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.errors import DatasetError, SelectionError
from tests.core.strategies import labelled, summaries
from tests.core.test_class_measures import Case, blobs


def plain_neighbourhood(S: np.ndarray, labels: np.ndarray) -> tuple[list[bool], list[float], list[float]]:
    rows = S.astype(np.float64)
    right, own, other = [], [], []
    for i, label in enumerate(labels):
        distance = np.sqrt(np.square(rows - rows[i]).sum(axis=1))
        distance[i] = np.inf
        right.append(labels[int(np.argmin(distance))] == label)
        mine = distance[labels == label].min()
        own.append(mine if np.isfinite(mine) else np.nan)
        other.append(distance[labels != label].min())
    return right, own, other


@given(labelled(), st.booleans())
def test_neighbourhoods_are_those_of_a_plain_loop(case: Case, double: bool) -> None:
    S, labels = case
    assume(len(np.unique(labels)) > 1)
    right, own, other = plain_neighbourhood(S, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(centroids_module, "DOUBLE_PRODUCTS", 10**12 if double else 0)
        found = neighbourhood(S, labels)
    np.testing.assert_array_equal(found.right, right)
    np.testing.assert_allclose(found.own, own, rtol=1e-6)
    np.testing.assert_allclose(found.other, other, rtol=1e-6)
    known = np.isfinite(own)
    intra, inter = np.sum(np.array(own)[known]), np.sum(np.array(other)[known])
    expected = intra / (intra + inter) if intra + inter > 0 else 0.5
    assert found.n2 == pytest.approx(expected, rel=1e-6)
    assert found.thornton == loo_knn_accuracy(S, labels, 1, "euclidean").accuracy


@pytest.mark.parametrize("apart", [0.2, 5.0])
def test_neighbourhoods_of_blobs(apart: float) -> None:
    S, labels = blobs(n=300, apart=apart)
    right, own, other = plain_neighbourhood(S, labels)
    some = np.array([3, 4, 250])
    found = neighbourhood(S, labels, some)
    np.testing.assert_array_equal(found.right, np.array(right)[some])
    np.testing.assert_allclose(found.own, np.array(own)[some], rtol=1e-6)
    np.testing.assert_allclose(found.other, np.array(other)[some], rtol=1e-6)


def test_no_distance_at_all_is_undecided() -> None:
    assert nearest_ratio(np.zeros((1, 2))).tolist() == [0.5]
    assert nearest_ratio(np.array([[2.0, 0.0], [0.0, 2.0]])).tolist() == [1.0, 0.0]


def test_one_class_has_no_strangers() -> None:
    with pytest.raises(DatasetError, match="at least two classes"):
        neighbourhood(np.ones((3, 2), np.float32), np.zeros(3, np.int64))


@given(summaries())
def test_hubness_is_the_skewness_of_occurrences(S: np.ndarray) -> None:
    counts = occurrences(S, 3, "euclidean")
    rows = S.astype(np.float64)
    expected = np.zeros(len(S), np.int64)
    for i in range(len(S)):
        distance = np.sqrt(np.square(rows - rows[i]).sum(axis=1))
        distance[i] = np.inf
        expected[np.argsort(distance, kind="stable")[: min(3, len(S) - 1)]] += 1
    np.testing.assert_array_equal(counts, expected)
    wanted = skew(counts) if np.ptp(counts) else 0.0
    assert hubness(counts) == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("products", [0, 10**12])
@pytest.mark.parametrize("k", [1, 5, 12])
def test_trustworthiness_is_that_of_scikit_learn(
    products: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", products)
    S, _ = blobs(n=150)
    for xy in (S[:, :2], np.random.default_rng(0).random((150, 2)).astype(np.float32)):
        expected = reference_trustworthiness(S.astype(np.float64), xy, n_neighbors=k)
        assert trustworthiness(S, xy, k).mean() == pytest.approx(expected, rel=1e-6)


def test_trustworthiness_with_ties_takes_the_lower_row() -> None:
    S = np.array([[0.0], [1.0], [1.0], [3.0], [9.0]], np.float32)
    xy = np.array([[0, 0], [5, 0], [1, 0], [9, 0], [20, 0]], np.float32)
    # Image 0 has image 2 as its neighbour in the picture: of rank 2 in S, as image 1 is as near.
    found = trustworthiness(S, xy, 1)
    assert found[0] == pytest.approx(1 - 2 / (2 * 5 - 3 - 1) * 1)


def test_trustworthiness_needs_images() -> None:
    with pytest.raises(DatasetError, match="more than 10 images"):
        trustworthiness(np.ones((10, 3), np.float32), np.ones((10, 2), np.float32))
    with pytest.raises(DatasetError, match="positions"):
        trustworthiness(np.ones((10, 3), np.float32), np.ones((9, 2), np.float32), 1)
    with pytest.raises(SelectionError):
        occurrences(np.ones((3, 2), np.float32), 0)


def plain_cka(X: np.ndarray, Y: np.ndarray) -> float:
    """HSIC of the centred Gram matrices."""
    n = len(X)
    H = np.eye(n) - 1 / n
    K = H @ (X.astype(np.float64) @ X.astype(np.float64).T) @ H
    L = H @ (Y.astype(np.float64) @ Y.astype(np.float64).T) @ H
    return float((K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum()))


@pytest.mark.parametrize("shapes", [(40, 6, 9), (10, 30, 4), (10, 30, 40)])
def test_cka_is_that_of_gram_matrices(shapes: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    n, c, d = shapes
    X = rng.standard_normal((n, c)).astype(np.float32)
    Y = (X @ rng.standard_normal((c, d)) + rng.standard_normal((n, d)) + 3).astype(np.float32)
    assert linear_cka(X, Y) == pytest.approx(plain_cka(X, Y), rel=1e-6)
    turn, _ = np.linalg.qr(rng.standard_normal((c, c)))
    assert linear_cka(X, (2.5 * X @ turn).astype(np.float32)) == pytest.approx(1, rel=1e-6)
    assert centred_gram(X).sum() == pytest.approx(0, abs=1e-6)


def test_cka_of_equal_images_is_0() -> None:
    still = np.full((7, 3), 0.1, np.float32)
    moving = np.arange(21, dtype=np.float32).reshape(7, 3)
    assert linear_cka(still, moving) == 0.0
    assert linear_cka(np.full((7, 30), 0.1, np.float32), moving) == 0.0
    with pytest.raises(DatasetError, match="same images"):
        linear_cka(still, moving[:5])
