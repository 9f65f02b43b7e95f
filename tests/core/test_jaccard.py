from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import jaccard_score

from channelexplorer_dash.core import jaccard as module
from channelexplorer_dash.core.active import active_sets, unpacked
from channelexplorer_dash.core.jaccard import (
    active_frequencies,
    class_jaccard,
    expected_overlap,
    image_jaccard,
    nearest_sets,
)
from channelexplorer_dash.core.normalise import fit_scaling
from channelexplorer_dash.errors import DatasetError


def packed(active: np.ndarray) -> np.ndarray:
    whole = np.zeros((len(active), -(-active.shape[1] // 64) * 64), bool)
    whole[:, : active.shape[1]] = active
    return np.packbits(whole, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def largest(rng: np.random.Generator, n: int, channels: int, fraction: float) -> np.ndarray:
    """Return the active sets of random images, bool (n, C)."""
    S = rng.random((n, channels), dtype=np.float32)
    return unpacked(active_sets(S, fraction, fit_scaling(S, "none")), channels)


def plain(a: np.ndarray, b: np.ndarray) -> float:
    first, second = set(np.flatnonzero(a)), set(np.flatnonzero(b))
    return len(first & second) / len(first | second) if first | second else 1.0


@st.composite
def sets_and_labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 14), st.sampled_from([1, 6, 63, 64, 65, 130])))
    active = draw(hnp.arrays(np.bool_, shape))
    return active, draw(hnp.arrays(np.int64, shape[0], elements=st.integers(-1, 3)))


@given(sets_and_labels())
def test_image_jaccard_is_brute_force(case: tuple[np.ndarray, np.ndarray]) -> None:
    active, _ = case
    found = image_jaccard(packed(active))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[plain(a, b) for b in active] for a in active], rtol=1e-6)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1)


def test_image_jaccard_agrees_with_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(2)
    active = largest(rng, 8, 50, 0.2)
    expected = [[jaccard_score(a, b) for b in active] for a in active]
    np.testing.assert_allclose(image_jaccard(packed(active)), expected, rtol=1e-6)
    for active in (largest(rng, 700, 300, 0.2), rng.random((257, 100)) < rng.random((257, 1))):
        distances = squareform(pdist(active, "jaccard"))
        np.testing.assert_allclose(image_jaccard(packed(active)), 1 - distances, rtol=1e-6, atol=1e-7)


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


@given(sets_and_labels(), st.integers(1, 5), st.integers(1, 2), st.randoms())
def test_class_jaccard_is_the_mean_over_pairs_in_any_parts(
    case: tuple[np.ndarray, np.ndarray], rows: int, threads: int, random: object
) -> None:
    active, labels = case
    classes = np.unique(labels)
    random.shuffle(classes)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROWS", rows)
        found = class_jaccard(packed(active), labels, classes, threads)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_classes(active, labels, classes), rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)


def test_class_jaccard_of_some_classes_leaves_the_others_out() -> None:
    rng = np.random.default_rng(3)
    sets, labels = packed(rng.random((30, 9)) < 0.3), rng.integers(0, 4, 30)
    whole = class_jaccard(sets, labels, [0, 1, 2, 3])
    np.testing.assert_array_equal(class_jaccard(sets, labels, [3, 1]), whole[np.ix_([3, 1], [3, 1])])


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("classes", [1, 7, 900])
def test_class_jaccard_of_many_images_by_any_threads(classes: int, equal: bool) -> None:
    rng = np.random.default_rng(4)
    active = largest(rng, 2600, 90, 0.2) if equal else rng.random((2600, 90)) < rng.random((2600, 1))
    sets, labels = packed(active), rng.integers(0, classes, 2600)
    present, rank = np.unique(labels, return_inverse=True)
    similarity = image_jaccard(sets).astype(np.float64)
    indicator = np.eye(len(present))[rank]
    counts = indicator.sum(axis=0)
    sums, pairs = indicator.T @ similarity @ indicator, np.outer(counts, counts)
    # One image has no pair with itself, and counts as like itself.
    alone = np.diag(counts == 1)
    expected = (sums - np.diag(counts) + alone) / (pairs - np.diag(counts) + alone)
    found = class_jaccard(sets, labels, present)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(class_jaccard(sets, labels, present, threads=3), found)


