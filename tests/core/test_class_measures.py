"""Measures of classes by their means and distances, against scikit-learn and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from sklearn import metrics
from sklearn.neighbors import NearestCentroid

from channelexplorer_dash.core import centroids as centroids_module
from channelexplorer_dash.core import silhouette as silhouette_module
from channelexplorer_dash.core.centroids import centroid_measures
from channelexplorer_dash.core.classes import classes_of
from channelexplorer_dash.core.dispersion import calinski_harabasz, davies_bouldin
from channelexplorer_dash.core.gdv import discrimination_value
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.silhouette import silhouettes
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled

Case = tuple[np.ndarray, np.ndarray]


def blobs(seed: int = 0, n: int = 300, c: int = 24, k: int = 6, apart: float = 1.0) -> Case:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n) * 3
    centres = apart * rng.standard_normal((k, c))
    return (centres[labels // 3] + rng.standard_normal((n, c))).astype(np.float32), labels


def several(labels: np.ndarray) -> bool:
    """Whether scikit-learn answers at all."""
    return 2 <= len(np.unique(labels)) < len(labels)


def plain_silhouettes(S: np.ndarray, labels: np.ndarray, power: int) -> np.ndarray:
    rows = S.astype(np.float64)
    apart = np.sqrt(np.square(rows[:, None] - rows[None]).sum(axis=2)) ** power
    out = []
    for i, label in enumerate(labels):
        mine = (labels == label) & (np.arange(len(labels)) != i)
        if not mine.any():
            out.append(0.0)
            continue
        a = apart[i, mine].mean()
        b = min(apart[i, labels == other].mean() for other in set(labels.tolist()) - {int(label)})
        out.append((b - a) / max(a, b) if max(a, b) > 0 else 0.0)
    return np.array(out)


@given(labelled())
def test_silhouettes_are_those_of_a_plain_loop(case: Case) -> None:
    S, labels = case
    assume(len(np.unique(labels)) > 1)
    np.testing.assert_allclose(silhouettes(S, labels), plain_silhouettes(S, labels, 1), rtol=1e-6, atol=1e-7)
    squared = centroid_measures(S, labels).silhouette
    np.testing.assert_allclose(squared, plain_silhouettes(S, labels, 2), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("apart", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("products", [0, 10**12])
@pytest.mark.parametrize("many", [0.0, 1.0])
def test_silhouettes_in_either_precision_and_either_way(
    apart: float, products: int, many: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", products)
    monkeypatch.setattr(silhouette_module, "_MANY", many)
    S, labels = blobs(n=900, k=60, apart=apart)
    S[7] = S[3]
    expected = metrics.silhouette_samples(S.astype(np.float64), labels)
    np.testing.assert_allclose(silhouettes(S, labels), expected, atol=1e-6)
    some = np.array([5, 800, 3])
    np.testing.assert_allclose(silhouettes(S, labels, some), expected[some], atol=1e-6)
    squared = metrics.silhouette_samples(S.astype(np.float64), labels, metric="sqeuclidean")
    np.testing.assert_allclose(centroid_measures(S, labels).silhouette, squared, atol=2e-6)


def test_most_classes_need_no_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    S, labels = blobs(n=1200, k=60, apart=1.5)
    measured = 0
    real = silhouette_module.distance_sums

    def counting(values: np.ndarray, left: np.ndarray, right: np.ndarray, *rest: object) -> np.ndarray:
        nonlocal measured
        measured += len(left) * len(right)
        return real(values, left, right, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(silhouette_module, "distance_sums", counting)
    silhouettes(S, labels)
    assert measured < 0.35 * len(S) ** 2


@given(labelled())
def test_davies_bouldin_and_calinski_harabasz_are_those_of_scikit_learn(case: Case) -> None:
    S, labels = case
    assume(several(labels))
    # scikit-learn computes in the precision of its input.
    wide = S.astype(np.float64)
    db = metrics.davies_bouldin_score(wide, labels)
    assert davies_bouldin(S, labels) == pytest.approx(db, rel=1e-6, abs=1e-9)
    moments = class_moments(S, labels)
    within = moments.m2.sum()
    assume(within == 0 or within > 1e-9 * np.square(wide).sum())
    ch = metrics.calinski_harabasz_score(wide, labels)
    assert calinski_harabasz(moments) == pytest.approx(ch, rel=1e-6, abs=1e-9)


def test_dispersion_of_blobs() -> None:
    S, labels = blobs()
    assert davies_bouldin(S, labels) == pytest.approx(metrics.davies_bouldin_score(S, labels), rel=1e-5)
    found = calinski_harabasz(class_moments(S, labels))
    assert found == pytest.approx(metrics.calinski_harabasz_score(S.astype(np.float64), labels), rel=1e-6)


def plain_left_out(S: np.ndarray, labels: np.ndarray) -> tuple[list[bool], np.ndarray]:
    """Leave each image out of its class's mean; return who is right, and the pairs' balanced accuracies."""
    rows, present = S.astype(np.float64), np.unique(labels)
    right, nearer = [], np.zeros((len(present), len(present)))
    for i, label in enumerate(labels):
        squared = []
        for other in present:
            members = (labels == other) & (np.arange(len(labels)) != i)
            squared.append(np.square(rows[i] - rows[members].mean(axis=0)).sum() if members.any() else np.inf)
        mine = int(np.searchsorted(present, label))
        right.append(int(np.argmin(squared)) == mine and np.isfinite(squared[mine]))
        for other in range(len(present)):
            beats = squared[mine] < squared[other] if other < mine else squared[mine] <= squared[other]
            nearer[mine, other] += beats or other == mine
    share = nearer / np.unique(labels, return_counts=True)[1][:, None]
    return right, (share + share.T) / 2


@pytest.mark.parametrize("products", [0, 10**12])
@pytest.mark.parametrize("apart", [0.1, 1.0])
def test_nearest_means(products: int, apart: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", products)
    S, labels = blobs(n=200, apart=apart)
    labels[0] = 99
    found = centroid_measures(S, labels)
    expected = NearestCentroid().fit(S.astype(np.float64), labels).predict(S.astype(np.float64)) == labels
    np.testing.assert_array_equal(found.right, expected)
    right, pairs = plain_left_out(S, labels)
    np.testing.assert_array_equal(found.right_left_out, right)
    np.testing.assert_allclose(found.pairs, pairs, rtol=1e-6)
    np.testing.assert_array_equal(found.pairs, found.pairs.T)
    assert not found.right_left_out[0]


@given(labelled())
def test_means_of_any_images_answer_with_numbers(case: Case) -> None:
    S, labels = case
    found = centroid_measures(S, labels)
    assert np.isfinite(found.silhouette).all() and np.isfinite(found.pairs).all()
    assert (np.diagonal(found.pairs) == 1).all()


def plain_gdv(S: np.ndarray, labels: np.ndarray) -> float:
    rows = S.astype(np.float64)
    spread = rows.std(axis=0)
    scaled = np.zeros_like(rows)
    live = S.min(axis=0) < S.max(axis=0)
    scaled[:, live] = 0.5 * (rows - rows.mean(axis=0))[:, live] / spread[live]
    apart = np.sqrt(np.square(scaled[:, None] - scaled[None]).sum(axis=2))
    present = np.unique(labels)
    within, between = [], []
    for c in present:
        mine = np.flatnonzero(labels == c)
        if len(mine) > 1:
            within.append(apart[np.ix_(mine, mine)][np.triu_indices(len(mine), 1)].mean())
        between += [apart[np.ix_(mine, labels == d)].mean() for d in present if d > c]
    return float((np.mean(within) - np.mean(between)) / np.sqrt(S.shape[1]))


@given(labelled())
def test_discrimination_value_is_that_of_a_plain_loop(case: Case) -> None:
    S, labels = case
    assume(several(labels))
    assert discrimination_value(S, labels).value == pytest.approx(plain_gdv(S, labels), rel=1e-6, abs=1e-7)


def test_discrimination_value_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    S, labels = blobs(n=400)
    expected = plain_gdv(S, labels)
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", 0)
    assert discrimination_value(S, labels).value == pytest.approx(expected, rel=1e-6)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert abs(discrimination_value(S, shuffled).value) < 0.02 < 0.05 < -expected


def test_the_interval_of_the_discrimination_value_leaves_out_each_image() -> None:
    S, labels = blobs(n=40, c=5)
    # Scaled before, so that a plain loop may leave images out without scaling anew.
    labels[:2], labels[2] = 77, 78
    scaled = (S - S.mean(axis=0)) / S.std(axis=0) / 2

    def value(rows: np.ndarray) -> float:
        apart = np.sqrt(np.square(scaled[rows][:, None] - scaled[rows][None]).sum(axis=2))
        named = labels[rows]
        within, between = [], []
        for c in np.unique(named):
            mine = np.flatnonzero(named == c)
            if len(mine) > 1:
                within.append(apart[np.ix_(mine, mine)][np.triu_indices(len(mine), 1)].mean())
            between += [apart[np.ix_(mine, named == d)].mean() for d in np.unique(named) if d > c]
        return float((np.mean(within) - np.mean(between)) / np.sqrt(5))

    variance = 0.0
    everything = np.arange(40)
    for c in np.unique(labels):
        mine = np.flatnonzero(labels == c)
        if len(mine) > 1:
            left = np.array([value(np.delete(everything, i)) for i in mine])
            variance += (len(mine) - 1) / len(mine) * np.square(left - left.mean()).sum()
    found = discrimination_value(S, labels)
    assert found.value == pytest.approx(value(everything), rel=1e-6)
    assert found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.959964 * np.sqrt(variance), rel=1e-5)


def test_one_class_has_no_measure() -> None:
    S, labels = np.ones((4, 3), np.float32), np.zeros(4, np.int64)
    for measure in (silhouettes, davies_bouldin, discrimination_value):
        with pytest.raises(DatasetError, match="at least two classes"):
            measure(S, labels)
    with pytest.raises(DatasetError, match="at least two classes"):
        calinski_harabasz(class_moments(S, labels))
    assert centroid_measures(S, labels).right_left_out.all()


def test_classes_of_one_image_each() -> None:
    S, labels = blobs(n=5)[0], np.arange(5)
    assert not silhouettes(S, labels).any()
    assert not centroid_measures(S, labels).right_left_out.any()
    assert centroid_measures(S, labels).right.all()
    with pytest.raises(DatasetError, match="more images of a class"):
        discrimination_value(S, labels)
    with pytest.raises(DatasetError, match="more images of a class"):
        calinski_harabasz(class_moments(S, labels))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    S, labels = blobs(n=20)
    S[3, 2] = bad
    for measure in (silhouettes, davies_bouldin, discrimination_value, centroid_measures):
        with pytest.raises(DatasetError, match="NaN or infinity"):
            measure(S, labels)


@pytest.mark.parametrize("scale", [1e-15, 1e18])
def test_magnitudes_do_not_matter(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", 0)
    S, labels = blobs(n=100)
    scaled = (S * scale).astype(np.float32)
    np.testing.assert_allclose(silhouettes(scaled, labels), silhouettes(S, labels), atol=1e-5)


def test_members_of_classes() -> None:
    found = classes_of(np.array([5, 1, 5, 1, 5]), 5)
    assert found.labels.tolist() == [1, 5] and len(found) == 2
    assert found.members(0).tolist() == [1, 3] and found.members(1).tolist() == [0, 2, 4]
