from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from channelexplorer_dash.core import pca as module
from channelexplorer_dash.core.normalise import METHODS, apply_scaling, fit_scaling
from channelexplorer_dash.core.pca import Components, principal_components
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import summaries


def spread(n: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    values = rng.standard_normal((n, channels)) * 0.8 ** np.arange(channels)
    return (values @ np.linalg.qr(rng.standard_normal((channels, channels)))[0] + 5).astype(np.float32)


def up_to_sign(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return found * np.sign((found * expected).sum(axis=0))


@pytest.mark.parametrize(("n", "channels"), [(200, 20), (20, 200), (30, 30), (7, 5), (3, 9)])
def test_components_agree_with_scikit_learn(n: int, channels: int) -> None:
    S = spread(n, channels)
    count = min(n - 1, channels, 6)
    expected = PCA(count, svd_solver="full").fit_transform(S.astype(np.float64))
    found = principal_components(S, count).scores
    np.testing.assert_allclose(
        up_to_sign(found, expected), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max()
    )


@pytest.mark.parametrize(("n", "channels"), [(60, 12), (12, 60)])
def test_chunks_and_single_precision_change_little(
    n: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    S = spread(n, channels)
    whole = principal_components(S, 3).scores
    monkeypatch.setattr(module, "_BLOCK_BYTES", 7 * 8 * channels)
    np.testing.assert_allclose(principal_components(S, 3).scores, whole, rtol=1e-9, atol=1e-9)
    monkeypatch.setattr(module, "_DOUBLE_WORK", 0)
    np.testing.assert_allclose(principal_components(S, 3).scores, whole, atol=1e-4 * np.abs(whole).max())


def test_signs_are_fixed_by_the_largest_loading() -> None:
    for shape in ((50, 6), (6, 50)):
        S = spread(*shape)
        scores = principal_components(S, 3).scores
        loadings = (S - S.mean(axis=0, dtype=np.float64)).T @ scores
        assert np.all(loadings[np.argmax(np.abs(loadings), axis=0), np.arange(3)] > 0)
        np.testing.assert_allclose(
            principal_components(S[::-1].copy(), 3).scores, scores[::-1], rtol=1e-6, atol=1e-9
        )


@given(summaries())
def test_scores_are_centred_uncorrelated_and_keep_the_variance(S: np.ndarray) -> None:
    count = S.shape[1]
    scores = principal_components(S, count).scores
    assert np.isfinite(scores).all()
    total = S.astype(np.float64).var(axis=0).sum()
    size = max(float(np.abs(S).max()), 1e-30)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-6 * size)
    np.testing.assert_allclose(scores.var(axis=0).sum(), total, rtol=1e-6, atol=1e-12 * size**2)
    product = scores.T @ scores
    np.testing.assert_allclose(product, np.diag(np.diag(product)), atol=1e-6 * len(S) * size**2)
    assert np.all(np.diff(scores.var(axis=0)) <= 1e-9 * size**2)


def test_directions_without_variation_are_exactly_zero() -> None:
    line = np.outer(np.arange(6.0), [1, 2, -2]).astype(np.float32) + 0.1
    scores = principal_components(line, 3).scores
    np.testing.assert_allclose(np.abs(np.diff(scores[:, 0])), 3, rtol=1e-6)
    assert not scores[:, 1:].any()
    assert not principal_components(np.full((5, 3), 1 / 3, np.float32), 2).scores.any()
    assert not principal_components(np.array([[1.0, 2, 3]], np.float32), 2).scores.any()
    assert principal_components(np.array([[1.0], [2.0]], np.float32), 2).scores.shape == (2, 2)


def test_the_whole_range_of_float32_is_projected() -> None:
    S = np.array([[3e38, 0], [-3e38, 0], [0, 1e38]], np.float32)
    assert np.isfinite(principal_components(S, 2).scores).all()
    small = principal_components(S * np.float32(1e-20), 2).scores
    np.testing.assert_allclose(small * 1e20, principal_components(S, 2).scores, rtol=1e-6, atol=1e32)


@given(summaries(), st.sampled_from(METHODS))
def test_rows_are_chosen_and_normalised_on_the_way(S: np.ndarray, method: str) -> None:
    images = np.sort(np.random.default_rng(len(S)).permutation(len(S))[: (len(S) + 1) // 2])
    scaling = fit_scaling(S[images], method)
    normalised = apply_scaling(S[images], scaling)
    found, expected = principal_components(S, 2, scaling, images), principal_components(normalised, 2)
    size = max(float(np.abs(normalised).max()), 1e-30)
    product = expected.scores @ expected.scores.T
    np.testing.assert_allclose(found.scores @ found.scores.T, product, atol=1e-5 * len(S) * size**2)
    np.testing.assert_allclose(found.place(normalised), found.scores, atol=1e-5 * size)


def large(n: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    centres = rng.standard_normal((12, channels)) * 2
    rows = centres[np.sort(rng.integers(0, 12, n))] + rng.standard_normal((n, channels))
    return np.abs(rows).astype(np.float32)


@pytest.mark.parametrize(("n", "channels"), [(3000, 200), (400, 900)])
@pytest.mark.parametrize("method", [None, *METHODS])
def test_iterated_components_are_those_of_the_singular_vectors(
    n: int, channels: int, method: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DOUBLE_WORK", 0)
    monkeypatch.setattr(module, "_SAMPLE", 300)
    monkeypatch.setattr(module._Centred, "covariance", None)  # what the exact ways start from
    monkeypatch.setattr(module._Centred, "gram", None)
    S = large(n, channels)
    scaling = None if method is None else fit_scaling(S, method)
    normalised = (S if scaling is None else apply_scaling(S, scaling)).astype(np.float64)
    mean = normalised.mean(axis=0)
    left, sizes, right = np.linalg.svd(normalised - mean, full_matrices=False)
    found = principal_components(S, 10, scaling)
    expected = up_to_sign((left * sizes)[:, :2], found.scores[:, :2])
    np.testing.assert_allclose(found.scores[:, :2], expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(np.abs(found.loadings[:, :2]), np.abs(right[:2].T), atol=1e-4)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.loadings.T @ found.loadings, np.eye(10), atol=1e-6)
    # The last ones keep nearly as much as there is to keep.
    assert np.square(found.scores).sum() > 0.97 * np.square(sizes[:10]).sum()
    again = principal_components(S, 10, scaling)
    np.testing.assert_array_equal(again.scores, found.scores)
    np.testing.assert_allclose(found.place(normalised[:50]), found.scores[:50], atol=1e-4 * sizes[0])


def test_iteration_sees_the_rank_and_falls_back_where_nothing_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DOUBLE_WORK", 0)
    rng = np.random.default_rng(5)
    flat = (rng.standard_normal((500, 3)) @ rng.standard_normal((3, 120))).astype(np.float32)
    scores = principal_components(flat, 8).scores
    assert scores[:, :3].any(axis=0).all()
    assert not scores[:, 3:].any()
    assert not principal_components(np.full((500, 120), 0.1, np.float32), 8).scores.any()
    monkeypatch.setattr("channelexplorer_dash.core.krylov._PASSES", 1)
    noise = rng.standard_normal((500, 120)).astype(np.float32)
    expected = PCA(8, svd_solver="full").fit_transform(noise.astype(np.float64))
    found = principal_components(noise, 8).scores
    np.testing.assert_allclose(up_to_sign(found, expected), expected, atol=1e-3)


def test_extreme_values_are_iterated_in_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    S = large(400, 150)
    monkeypatch.setattr(module, "_DOUBLE_WORK", 0)
    expected = principal_components(S, 4).scores
    for size in (1e30, 1e-30):
        found = principal_components(S * np.float32(size), 4).scores
        np.testing.assert_allclose(found[:, :2] / size, expected[:, :2], atol=1e-3 * np.abs(expected).max())


def test_bad_requests_are_refused() -> None:
    with pytest.raises(DatasetError, match="NaN"):
        principal_components(np.full((3, 2), np.nan), 2)
    with pytest.raises(DatasetError, match="images × channels"):
        principal_components(np.zeros((0, 2)), 2)
    with pytest.raises(DatasetError, match="3 channels"):
        Components(np.zeros((1, 2)), np.zeros(3), np.zeros((3, 2))).place(np.ones((2, 4)))
    whole = np.array([[1.0, 2], [np.inf, 3], [2, 2]])
    assert principal_components(whole, 1, images=np.array([0, 2])).scores.any()
