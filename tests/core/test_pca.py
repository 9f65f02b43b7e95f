from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from sklearn.decomposition import PCA

from channelexplorer_dash.core import pca as module
from channelexplorer_dash.core.arrays import chunks
from channelexplorer_dash.core.pca import principal_components
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
    found = principal_components(S, count)
    np.testing.assert_allclose(
        up_to_sign(found, expected), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max()
    )


@pytest.mark.parametrize(("n", "channels"), [(60, 12), (12, 60)])
def test_chunks_and_single_precision_change_little(
    n: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    S = spread(n, channels)
    whole = principal_components(S, 3)
    monkeypatch.setattr(module, "chunks", lambda rows, row_bytes: chunks(rows, row_bytes, 7 * row_bytes))
    np.testing.assert_allclose(principal_components(S, 3), whole, rtol=1e-9, atol=1e-9)
    monkeypatch.setattr(module, "_DOUBLE_WORK", 0)
    np.testing.assert_allclose(principal_components(S, 3), whole, atol=1e-4 * np.abs(whole).max())


def test_signs_are_fixed_by_the_largest_loading() -> None:
    for shape in ((50, 6), (6, 50)):
        S = spread(*shape)
        scores = principal_components(S, 3)
        loadings = (S - S.mean(axis=0, dtype=np.float64)).T @ scores
        assert np.all(loadings[np.argmax(np.abs(loadings), axis=0), np.arange(3)] > 0)
        np.testing.assert_allclose(
            principal_components(S[::-1].copy(), 3), scores[::-1], rtol=1e-6, atol=1e-9
        )


@given(summaries())
def test_scores_are_centred_uncorrelated_and_keep_the_variance(S: np.ndarray) -> None:
    count = S.shape[1]
    scores = principal_components(S, count)
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
    scores = principal_components(line, 3)
    np.testing.assert_allclose(np.abs(np.diff(scores[:, 0])), 3, rtol=1e-6)
    assert not scores[:, 1:].any()
    assert not principal_components(np.full((5, 3), 1 / 3, np.float32), 2).any()
    assert not principal_components(np.array([[1.0, 2, 3]], np.float32), 2).any()
    assert principal_components(np.array([[1.0], [2.0]], np.float32), 2).shape == (2, 2)


def test_the_whole_range_of_float32_is_projected() -> None:
    S = np.array([[3e38, 0], [-3e38, 0], [0, 1e38]], np.float32)
    assert np.isfinite(principal_components(S, 2)).all()
    small = principal_components(S * np.float32(1e-20), 2)
    np.testing.assert_allclose(small * 1e20, principal_components(S, 2), rtol=1e-6, atol=1e32)
