from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import jaccard_score

from channelexplorer_dash.core import jaccard as module
from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.arrays import chunks
from channelexplorer_dash.core.jaccard import class_jaccard, expected_overlap, image_jaccard
from channelexplorer_dash.errors import DatasetError


def plain(a: np.ndarray, b: np.ndarray) -> float:
    first, second = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    return len(first & second) / len(first | second) if first | second else 1.0


@st.composite
def sets_and_labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 14), st.integers(1, 6)))
    active = draw(hnp.arrays(np.bool_, shape))
    return active, draw(hnp.arrays(np.int64, shape[0], elements=st.integers(-1, 3)))


@given(sets_and_labels())
def test_image_jaccard_is_brute_force(case: tuple[np.ndarray, np.ndarray]) -> None:
    active, _ = case
    found = image_jaccard(active)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[plain(a, b) for b in active] for a in active], rtol=1e-6)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1)


def test_image_jaccard_agrees_with_scikit_learn() -> None:
    active = active_sets(np.random.default_rng(2).random((8, 50), dtype=np.float32), 0.2)
    expected = [[jaccard_score(a, b) for b in active] for a in active]
    np.testing.assert_allclose(image_jaccard(active), expected, rtol=1e-6)


def plain_classes(active: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    means = np.ones((len(classes), len(classes)))
    for row, c in enumerate(classes):
        for column, d in enumerate(classes):
            pairs = [
                plain(active[i], active[j])
                for i in np.flatnonzero(labels == c)
                for j in np.flatnonzero(labels == d)
                if i != j
            ]
            if pairs:
                means[row, column] = np.mean(pairs)
    return means


@given(sets_and_labels(), st.integers(1, 5), st.randoms())
def test_class_jaccard_is_the_mean_over_pairs_in_any_blocks(
    case: tuple[np.ndarray, np.ndarray], block: int, random: object
) -> None:
    active, labels = case
    classes = np.unique(labels)
    random.shuffle(classes)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        found = class_jaccard(active, labels, classes)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_classes(active, labels, classes), rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)


def test_class_jaccard_of_some_classes_leaves_the_others_out() -> None:
    rng = np.random.default_rng(3)
    active, labels = rng.random((30, 9)) < 0.3, rng.integers(0, 4, 30)
    whole = class_jaccard(active, labels, [0, 1, 2, 3])
    np.testing.assert_allclose(
        class_jaccard(active, labels, [3, 1]), whole[np.ix_([3, 1], [3, 1])], rtol=1e-6
    )


def test_class_jaccard_of_many_images() -> None:
    rng = np.random.default_rng(4)
    active = active_sets(rng.random((2600, 40), dtype=np.float32), 0.2)
    labels = rng.integers(0, 7, 2600)
    similarity = image_jaccard(active).astype(np.float64)
    indicator = np.eye(7)[labels]
    counts = indicator.sum(axis=0)
    expected = indicator.T @ similarity @ indicator - np.diag(counts)
    expected /= np.outer(counts, counts) - np.diag(counts)
    np.testing.assert_allclose(class_jaccard(active, labels, np.arange(7)), expected, rtol=1e-6)


def test_image_jaccard_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    active = np.random.default_rng(5).random((9, 6)) < 0.4
    whole = image_jaccard(active)
    monkeypatch.setattr(module, "chunks", lambda n, row_bytes: chunks(n, row_bytes, 2 * row_bytes))
    np.testing.assert_array_equal(image_jaccard(active), whole)


def test_empty_sets_are_equal_to_each_other_and_unlike_any_other() -> None:
    active = np.array([[False, False], [False, False], [True, False]])
    np.testing.assert_array_equal(image_jaccard(active), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(class_jaccard(active, [0, 0, 1], [0, 1]), [[1, 0], [0, 1]])


def test_one_class_and_classes_of_one_image() -> None:
    active = np.array([[True, True, False], [True, False, False]])
    np.testing.assert_allclose(class_jaccard(active, [5, 5], [5]), [[0.5]])
    np.testing.assert_allclose(class_jaccard(active, [5, 2], [2, 5]), [[1, 0.5], [0.5, 1]])
    np.testing.assert_allclose(class_jaccard(active[:1], [5], [5]), [[1]])


def test_bad_class_lists_are_refused() -> None:
    active = np.ones((2, 2), bool)
    with pytest.raises(DatasetError, match="Class 3 has no image"):
        class_jaccard(active, [0, 1], [0, 3])
    with pytest.raises(DatasetError, match="twice"):
        class_jaccard(active, [0, 1], [0, 0])
    with pytest.raises(DatasetError, match="No class"):
        class_jaccard(active, [0, 1], [])
    with pytest.raises(DatasetError, match="one label per image"):
        class_jaccard(active, [0], [0])


@pytest.mark.parametrize("active", [np.ones((2, 2)), np.ones(3, bool), np.ones((0, 3), bool)])
def test_what_is_no_set_is_refused(active: np.ndarray) -> None:
    with pytest.raises(DatasetError, match="boolean matrix"):
        image_jaccard(active)


def test_expected_overlap_is_the_similarity_at_the_mean_intersection() -> None:
    rng = np.random.default_rng(6)
    k = 4
    active = active_sets(rng.random((40, 20), dtype=np.float32), k / 20)
    labels = rng.integers(0, 3, 40)
    frequencies = np.stack([active[labels == c].mean(axis=0) for c in range(3)])
    overlap = expected_overlap(frequencies, k)
    assert overlap.dtype == np.float32
    for c in range(3):
        for d in range(3):
            mean = np.mean([(a & b).sum() for a in active[labels == c] for b in active[labels == d]])
            assert overlap[c, d] == pytest.approx(mean / (2 * k - mean), rel=1e-6)
    off = ~np.eye(3, dtype=bool)
    assert np.all(overlap[off] <= class_jaccard(active, labels, np.arange(3))[off] * (1 + 1e-6))


def test_expected_overlap_is_exact_where_sets_of_a_class_are_alike() -> None:
    active = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]], bool)
    frequencies = np.stack([active[:2].mean(axis=0), active[2:].mean(axis=0)])
    np.testing.assert_allclose(expected_overlap(frequencies, 2), class_jaccard(active, [0, 0, 1, 1], [0, 1]))
    np.testing.assert_array_equal(expected_overlap(np.zeros((2, 3)), 0), np.ones((2, 2)))
    with pytest.raises(DatasetError, match="classes × channels"):
        expected_overlap(np.zeros(3), 2)
