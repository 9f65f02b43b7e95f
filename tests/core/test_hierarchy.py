from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from scipy.spatial.distance import cdist, squareform

from channelexplorer_dash.core.hierarchy import (
    centroid_distances,
    class_linkage,
    leaf_order,
    linkage_of,
    subclasses,
    superclasses,
)
from channelexplorer_dash.errors import DatasetError


def similarities(K: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).random((K, K)).astype(np.float32)
    return (values + values.T) / 2


@given(st.integers(2, 12), st.integers(0, 99))
def test_linkage_is_average_linkage_of_one_minus_similarity(K: int, seed: int) -> None:
    similarity = similarities(K, seed)
    distance = 1.0 - similarity.astype(np.float64)
    np.fill_diagonal(distance, 0)
    tree = class_linkage(similarity)
    np.testing.assert_allclose(tree, linkage(squareform(distance), "average"), rtol=1e-6)
    assert is_valid_linkage(tree)
    assert sorted(leaf_order(tree, K).tolist()) == list(range(K))


def test_similar_classes_stand_beside_each_other() -> None:
    similarity = np.full((4, 4), 0.1)
    similarity[0, 2] = similarity[2, 0] = 0.9
    similarity[1, 3] = similarity[3, 1] = 0.8
    shown = leaf_order(class_linkage(similarity), 4).tolist()
    assert {frozenset(shown[:2]), frozenset(shown[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_one_and_two_classes() -> None:
    assert class_linkage([[0.4]]).shape == (0, 4)
    assert leaf_order(np.zeros((0, 4)), 1).tolist() == [0]
    np.testing.assert_allclose(class_linkage([[1, 0.25], [0.25, 1]]), [[0, 1, 0.75, 2]])


def test_rounding_above_one_makes_no_negative_distance() -> None:
    assert class_linkage([[1, 1 + 1e-7], [1, 1]])[0, 2] == 0


def test_bad_matrices_are_refused() -> None:
    with pytest.raises(DatasetError, match="square"):
        class_linkage(np.ones((2, 3)))
    with pytest.raises(DatasetError, match="square"):
        class_linkage(np.ones((0, 0)))
    with pytest.raises(DatasetError, match="NaN"):
        class_linkage([[1, np.nan], [np.nan, 1]])
    with pytest.raises(DatasetError, match="3 classes"):
        leaf_order(np.zeros((1, 4)), 3)


@given(st.integers(1, 8), st.integers(0, 9))
def test_centroid_distances_are_euclidean(K: int, seed: int) -> None:
    centroids = np.random.default_rng(seed).normal(size=(K, 5))
    np.testing.assert_allclose(
        centroid_distances(centroids), cdist(centroids, centroids), rtol=1e-6, atol=1e-12
    )
    assert linkage_of(centroid_distances(centroids)).shape == (K - 1, 4)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=40))
def test_subclasses_by_the_rule(pairs: list[tuple[int, int]]) -> None:
    labels, clusters = np.array(pairs).T
    found = subclasses(labels, clusters)
    for label in set(labels.tolist()):
        own = [c for c_label, c in pairs if c_label == label]
        large = [c for c in range(4) if own.count(c) > 0.1 * len(own)]
        parts = found[labels == label].tolist()
        if len(own) < 3 or len(large) < 2:
            assert set(parts) == {-1}
            continue
        assert set(parts) == set(large)
        largest = max(range(4), key=lambda c: (own.count(c), -c))
        assert parts == [c if c in large else largest for c in own]


def test_a_tenth_does_not_split_and_more_does() -> None:
    labels = np.zeros(10, np.int64)
    assert set(subclasses(labels, np.array([0] * 9 + [1]))) == {-1}
    assert set(subclasses(labels, np.array([0] * 8 + [1] * 2))) == {0, 1}
    assert set(subclasses(labels[:2], np.array([0, 1]))) == {-1}


@given(st.integers(3, 12), st.integers(0, 99))
def test_superclasses_are_the_groups_below_the_widest_gap(K: int, seed: int) -> None:
    tree = class_linkage(similarities(K, seed))
    gaps = np.diff(tree[:, 2])
    cut = tree[int(gaps.argmax()), 2] + gaps.max() / 2
    groups = fcluster(tree, cut, "distance")
    expected = {frozenset(np.flatnonzero(groups == g)) for g in np.unique(groups) if (groups == g).sum() > 1}
    members = [frozenset({i}) for i in range(K)]
    for first, second in tree[:, :2].astype(int):
        members.append(members[first] | members[second])
    assert {members[node] for node in superclasses(tree, K)} == expected


def test_no_superclasses_of_few_or_tied_classes() -> None:
    assert superclasses(np.zeros((0, 4)), 1) == ()
    assert superclasses(class_linkage([[1, 0.25], [0.25, 1]]), 2) == ()
    assert superclasses(class_linkage(np.full((5, 5), 0.3)), 5) == ()
    with pytest.raises(DatasetError, match="3 classes"):
        superclasses(np.zeros((1, 4)), 3)
