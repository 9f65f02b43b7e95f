from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from channelexplorer_dash.core import normalise as module
from channelexplorer_dash.core.arrays import chunks
from channelexplorer_dash.core.normalise import apply_scaling, dead_channels, fit_scaling, normalise
from channelexplorer_dash.errors import DatasetError, UnknownNameError
from tests.core.strategies import summaries


@pytest.fixture(name="S")
def given_summary() -> np.ndarray:
    values = np.random.default_rng(1).standard_normal((40, 9)).astype(np.float32)
    values[:, 1] += 1000  # far from 0 for its spread
    values[5] = 0
    values[:, 2] = 7.3
    values[:, 3] = 0
    return values


def test_methods_agree_with_scikit_learn(S: np.ndarray) -> None:
    double = S.astype(np.float64)
    alive = ~dead_channels(S)
    np.testing.assert_array_equal(normalise(S, "none"), S)
    np.testing.assert_allclose(
        normalise(S, "minmax")[:, alive], MinMaxScaler().fit_transform(double)[:, alive], rtol=1e-6
    )
    np.testing.assert_allclose(
        normalise(S, "zscore")[:, alive], StandardScaler().fit_transform(double)[:, alive], rtol=1e-6
    )
    np.testing.assert_allclose(normalise(S, "image_l1"), normalize(double, "l1"), rtol=1e-6)


def test_dead_channels_become_zero(S: np.ndarray) -> None:
    np.testing.assert_array_equal(np.flatnonzero(dead_channels(S)), [2, 3])
    for method in ("minmax", "zscore"):
        assert not normalise(S, method)[:, [2, 3]].any()


@given(summaries(), st.sampled_from(module.METHODS))
def test_results_are_finite_and_in_range(S: np.ndarray, method: str) -> None:
    result = normalise(S, method)
    assert result.dtype == np.float32
    assert result.shape == S.shape
    assert np.isfinite(result).all()
    if method == "minmax":
        assert result.min() >= 0
        assert result.max() <= 1
        np.testing.assert_array_equal(result.max(axis=0) == 1, ~dead_channels(S))
    if method == "image_l1":
        np.testing.assert_allclose(np.abs(result).sum(axis=1), S.any(axis=1), rtol=1e-5)


@given(summaries(), st.sampled_from(module.METHODS), st.data())
def test_some_images_are_normalised_as_in_the_whole(S: np.ndarray, method: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(S) - 1), min_size=1))
    scaling = fit_scaling(S, method)
    np.testing.assert_array_equal(apply_scaling(S[rows], scaling), normalise(S, method)[rows])
    np.testing.assert_array_equal(scaling.dead, dead_channels(S))


@pytest.mark.parametrize("method", module.METHODS)
def test_chunks_change_nothing(S: np.ndarray, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = normalise(S, method)
    monkeypatch.setattr(module, "chunks", lambda n, row_bytes: chunks(n, row_bytes, 3 * row_bytes))
    np.testing.assert_allclose(normalise(S, method), whole, rtol=1e-6)


@pytest.mark.parametrize("method", ["minmax", "zscore"])
def test_the_whole_range_of_float32_is_normalised(method: str) -> None:
    S = np.array([[-3e38, 1e-45], [3e38, 0]], np.float32)
    expected = {"minmax": [[0, 1], [1, 0]], "zscore": [[-1, 1], [1, -1]]}[method]
    np.testing.assert_allclose(normalise(S, method), expected, rtol=1e-6)


def test_one_image_has_only_dead_channels() -> None:
    S = np.array([[1.0, 2.0]], np.float32)
    assert dead_channels(S).all()
    np.testing.assert_array_equal(normalise(S, "minmax"), [[0, 0]])
    np.testing.assert_allclose(normalise(S, "image_l1"), [[1 / 3, 2 / 3]], rtol=1e-6)


def test_a_channel_with_nan_is_not_dead() -> None:
    np.testing.assert_array_equal(dead_channels(np.array([[np.nan, 1], [np.nan, 1]])), [False, True])


def test_what_cannot_be_normalised_is_refused(S: np.ndarray) -> None:
    with pytest.raises(UnknownNameError, match="minmax"):
        normalise(S, "min-max")
    with pytest.raises(DatasetError, match="9 channels"):
        apply_scaling(S[:, :4], fit_scaling(S, "minmax"))
    S[3, 3] = np.nan
    with pytest.raises(DatasetError, match="NaN"):
        normalise(S, "none")
