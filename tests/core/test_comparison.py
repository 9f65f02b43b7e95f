"""Two models beside each other: CKA of all layers, matched channels, and what changed."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.core.change import (
    answer_change,
    changed_pairs,
    class_change,
    layer_beside,
    layer_pairs,
    newly_confused,
)
from channelexplorer_dash.core.cka import linear_cka
from channelexplorer_dash.core.cka_map import cka_map
from channelexplorer_dash.core.matching import correlations, match_channels
from channelexplorer_dash.errors import DatasetError


def rows(seed: int, n: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 2, (n, channels)).astype(np.float32)


@given(st.integers(0, 10**6), st.integers(2, 30), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_the_map_is_the_cka_of_each_pair(seed: int, n: int, widths: list[int]) -> None:
    first = [rows(seed + i, n, width) for i, width in enumerate(widths)]
    second = [rows(seed + 50 + i, n, width) for i, width in enumerate(reversed(widths))]
    found = cka_map(first, second)
    wanted = [[linear_cka(one, other) for other in second] for one in first]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


def test_the_map_is_the_definition() -> None:
    first, second = rows(0, 20, 5), rows(1, 20, 33)
    centre = np.eye(20) - 1 / 20
    one, other = (centre @ S.astype(np.float64) @ S.T @ centre for S in (first, second))
    wanted = (one * other).sum() / np.sqrt((one * one).sum() * (other * other).sum())
    np.testing.assert_allclose(cka_map([first], [second]), [[wanted]], rtol=1e-6)


def test_a_layer_without_differences_is_like_none() -> None:
    assert cka_map([np.full((9, 3), 0.1)], [rows(0, 9, 4), np.full((9, 20), 0.3)]).tolist() == [[0.0, 0.0]]
    with pytest.raises(DatasetError, match="same images"):
        cka_map([rows(0, 9, 3)], [rows(0, 8, 3)])


def test_correlations_are_numpys() -> None:
    A, B = rows(0, 40, 6), rows(1, 40, 4)
    B[:, 2] = 0.1
    found = correlations(A, B)
    for i in range(6):
        for j in (0, 1, 3):
            np.testing.assert_allclose(found[i, j], np.corrcoef(A[:, i], B[:, j])[0, 1], rtol=1e-6)
    assert not found[:, 2].any()
    with pytest.raises(DatasetError, match="same images"):
        correlations(A, B[:-1])


@given(st.integers(0, 10**6), st.booleans())
def test_no_other_matching_is_better(seed: int, positive: bool) -> None:
    A, B = rows(seed, 12, 4), rows(seed + 1, 12, 3)
    found = match_channels(A, B, positive=positive)
    worth = correlations(A, B) if positive else np.abs(correlations(A, B))
    best = max(sum(worth[row, column] for column, row in enumerate(p)) for p in permutations(range(4), 3))
    np.testing.assert_allclose(worth[found.first, found.second].sum(), best, rtol=1e-9)
    assert len(set(found.first.tolist())) == len(set(found.second.tolist())) == 3
    falling = worth[found.first, found.second]
    assert (np.diff(falling) <= 0).all()


def test_shuffled_channels_are_found_again() -> None:
    A = rows(0, 50, 20)
    order = np.random.default_rng(1).permutation(20)
    B = -2 * A[:, order] + 1
    A[:, 7] = 5
    found = match_channels(A, B)
    assert len(found.first) == 19 and 7 not in found.first.tolist()
    np.testing.assert_array_equal(order[found.second], found.first)
    np.testing.assert_allclose(found.correlation, -1, rtol=1e-6)


def test_layers_stand_beside_each_other_by_name_or_by_depth() -> None:
    assert layer_pairs(["a", "b", "c"], ["a", "c"]) == [(0, 0), (2, 1)]
    assert layer_pairs(["a", "b", "c", "d", "e"], ["x", "y", "z"]) == [(0, 0), (2, 1), (4, 2)]
    assert layer_pairs(["a", "b"], ["x"]) == [(1, 0)]
    assert layer_pairs([], ["x"]) == []


def test_a_layer_stands_beside_that_of_its_name_or_depth() -> None:
    five, three = ["a", "b", "c", "d", "e"], ["x", "y", "z"]
    assert [layer_beside(name, five, three) for name in "ace"] == three
    assert [layer_beside(name, three, five) for name in three] == ["a", "c", "e"]
    assert layer_beside("b", five, ["e", "b"]) == "b"
    assert layer_beside("a", ["a"], three) == "z" and layer_beside("d", five, ["x"]) == "x"


@given(st.integers(0, 10**6))
def test_answers_change_by_their_total_variation(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels, before, after = generator.integers(0, 4, (3, 40))
    found = answer_change(labels, before, after, np.arange(5))
    for c in range(4):
        own = labels == c
        shares = [
            [np.mean(answers[own] == j) if own.any() else 0 for j in range(4)] for answers in (before, after)
        ]
        np.testing.assert_allclose(found[c], np.abs(np.subtract(*shares)).sum() / 2, atol=1e-12)
    assert found[4] == 0


def test_pairs_are_newly_confused_and_resolved() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2, 2])
    before = np.array([0, 0, 0, 1, 1, 2, 1])
    after = np.array([1, 0, 2, 0, 1, -1, 2])
    confused = newly_confused(labels, before, after)
    assert [(pair.classes, pair.images.tolist()) for pair in confused] == [((0, 1), [0, 3]), ((0, 2), [2])]
    resolved = newly_confused(labels, after, before)
    assert [(pair.classes, pair.images.tolist()) for pair in resolved] == [((1, 2), [6])]
    with pytest.raises(DatasetError, match="one answer of each model"):
        newly_confused(labels, before, after[:-1])


def test_classes_are_ranked_by_answers_and_layers() -> None:
    layers = [[0.1, -0.4], [0.1, 0.2]]
    np.testing.assert_allclose(class_change(None, layers), [0.1, 0.3])
    np.testing.assert_allclose(class_change(np.array([0.5, 0.1]), layers), [0.3, 0.2])


def test_the_pairs_that_lost_most_come_first() -> None:
    before = np.array([[1, 0.9, 0.8], [0.9, 1, 0.7], [0.8, 0.7, 1]])
    after = np.array([[1, 0.6, 0.9], [0.6, 1, 0.6], [0.9, 0.6, 1]])
    assert changed_pairs(before, after, 5) == [(0, 1), (1, 2)]
    assert changed_pairs(before, after, 1) == [(0, 1)]
    assert changed_pairs(after, before, 5) == [(0, 2)]