def test_class_jaccard_of_more_images_than_fit_in_one_sum() -> None:
    """Sums of 2^40ths of three million pairs go beyond 63 bits: they are kept in two halves."""
    sets = np.full((2500, 1), 7, np.uint64)
    np.testing.assert_array_equal(class_jaccard(sets, np.zeros(2500, np.int64), [0]), [[1]])


def test_empty_sets_are_equal_to_each_other_and_unlike_any_other() -> None:
    sets = packed(np.array([[False, False], [False, False], [True, False]]))
    np.testing.assert_array_equal(image_jaccard(sets), [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    np.testing.assert_array_equal(class_jaccard(sets, [0, 0, 1], [0, 1]), [[1, 0], [0, 1]])


def test_one_class_and_classes_of_one_image() -> None:
    sets = packed(np.array([[True, True, False], [True, False, False]]))
    np.testing.assert_allclose(class_jaccard(sets, [5, 5], [5]), [[0.5]])
    np.testing.assert_allclose(class_jaccard(sets, [5, 2], [2, 5]), [[1, 0.5], [0.5, 1]])
    np.testing.assert_allclose(class_jaccard(sets[:1], [5], [5]), [[1]])


def test_bad_class_lists_are_refused() -> None:
    sets = np.ones((2, 1), np.uint64)
    with pytest.raises(DatasetError, match="Class 3 has no image"):
        class_jaccard(sets, [0, 1], [0, 3])
    with pytest.raises(DatasetError, match="twice"):
        class_jaccard(sets, [0, 1], [0, 0])
    with pytest.raises(DatasetError, match="No class"):
        class_jaccard(sets, [0, 1], [])
    with pytest.raises(DatasetError, match="one label per image"):
        class_jaccard(sets, [0], [0])


@pytest.mark.parametrize("sets", [np.ones((2, 2), bool), np.ones(3, np.uint64), np.ones((0, 3), np.uint64)])
def test_what_is_no_packed_set_is_refused(sets: np.ndarray) -> None:
    with pytest.raises(DatasetError, match="must be packed"):
        image_jaccard(sets)


@given(sets_and_labels())
def test_active_frequencies_are_brute_force(case: tuple[np.ndarray, np.ndarray]) -> None:
    active, labels = case
    classes, counts = active_frequencies(packed(active), labels, active.shape[1])
    assert counts.dtype == classes.dtype == np.int64
    np.testing.assert_array_equal(classes, np.unique(labels))
    np.testing.assert_array_equal(counts, [active[labels == c].sum(axis=0) for c in classes])


def test_active_frequencies_of_a_large_class() -> None:
    active = np.random.default_rng(7).random((2500, 300)) < np.linspace(0, 1, 300)
    _, counts = active_frequencies(packed(active), np.zeros(2500, np.int64), 300)
    labels = np.arange(2500) % 200
    one, two = (active_frequencies(packed(active), labels, 300, threads)[1] for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one[3], active[labels == 3].sum(axis=0))
    np.testing.assert_array_equal(counts, [active.sum(axis=0)])
    for low, far in ((-3, 1), (0, 2**40), (-(2**62), 2**60)):
        classes, counts = active_frequencies(packed(active), low + labels % 4 * far, 300)
        np.testing.assert_array_equal(classes, low + np.arange(4) * far)
        np.testing.assert_array_equal(counts[3], active[labels % 4 == 3].sum(axis=0))
    with pytest.raises(DatasetError, match="5 words do not hold 321 channels"):
        active_frequencies(packed(active), np.zeros(2500, np.int64), 321)


@pytest.mark.parametrize("equal", [True, False])
def test_expected_overlap_is_the_similarity_at_the_mean_intersection(equal: bool) -> None:
    rng = np.random.default_rng(6)
    active = largest(rng, 40, 20, 0.2) if equal else rng.random((40, 20)) < rng.random((40, 1))
    labels = rng.integers(0, 3, 40)
    overlap = expected_overlap(packed(active), labels)
    assert overlap.dtype == np.float32
    for c in range(3):
        for d in range(3):
            pairs = [(a, b) for a in active[labels == c] for b in active[labels == d]]
            shared = np.mean([(a & b).sum() for a, b in pairs])
            union = np.mean([(a | b).sum() for a, b in pairs])
            assert overlap[c, d] == pytest.approx(shared / union, rel=1e-6)
    if equal:
        off = ~np.eye(3, dtype=bool)
        mean = class_jaccard(packed(active), labels, np.arange(3))
        assert np.all(overlap[off] <= mean[off] * (1 + 1e-6))


def test_expected_overlap_is_exact_where_sets_of_a_class_are_alike() -> None:
    active = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]], bool)
    labels = np.array([0, 0, 1, 1])
    found = expected_overlap(packed(active), labels)
    np.testing.assert_allclose(found, class_jaccard(packed(active), labels, [0, 1]))
    empty = np.zeros((3, 3), bool)
    np.testing.assert_array_equal(expected_overlap(packed(empty), [4, 7, 7]), np.ones((2, 2)))
    empty[2] = [True, False, True]
    half = expected_overlap(packed(empty), [4, 7, 7])
    np.testing.assert_allclose(half, [[1, 0], [0, 0.5 / 1.5]], rtol=1e-6)
    with pytest.raises(DatasetError, match="one label per image"):
        expected_overlap(packed(empty), [0])


