from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.core.active import active_sets, unpacked
from channelexplorer_dash.core.channels import ChannelStatistics, channel_statistics, order
from channelexplorer_dash.core.jaccard import active_frequencies
from channelexplorer_dash.core.moments import class_moments, normalised_moments
from channelexplorer_dash.core.normalise import apply_scaling, fit_scaling
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled

Case = tuple[np.ndarray, np.ndarray]
LINEAR = ("none", "minmax", "zscore")


def statistics_of(case: Case, method: str = "none") -> ChannelStatistics:
    S, labels = case
    scaling = fit_scaling(S, method)
    moments = normalised_moments(class_moments(S, labels), scaling)
    _, active = active_frequencies(active_sets(S, 0.4, scaling), labels, S.shape[1])
    return channel_statistics(moments, active)


@given(labelled(), st.sampled_from(LINEAR))
def test_statistics_are_brute_force(case: Case, method: str) -> None:
    S, labels = case
    scaling = fit_scaling(S, method)
    normalised = apply_scaling(S, scaling).astype(np.float64)
    active = unpacked(active_sets(S, 0.4, scaling), S.shape[1])
    classes = np.unique(labels)
    means = [normalised[labels == c].mean(axis=0) for c in classes]
    shares = [active[labels == c].mean(axis=0) for c in classes]
    scale = np.abs(normalised).max() or 1.0
    zero = np.zeros(S.shape[1])
    found = statistics_of(case, method)
    # Normalised values are float32, their moments double: they differ by the rounding.
    slack = {"rtol": 1e-5, "atol": 1e-6 * scale}
    np.testing.assert_allclose(found.variance, normalised.var(axis=0), rtol=1e-5, atol=1e-6 * scale**2)
    pairwise = sum((abs(a - b) for a, b in combinations(means, 2)), start=zero)
    np.testing.assert_allclose(found.pairwise, pairwise, **slack)
    count = sum((abs(a - b) for a, b in combinations(shares, 2)), start=zero)
    np.testing.assert_allclose(found.count, count, rtol=1e-9, atol=1e-12)


@given(labelled())
def test_dead_channels_have_no_statistic(case: Case) -> None:
    S, labels = case
    S[:, 0] = 1 / 3
    for method in LINEAR:
        found = statistics_of((S, labels), method)
        assert found.variance[0] == found.pairwise[0] == found.count[0] == 0


def test_variance_of_a_small_spread_far_from_zero() -> None:
    S = (np.random.default_rng(9).standard_normal((500, 3)) + 300).astype(np.float32)
    found = statistics_of((S, np.zeros(500, np.int64)))
    np.testing.assert_allclose(found.variance, S.astype(np.float64).var(axis=0), rtol=1e-6)


def test_order_is_descending_and_stable() -> None:
    statistic = np.array([1.0, np.nan, 3.0, 1.0, 3.0, -np.inf])
    assert order(statistic, "variance").tolist() == [2, 4, 0, 3, 5, 1]
    assert order(statistic, "none").tolist() == [0, 1, 2, 3, 4, 5]
    assert order(statistic, "variance").dtype == np.int64


def test_shapes_that_do_not_fit_are_refused() -> None:
    moments = class_moments(np.ones((2, 3), np.float32), [0, 1])
    with pytest.raises(DatasetError, match="do not fit"):
        channel_statistics(moments, np.zeros((2, 2), np.int64))
