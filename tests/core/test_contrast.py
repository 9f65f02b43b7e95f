"""Forward selection against trying every channel, and no set of channels where there is nothing to tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from channelexplorer_dash.core.contrast import contrast, smallest
from channelexplorer_dash.core.stepwise import forward_path
from channelexplorer_dash.errors import SelectionError


def groups(n: int = 120, channels: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    first = np.arange(n) % 3 == 0
    return random.normal(size=(n, channels)), first


def residual(X: np.ndarray, y: np.ndarray, chosen: list[int]) -> float:
    A = np.column_stack([np.ones(len(X)), X[:, chosen]])
    return float(((y - A @ np.linalg.lstsq(A, y, rcond=None)[0]) ** 2).sum())


@given(st.integers(0, 1000))
def test_each_step_takes_the_channel_that_lowers_the_residuals_most(seed: int) -> None:
    X, first = groups(30, 6, seed)
    X[:, 4] = X[:, 1] + 0.1 * X[:, 2]
    path = forward_path(X, first, 4)
    chosen: list[int] = []
    for channel in path.channels.tolist():
        left = [j for j in range(6) if j not in chosen]
        best = min(residual(X, first.astype(float), [*chosen, j]) for j in left)
        chosen.append(channel)
        assert residual(X, first.astype(float), chosen) == pytest.approx(best, rel=1e-6)


def test_the_discriminant_is_fishers() -> None:
    X, first = groups()
    X[first, 3] += 2
    X[first, 7] -= 1
    path = forward_path(X, first, 5)
    for size in (1, 3, 5):
        lda = LinearDiscriminantAnalysis(solver="lsqr").fit(X[:, path.channels[:size]], first)
        expected = lda.decision_function(X[:, path.channels[:size]])
        assert np.corrcoef(expected, path.scores(X, size))[0, 1] == pytest.approx(1, abs=1e-9)


def test_the_smallest_set_is_found() -> None:
    X, first = groups(300)
    X[first, 5] += 2.0
    X[first, 11] += 1.5
    found = contrast(X, first, most=8)
    assert set(found.channels.tolist()) <= {5, 11}
    assert found.channels[0] == 5
    assert found.auc > 0.9
    assert found.scores(X)[first].mean() > found.scores(X)[~first].mean()
    assert contrast(X, ~first, most=8).channels.tolist() == found.channels.tolist()


def test_groups_of_noise_are_told_apart_by_nothing() -> None:
    held_out = []
    for seed in range(6):
        X, first = groups(60, 300, seed)
        found = contrast(X, first, most=6, seed=seed)
        held_out.append(found.auc)
        # All three hundred channels seen beforehand, the best one alone would look like this:
        assert max(abs(np.corrcoef(X[:, j], first)[0, 1]) for j in range(300)) > 0.3
    assert np.mean(held_out) == pytest.approx(0.5, abs=0.1)


def test_constant_and_equal_channels_and_few_images() -> None:
    X, first = np.zeros((6, 4)), np.array([1, 1, 1, 0, 0, 0], bool)
    found = contrast(X, first)
    assert (found.channels.tolist(), found.auc) == ([], 0.5)
    assert found.scores(X).tolist() == [0] * 6
    X[:, 1] = X[:, 3] = first
    found = contrast(X, first)
    assert (found.channels.tolist(), found.auc, found.standard_error) == ([1], 1.0, 0.0)
    with pytest.raises(SelectionError, match="at least 3 images: the second has 2"):
        contrast(X[:5], first[:5])
    with pytest.raises(SelectionError, match="the first has 0"):
        contrast(X, np.zeros(6, bool))


def test_a_scale_or_a_shift_of_a_channel_changes_nothing() -> None:
    X, first = groups(100)
    X[first, 2] += 1.5
    found = contrast(X, first, most=5)
    other = contrast(X * np.linspace(0.01, 50, 20) + 1000, first, most=5)
    assert other.channels.tolist() == found.channels.tolist()
    assert other.auc == pytest.approx(found.auc)


def test_one_standard_error() -> None:
    curves = np.array([[0.5, 0.79, 0.80, 0.80], [0.5, 0.85, 0.86, 0.88]])
    assert smallest(curves) == 1
    assert smallest(np.full((5, 4), 0.5)) == 0
