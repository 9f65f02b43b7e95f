from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from channelexplorer_dash.core.probe import PENALTIES, loo_ridge_scores, ridge_probe
from channelexplorer_dash.errors import DatasetError, SelectionError
from tests.core.strategies import labelled
from tests.core.test_class_measures import blobs


def refitted(S: np.ndarray, labels: np.ndarray, penalty: float) -> np.ndarray:
    """Fit N probes, each without one image."""
    X = StandardScaler().fit_transform(S.astype(np.float64))
    X[:, S.min(axis=0) == S.max(axis=0)] = 0
    Y = (labels[:, None] == np.unique(labels)).astype(float)
    rows = np.arange(len(S))
    found = np.zeros(Y.shape)
    for i in rows:
        others = rows != i
        probe = Ridge(alpha=penalty * len(S), solver="cholesky").fit(X[others], Y[others])
        found[i] = probe.predict(X[[i]])
    return found


@pytest.mark.parametrize("shape", [(40, 7), (12, 30), (20, 20)])
@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
def test_equals_n_fits(shape: tuple[int, int], penalty: float) -> None:
    rng = np.random.default_rng(0)
    S = rng.normal(size=shape).astype(np.float32) * rng.uniform(0.01, 100, shape[1]).astype(np.float32)
    S[:, 0] = 3  # a dead channel
    labels = rng.integers(0, 4, shape[0]) * 2 - 1
    found = loo_ridge_scores(S, labels, penalty)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, refitted(S, labels, penalty), rtol=1e-6, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(labelled())
def test_any_input_has_a_defined_answer(case: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = case
    found = loo_ridge_scores(S, labels)
    assert found.shape == (len(S), len(np.unique(labels)))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 0 if len(S) == 1 else 1, atol=1e-6)


def test_the_penalty_is_the_one_with_the_least_error() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    S = (rng.normal(size=(60, 20)) + 0.5 * labels[:, None]).astype(np.float32)
    truth = (labels[:, None] == np.arange(3)).astype(float)
    by_penalty = {p: loo_ridge_scores(S, labels, p) for p in PENALTIES}
    best = min(by_penalty, key=lambda p: float(np.square(by_penalty[p] - truth).sum()))
    np.testing.assert_array_equal(loo_ridge_scores(S, labels), by_penalty[best])


def test_many_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    from channelexplorer_dash.core import probe

    rng = np.random.default_rng(2)
    S, labels = rng.normal(size=(50, 6)).astype(np.float32), rng.integers(0, 3, 50)
    whole = loo_ridge_scores(S, labels)
    plain = probe.chunks
    monkeypatch.setattr(probe, "chunks", lambda n, row_bytes, limit=1: plain(n, 1, 7))
    np.testing.assert_allclose(loo_ridge_scores(S, labels), whole, rtol=1e-9, atol=1e-12)


def test_bad_input_is_refused() -> None:
    S = np.ones((3, 2), np.float32)
    with pytest.raises(SelectionError, match="above 0"):
        loo_ridge_scores(S, [0, 1, 1], penalty=0.0)
    with pytest.raises(DatasetError, match="NaN"):
        loo_ridge_scores(np.full((3, 2), np.nan, np.float32), [0, 1, 1])
    with pytest.raises(DatasetError, match="one label per image"):
        loo_ridge_scores(S, [0, 1])


@pytest.mark.parametrize("shape", [(60, 10), (20, 40)])
def test_predictions_are_the_largest_scores(shape: tuple[int, int]) -> None:
    S, labels = blobs(n=shape[0], c=shape[1], apart=0.3)
    found, scores = ridge_probe(S, labels, 0.1), loo_ridge_scores(S, labels, 0.1)
    np.testing.assert_array_equal(found.predicted, np.unique(labels)[scores.argmax(axis=1)])
    np.testing.assert_array_equal(found.right, found.predicted == labels)
    assert found.accuracy == found.right.mean()
    assert found.penalty == 0.1
    assert ridge_probe(S, labels).penalty in PENALTIES


def test_what_can_be_read_off_is_read_off() -> None:
    S, labels = blobs(n=400, apart=2.0)
    assert ridge_probe(S, labels).accuracy > 0.97
    noise = np.random.default_rng(0).permutation(labels)
    assert ridge_probe(S, noise).accuracy < 0.3
    reference = RidgeCV(np.array(PENALTIES) * len(S)).fit(
        StandardScaler().fit_transform(S), labels[:, None] == np.unique(labels)
    )
    fitted = np.unique(labels)[reference.predict(StandardScaler().fit_transform(S)).argmax(axis=1)] == labels
    assert abs(fitted.mean() - ridge_probe(S, labels).accuracy) < 0.03


@settings(max_examples=60)
@given(labelled())
def test_any_images_are_answered(case: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = case
    found = ridge_probe(S, labels)
    assert set(found.predicted.tolist()) <= set(labels.tolist())
    sizes = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    assert not found.right[[sizes[label] == 1 for label in labels]].any()
    if len(np.unique(labels)) == 1 and len(labels) > 1:
        assert found.right.all()


def test_constant_channels_tell_nothing() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    # Left out, an image of the smaller class is even rarer: the majority is guessed.
    assert ridge_probe(np.ones((6, 3), np.float32), labels).right.tolist() == [True] * 4 + [False] * 2
