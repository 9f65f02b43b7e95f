from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.linear_model import Ridge, RidgeCV

from channelexplorer_dash.core import centroids as centroids_module
from channelexplorer_dash.core.normalise import normalise
from channelexplorer_dash.core.probe import PENALTIES, ridge_probe
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled
from tests.core.test_class_measures import Case, blobs


def plain_scores(S: np.ndarray, labels: np.ndarray, penalty: float) -> np.ndarray:
    """Fit scikit-learn's ridge once for each image that is left out."""
    X = normalise(S, "zscore").astype(np.float64)
    Y = (labels[:, None] == np.unique(labels)).astype(np.float64)
    scores = []
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        model = Ridge(penalty, solver="cholesky").fit(X[rest], Y[rest])
        scores.append(model.predict(X[[i]])[0])
    return np.array(scores)


@pytest.mark.parametrize("shape", [(60, 10), (20, 40), (25, 25)])
@pytest.mark.parametrize("products", [0, 10**12])
@pytest.mark.parametrize("penalty", [0.1, 5.0, 300.0])
def test_each_image_is_predicted_by_a_fit_without_it(
    shape: tuple[int, int], products: int, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", products)
    S, labels = blobs(n=shape[0], c=shape[1], apart=0.3)
    S[:, 1] = 4.0
    scores = plain_scores(S, labels, penalty)
    present = np.unique(labels)
    found = ridge_probe(S, labels, penalty)
    np.testing.assert_array_equal(found.predicted, present[scores.argmax(axis=1)])
    assert found.penalty == penalty
    np.testing.assert_array_equal(found.right, found.predicted == labels)
    assert found.accuracy == pytest.approx((found.predicted == labels).mean())


def test_the_penalty_has_the_least_generalised_error() -> None:
    S, labels = blobs(n=80, c=30, apart=0.4)
    X = normalise(S, "zscore").astype(np.float64)
    X -= X.mean(axis=0)
    Y = (labels[:, None] == np.unique(labels)).astype(np.float64)
    Y -= Y.mean(axis=0)
    squares = np.square(np.linalg.svd(X, compute_uv=False))
    unit = squares[squares > 1e-9 * squares.max()].mean()
    errors = []
    for penalty in PENALTIES * unit:
        hat = X @ np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T)
        errors.append(np.square(Y - hat @ Y).sum() / (len(X) - 1 - np.trace(hat)) ** 2)
    chosen = ridge_probe(S, labels).penalty
    assert chosen == pytest.approx(PENALTIES[int(np.argmin(errors))] * unit, rel=1e-6)


def test_what_can_be_read_off_is_read_off() -> None:
    S, labels = blobs(n=400, apart=2.0)
    assert ridge_probe(S, labels).accuracy > 0.97
    noise = np.random.default_rng(0).permutation(labels)
    assert ridge_probe(S, noise).accuracy < 0.3
    reference = RidgeCV(PENALTIES).fit(S, labels[:, None] == np.unique(labels))
    fitted = np.unique(labels)[reference.predict(S).argmax(axis=1)] == labels
    assert abs(fitted.mean() - ridge_probe(S, labels).accuracy) < 0.03


@settings(max_examples=60)
@given(labelled())
def test_any_images_are_answered(case: Case) -> None:
    S, labels = case
    found = ridge_probe(S, labels)
    assert set(found.predicted.tolist()) <= set(labels.tolist())
    sizes = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    assert not found.right[[sizes[label] == 1 for label in labels]].any()
    if len(np.unique(labels)) == 1 and len(labels) > 1:
        assert found.right.all()


def test_constant_channels_tell_nothing() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    # Left out, an image of the smaller class is even rarer: the majority is guessed.
    assert ridge_probe(np.ones((5, 3), np.float32), labels).right.tolist() == [True] * 3 + [False] * 2


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(DatasetError, match="NaN or infinity"):
        ridge_probe(np.array([[1.0], [np.inf]]), [0, 1])
