from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import is_valid_linkage, linkage
from scipy.spatial.distance import squareform

from channelexplorer_dash.core.hierarchy import class_linkage, leaf_order
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
