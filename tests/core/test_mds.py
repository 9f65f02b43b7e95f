from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.manifold import smacof as sklearn_smacof

from channelexplorer_dash.core import mds as module
from channelexplorer_dash.core.mds import metric_mds, smacof
from channelexplorer_dash.core.pca import principal_components


def stress(distances: np.ndarray, placed: np.ndarray) -> float:
    return float(np.square(cdist(placed, placed) - distances).sum() / 2)


def test_every_step_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    points = rng.standard_normal((60, 8))
    distances, start = cdist(points, points), rng.standard_normal((60, 2))
    monkeypatch.setattr(module, "_TOLERANCE", -np.inf)
    for steps in (1, 5, 40):
        monkeypatch.setattr(module, "_ITERATIONS", steps)
        reference, _ = sklearn_smacof(
            distances, init=start, n_init=1, max_iter=steps, eps=0, normalized_stress=False
        )
        np.testing.assert_allclose(smacof(distances, start), reference, rtol=1e-6, atol=1e-9)


def test_steps_end_near_the_least_stress_that_they_lead_to() -> None:
    points = np.random.default_rng(10).standard_normal((60, 8)).astype(np.float32)
    distances, start = cdist(points, points), principal_components(points, 2).scores
    _, reference = sklearn_smacof(
        distances, init=start, n_init=1, max_iter=3000, eps=1e-12, normalized_stress=False
    )
    assert reference * (1 - 1e-6) <= stress(distances, smacof(distances, start)) <= reference * 1.005


def test_points_of_a_plane_are_placed_exactly() -> None:
    points = np.random.default_rng(11).standard_normal((30, 2))
    placed = metric_mds(points, points, 0)
    np.testing.assert_allclose(cdist(placed, placed), cdist(points, points), atol=1e-6)


def test_equal_points_stay_together() -> None:
    points = np.array([[0.0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 1]])
    placed = metric_mds(points, points[:, :2], 0)
    np.testing.assert_allclose(placed[0], placed[1], atol=1e-9)
    assert np.isfinite(placed).all()


def test_landmarks_place_the_others_nearly_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(12)
    points = rng.standard_normal((300, 5)) * [4, 3, 1, 1, 0.5]
    distances = cdist(points, points)
    exact = stress(distances, metric_mds(points, points[:, :2], 0))
    monkeypatch.setattr(module, "MOST_PAIRED", 299)
    monkeypatch.setattr(module, "LANDMARKS", 100)
    placed = metric_mds(points, points[:, :2], 0)
    assert stress(distances, placed) < 1.05 * exact
    np.testing.assert_array_equal(placed, metric_mds(points, points[:, :2], 0))
