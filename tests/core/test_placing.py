from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from channelexplorer_dash.core import placing as module
from channelexplorer_dash.core.mds import metric_mds
from channelexplorer_dash.core.pca import principal_components
from channelexplorer_dash.core.placing import place_new
from channelexplorer_dash.core.projection import COMPONENTS, METHODS, project
from channelexplorer_dash.errors import DatasetError, UnknownNameError

UMAP = pytest.param("umap", False, marks=pytest.mark.slow)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    ("method", "interpolated"),
    [("pca", False), ("mds", False), ("tsne", False), ("tsne", True), UMAP],
)
def test_held_out_digits_land_near_their_class(
    method: str, interpolated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    S, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(5).permutation(len(S))[:800]
    S, labels = S[chosen].astype(np.float32), labels[chosen]
    known, new = np.arange(600), np.arange(600, 800)

    def accuracy(of_known: np.ndarray, of_new: np.ndarray) -> float:
        return float(KNeighborsClassifier(5).fit(of_known, labels[known]).score(of_new, labels[new]))

    together = project(principal_components(S, COMPONENTS).scores, method, 0)
    if interpolated:
        monkeypatch.setattr(module, "MOST_BY_TREE", 500)
    components = principal_components(S[known], COMPONENTS)
    positions = project(components.scores, method, 0)
    others = components.place(S[new])
    placed = place_new(components.scores, positions, others, method)
    assert placed.shape == (200, 2)
    assert placed.dtype == np.float32
    assert accuracy(positions, placed) > accuracy(together[known], together[new]) - 0.05
    np.testing.assert_array_equal(placed, place_new(components.scores, positions, others, method))


@pytest.mark.parametrize("method", METHODS)
def test_known_images_are_placed_near_themselves(method: str) -> None:
    rng = np.random.default_rng(4)
    scores = (rng.standard_normal((300, 4)) * [9, 5, 0.3, 0.1]).astype(np.float32)
    # Two axes hold nearly everything: the first two are a good picture for any method.
    positions = scores[:, :2] + np.float32(40)
    if method in ("pca", "mds"):
        positions = project(scores, method, 0)
    placed = place_new(scores, positions, scores[::7], method)
    apart = np.linalg.norm(placed - positions[::7], axis=1)
    assert np.median(apart) < 0.1 * np.abs(positions - positions.mean(axis=0)).max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 20])
def test_few_or_equal_images_are_placed(method: str, n: int) -> None:
    rng = np.random.default_rng(n)
    for known in (rng.random((n, 3)), np.zeros((n, 3)), rng.random((n, 1))):
        positions = rng.random((n, 2))
        for new in (known[:1], rng.random((7, known.shape[1]))):
            placed = place_new(known, positions, new, method)
            assert placed.shape == (len(new), 2)
            assert np.isfinite(placed).all()


def test_memberships_are_those_of_umap() -> None:
    distances = np.sort(np.random.default_rng(6).random((20, 15)), axis=1)
    weights = module._memberships(distances)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    raw = weights / weights[:, :1]  # the nearest has membership 1
    np.testing.assert_allclose(raw.sum(axis=1), np.log2(15), rtol=1e-6)
    rates = -np.log(raw[:, 1:]) / (distances[:, 1:] - distances[:, :1])
    np.testing.assert_allclose(rates, rates[:, :1].repeat(14, axis=1), rtol=1e-6)


def test_landmarks_place_a_new_image_for_the_least_stress() -> None:
    rng = np.random.default_rng(8)
    scores = rng.standard_normal((80, 5)) * [4, 3, 1, 1, 0.5]
    positions = metric_mds(scores, scores[:, :2], 0)
    new = rng.standard_normal((6, 5))
    placed = place_new(scores, positions, new, "mds")
    wanted = cdist(new, scores)

    def stress(at: np.ndarray) -> np.ndarray:
        return np.square(cdist(at, positions) - wanted).sum(axis=1)

    for step in rng.standard_normal((50, 6, 2)) * 0.3:
        assert (stress(placed) <= stress(placed + step) * (1 + 1e-3)).all()


def test_bad_requests_are_refused() -> None:
    known, positions = np.ones((3, 4)), np.ones((3, 2))
    with pytest.raises(UnknownNameError, match="umap"):
        place_new(known, positions, known, "u-map")
    with pytest.raises(DatasetError, match="do not fit"):
        place_new(known, positions[:2], known, "pca")
    with pytest.raises(DatasetError, match="do not fit"):
        place_new(known, positions, known[:, :3], "pca")
    with pytest.raises(DatasetError, match="NaN"):
        place_new(known, positions * np.nan, known, "pca")