def test_expected_overlap_of_many_classes_does_not_depend_on_threads() -> None:
    rng = np.random.default_rng(8)
    active, labels = rng.random((3000, 130)) < 0.3, rng.integers(0, 200, 3000)
    one, two = (expected_overlap(packed(active), labels, threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, overlap_by_division(active, labels))


@pytest.mark.parametrize(("images", "share"), [(9_000, 0.5), (9_000, 1.0), (70_000, 0.1)])
def test_expected_overlap_of_classes_too_large_for_32_bits(images: int, share: float) -> None:
    """Sums of products, or the counts themselves, have no room there."""
    rng = np.random.default_rng(9)
    active, labels = rng.random((images, 130)) < share, np.arange(images) % 2
    sums = active[::2].sum(axis=0).astype(float) @ active[1::2].sum(axis=0)
    assert (images > 2 * 2**15) or (sums > 2**31) == (share == 1)
    found = expected_overlap(packed(active), labels)
    np.testing.assert_array_equal(found, overlap_by_division(active, labels))


def test_products_of_counts_on_another_machine(tmp_path: Path) -> None:
    """They have a word for AVX-512 and another one for all other machines."""
    code = """
import numpy as np
from channelexplorer_dash.core.overlap_loops import write_overlap
counts = np.random.default_rng(1).integers(0, 3000, (8, 64)).astype(np.int16)
overlap = np.empty((7, 7), np.float32)
images = np.full(7, 3000.0)
write_overlap(counts, images, counts[:7].sum(axis=1, dtype=float), 0, 7, overlap)
print(overlap.tobytes().hex())
"""
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    here, there = (
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **env},
            check=True,
            timeout=120,
            stdout=subprocess.PIPE,
        ).stdout
        for env in ({}, plain)
    )
    assert here == there


def overlap_by_division(active: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return I / (A_c n_d + A_d n_c − I) of whole numbers, rounded once to float32."""
    counts = np.stack([active[labels == c].sum(axis=0) for c in np.unique(labels)])
    images, size = np.bincount(labels), counts.sum(axis=1)
    shared = counts @ counts.T
    whole = np.multiply.outer(size, images)
    return (shared / (whole + whole.T - shared)).astype(np.float32)


def test_nearest_sets_equal_a_sorted_matrix() -> None:
    rng = np.random.default_rng(4)
    S = rng.random((300, 70)).astype(np.float32)
    S[5] = S[9] = S[200]
    sets = active_sets(S, 0.2, fit_scaling(S, "minmax"))
    similarity = image_jaccard(sets).astype(np.float64)
    np.fill_diagonal(similarity, -1)
    expected = np.argsort(-similarity, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(nearest_sets(sets, 7), expected)
    np.testing.assert_array_equal(nearest_sets(sets, 7, threads=2), expected)
    assert nearest_sets(sets[:3], 25).shape == (3, 2)
    assert nearest_sets(sets[:1], 25).shape == (1, 0)
