from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.core import channels as module
from channelexplorer_dash.core.active import active_sets, unpacked
from channelexplorer_dash.core.arrays import chunks
from channelexplorer_dash.core.channels import ClassSums, class_sums, order, sorting_statistic
from channelexplorer_dash.core.normalise import fit_scaling
from channelexplorer_dash.errors import DatasetError, SelectionError, UnknownNameError
from tests.core.strategies import labelled

Case = tuple[np.ndarray, np.ndarray]


def sets_of(S: np.ndarray) -> np.ndarray:
    return unpacked(active_sets(S, 0.4, fit_scaling(S, "none")), S.shape[1])


def sums_of(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, ClassSums]:
    S, labels = case
    active = sets_of(S)
    return S.astype(np.float64), labels, active, class_sums(S, labels, active)


@given(labelled(), st.integers(1, 4))
def test_class_sums_are_brute_force_in_any_chunks(case: Case, rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "chunks", lambda n, row_bytes: chunks(n, row_bytes, rows * row_bytes))
        S, labels, active, found = sums_of(case)
    np.testing.assert_array_equal(found.classes, np.unique(labels))
    np.testing.assert_array_equal(found.minimum, case[0].min(axis=0))
    np.testing.assert_array_equal(found.maximum, case[0].max(axis=0))
    assert found.active.dtype == found.counts.dtype == found.classes.dtype == np.int64
    for row, label in enumerate(found.classes):
        own = labels == label
        assert found.counts[row] == own.sum()
        np.testing.assert_allclose(found.sums[row], S[own].sum(axis=0), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.squares[row], (S[own] ** 2).sum(axis=0), rtol=1e-9)
        np.testing.assert_array_equal(found.active[row], active[own].sum(axis=0))


@given(labelled())
def test_sorting_statistics_are_brute_force(case: Case) -> None:
    S, labels, active, sums = sums_of(case)
    means = [S[labels == c].mean(axis=0) for c in sums.classes]
    shares = [active[labels == c].mean(axis=0) for c in sums.classes]
    scale = np.abs(S).max() or 1.0
    zero = np.zeros(S.shape[1])
    expected = {
        "variance": S.var(axis=0),
        "pairwise": sum((abs(a - b) for a, b in combinations(means, 2)), start=zero),
        "count": sum((abs(a - b) for a, b in combinations(shares, 2)), start=zero),
        "none": zero,
    }
    for sorting, values in expected.items():
        found = sorting_statistic(sums, sorting)
        assert found.dtype == np.float64
        size = scale**2 if sorting == "variance" else scale
        np.testing.assert_allclose(found, values, rtol=1e-6, atol=1e-12 * size, err_msg=sorting)


@given(labelled())
def test_dead_channels_have_no_statistic(case: Case) -> None:
    S, labels = case
    S[:, 0] = 1 / 3
    sums = class_sums(S, labels, sets_of(S))
    for sorting in ("variance", "pairwise", "count"):
        assert sorting_statistic(sums, sorting)[0] == 0


def test_variance_of_a_small_spread_far_from_zero() -> None:
    S = (np.random.default_rng(9).standard_normal((500, 3)) + 300).astype(np.float32)
    sums = class_sums(S, np.zeros(500, np.int64), np.zeros(S.shape, bool))
    np.testing.assert_allclose(
        sorting_statistic(sums, "variance"), S.astype(np.float64).var(axis=0), rtol=1e-6
    )


def test_edge_weight_is_the_kernel_norm() -> None:
    sums = class_sums(np.ones((2, 3), np.float32), [0, 1], np.zeros((2, 3), bool))
    norms = np.array([1.0, 3.0, 2.0])
    np.testing.assert_array_equal(sorting_statistic(sums, "edge_weight", norms), norms)
    with pytest.raises(SelectionError, match="no kernels"):
        sorting_statistic(sums, "edge_weight")
    with pytest.raises(DatasetError, match="one kernel norm per channel"):
        sorting_statistic(sums, "edge_weight", norms[:2])
    with pytest.raises(UnknownNameError, match="variance"):
        sorting_statistic(sums, "varience")


def test_order_is_descending_and_stable() -> None:
    statistic = np.array([1.0, np.nan, 3.0, 1.0, 3.0, -np.inf])
    assert order(statistic, "variance").tolist() == [2, 4, 0, 3, 5, 1]
    assert order(statistic, "none").tolist() == [0, 1, 2, 3, 4, 5]
    assert order(statistic, "variance").dtype == np.int64


def test_shapes_that_do_not_fit_are_refused() -> None:
    S = np.ones((2, 3), np.float32)
    with pytest.raises(DatasetError, match="do not fit"):
        class_sums(S, [0, 1], np.zeros((2, 2), bool))
    with pytest.raises(DatasetError, match="one label per image"):
        class_sums(S, [0], np.zeros((2, 3), bool))
