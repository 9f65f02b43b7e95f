from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import ConvexHull
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from channelexplorer_dash.core import clusters as module
from channelexplorer_dash.core.clusters import (
    bic,
    clusters,
    convex_hull,
    effective_dimension,
    make_up,
    outliers,
    xmeans,
)
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled, summaries


def blobs(groups: int, spread: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    S, labels, *_ = make_blobs(60 * groups, 12, centers=groups, cluster_std=spread, random_state=seed)
    return S.astype(np.float32), labels


@given(summaries(), st.integers(1, 5), st.integers(0, 3))
@hypothesis_settings(max_examples=25)
def test_every_image_is_in_the_cluster_whose_centre_its_distance_is_of(
    S: np.ndarray, k: int, seed: int
) -> None:
    found = clusters(S, k, seed)
    assert 1 <= found.k <= min(k, len(np.unique(S, axis=0)))
    sizes = np.bincount(found.assignment)
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()
    for cluster in range(found.k):
        own = S[found.assignment == cluster].astype(np.float64)
        expected = np.linalg.norm(own - own.mean(axis=0), axis=1)
        np.testing.assert_allclose(
            found.distance[found.assignment == cluster], expected, rtol=1e-6, atol=1e-9 * (1 + abs(S).max())
        )
    again = clusters(S, k, seed)
    np.testing.assert_array_equal(found.assignment, again.assignment)
    np.testing.assert_array_equal(found.outlier, again.outlier)


@pytest.mark.parametrize("k", [2, 5, 9])
def test_inertia_is_that_of_scikit_learn(k: int) -> None:
    S = load_digits().data[:600].astype(np.float32)
    found = clusters(S, k, 0)
    expected = KMeans(k, n_init=4, random_state=0).fit(S.astype(np.float64))
    assert float((found.distance**2).sum()) == pytest.approx(expected.inertia_, rel=1e-3)


@given(labelled())
def test_outliers_are_beyond_mean_and_deviation(case: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = case
    _, assignment = np.unique(labels, return_inverse=True)
    distance = np.abs(S[:, 0].astype(np.float64))
    found = outliers(distance, assignment)
    for i in range(len(S)):
        own = distance[assignment == assignment[i]]
        limit = own.mean() + 0.8 * own.std()
        if abs(distance[i] - limit) > 1e-6 * (1 + limit):
            assert found[i] == (distance[i] > limit)


def test_a_far_image_is_an_outlier_and_equal_ones_are_none() -> None:
    S = np.zeros((20, 3), np.float32)
    assert not clusters(S, 1).outlier.any()
    S[7] = 9
    assert np.flatnonzero(clusters(S, 1).outlier).tolist() == [7]


def brute_bic(S: np.ndarray, assignment: np.ndarray, M: float) -> float:
    """Return the sum over rows of the log density of its own Gaussian, less the penalty."""
    R, K = len(S), assignment.max() + 1
    centres = np.stack([S[assignment == n].mean(axis=0) for n in range(K)])
    variance = sum(((x - centres[n]) ** 2).sum() for x, n in zip(S, assignment, strict=True)) / (M * (R - K))
    total = 0.0
    for x, n in zip(S, assignment, strict=True):
        weight = (assignment == n).sum() / R
        density = -M / 2 * np.log(2 * np.pi * variance) - ((x - centres[n]) ** 2).sum() / (2 * variance)
        total += np.log(weight) + density
    return total - (K - 1 + M * K + 1) / 2 * np.log(R)


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_bic_is_the_likelihood_of_the_gaussians_less_the_penalty(groups: int) -> None:
    S, labels = blobs(max(groups, 2), 2.0)
    assignment = labels % groups
    for M in (12.0, 3.7):
        assert bic(S.astype(np.float64), assignment, M) == pytest.approx(
            brute_bic(S.astype(np.float64), assignment, M), rel=1e-9
        )
    assert bic(S[:2].astype(np.float64), np.array([0, 1]), 2.0) == -np.inf


def test_effective_dimension() -> None:
    random = np.random.default_rng(0)
    S = random.normal(size=(30, 6)) * [5, 2, 1, 1, 0.1, 0]
    values = np.linalg.eigvalsh(np.cov(S.T))
    expected = values.sum() ** 2 / (values**2).sum()
    assert effective_dimension(S) == pytest.approx(expected)
    assert effective_dimension(S[:4]) == pytest.approx(effective_dimension(np.pad(S[:4], ((0, 0), (0, 9)))))
    assert effective_dimension(np.outer(np.arange(9.0), np.ones(3))) == pytest.approx(1)
    assert effective_dimension(np.full((5, 3), 0.1)) == 0


@pytest.mark.parametrize("groups", [2, 4, 7])
def test_the_number_of_clear_clusters_is_found(groups: int) -> None:
    S, labels = blobs(groups, 2.0)
    found = clusters(S, None, 0)
    assert found.k == groups
    assert make_up(found.assignment, labels).rand == 1


def test_one_cloud_is_one_cluster_however_long() -> None:
    random = np.random.default_rng(0)
    for stretch in (1.0, 0.05):
        cloud = random.normal(size=(500, 20)) * np.geomspace(1, stretch, 20)
        assert len(xmeans(cloud)) == 1


def test_no_more_clusters_than_allowed_and_none_of_equal_rows() -> None:
    S, _ = blobs(7, 1.0)
    assert len(xmeans(S.astype(np.float64), most=3)) <= 3
    assert clusters(np.ones((9, 4), np.float32)).k == 1
    assert clusters(np.ones((1, 4), np.float32)).k == 1
    assert clusters(np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)).k == 3


def test_many_rows_are_placed_by_a_fit_to_some(monkeypatch: pytest.MonkeyPatch) -> None:
    S, labels = blobs(4, 1.0)
    monkeypatch.setattr(module, "FITTED", 100)
    for k in (4, None):
        assert make_up(clusters(S, k).assignment, labels).rand == 1


@given(labelled(), st.integers(1, 4))
def test_make_up_is_that_of_scikit_learn(case: tuple[np.ndarray, np.ndarray], k: int) -> None:
    _, labels = case
    _, assignment = np.unique(np.arange(len(labels)) * 7 % 5 % k, return_inverse=True)
    found = make_up(assignment, labels)
    for cluster, row in enumerate(found.counts):
        expected = [int(((assignment == cluster) & (labels == c)).sum()) for c in found.classes]
        assert row.tolist() == expected
    assert found.purity == pytest.approx(found.counts.max(axis=1).sum() / len(labels))
    assert found.rand == pytest.approx(adjusted_rand_score(labels, assignment), abs=1e-9)
    expected = normalized_mutual_info_score(labels, assignment)
    assert found.information == pytest.approx(expected, abs=1e-9)


# Corners that stand out by less than a float can tell are none.
coordinates = st.integers(-20, 20).map(float)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=coordinates))
def test_hull_is_that_of_scipy(points: np.ndarray) -> None:
    found = convex_hull(points)
    centred = points - points[0]
    if np.linalg.matrix_rank(centred) < 2:
        ordered = np.unique(points, axis=0)
        assert {tuple(p) for p in found} == {tuple(ordered[0]), tuple(ordered[-1])}
        return
    expected = points[ConvexHull(points).vertices]
    assert {tuple(p) for p in found} == {tuple(p) for p in expected}
    x, y = found.T
    assert (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(DatasetError, match="at least one cluster"):
        clusters(np.ones((3, 2)), 0)
    with pytest.raises(DatasetError, match="NaN"):
        clusters([[1.0, np.nan]])
    with pytest.raises(DatasetError, match="no image"):
        make_up(np.zeros(0, np.int64), np.zeros(0, np.int64))
    with pytest.raises(DatasetError, match="one label"):
        make_up(np.zeros(3, np.int64), np.zeros(2, np.int64))
