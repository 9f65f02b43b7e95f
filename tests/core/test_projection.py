from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from channelexplorer_dash.core import projection as module
from channelexplorer_dash.core.pca import principal_components
from channelexplorer_dash.core.projection import COMPONENTS, METHODS, project
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.errors import DatasetError, UnknownNameError

# UMAP compiles for some ten seconds in each process.
ALL = [pytest.param(m, marks=pytest.mark.slow) if m == "umap" else m for m in METHODS]


def components(S: np.ndarray) -> np.ndarray:
    return principal_components(S, COMPONENTS).scores.astype(np.float32)


@pytest.fixture(autouse=True)
def _no_warnings() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 17])
def test_few_images_are_placed(method: str, n: int) -> None:
    rng = np.random.default_rng(n)
    cases = {
        "random": rng.random((n, 7), dtype=np.float32),
        "wide": rng.random((n, 60), dtype=np.float32),
        "one channel": np.arange(n, dtype=np.float32)[:, None],
        "two values": np.repeat(np.arange(n) % 2, 3).reshape(n, 3).astype(np.float32),
        "one apart": np.eye(n, 4, dtype=np.float32)[:1].repeat(n, axis=0) * (np.arange(n) == 0)[:, None],
    }
    for name, S in cases.items():
        placed = project(components(S), method, 3)
        assert placed.shape == (n, 2), name
        assert placed.dtype == np.float32, name
        assert np.isfinite(placed).all(), name


@pytest.mark.parametrize("method", METHODS)
def test_equal_images_lie_at_the_origin(method: str) -> None:
    for n in (1, 2, 30):
        assert not project(components(np.full((n, 5), 0.1, np.float32)), method, 0).any()


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_too_few_for_neighbours_are_placed_by_pca(method: str) -> None:
    S = np.random.default_rng(0).random((4, 6), dtype=np.float32)
    np.testing.assert_array_equal(project(components(S), method, 0), components(S)[:, :2])


def test_pca_is_scikit_learns() -> None:
    S = np.random.default_rng(1).random((50, 12), dtype=np.float32)
    expected = PCA(2, svd_solver="full").fit_transform(S.astype(np.float64))
    found = project(components(S), "pca", 0)
    found = found * np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("seed", [0, 7, -1, 2**70])
def test_equal_seeds_place_alike(method: str, seed: int) -> None:
    scores = components(np.random.default_rng(2).random((60, 20), dtype=np.float32))
    np.testing.assert_array_equal(project(scores, method, seed), project(scores, method, seed))


@pytest.mark.parametrize("method", ALL)
def test_scale_and_shift_of_the_data_do_not_break_a_projection(method: str) -> None:
    S = np.random.default_rng(3).random((20, 6), dtype=np.float32)
    for scaled in (S * np.float32(1e37), S * np.float32(1e-37), S + np.float32(1e5)):
        assert np.isfinite(project(components(scaled), method, 0)).all()


@pytest.mark.parametrize(
    ("method", "least"), [("tsne", 0.93), pytest.param("umap", 0.93, marks=pytest.mark.slow)]
)
def test_digits_come_apart(method: str, least: float) -> None:
    S, labels = load_digits(return_X_y=True)
    placed = project(components(S[:600]), method, 0)
    assert loo_knn_accuracy(placed, labels[:600], 5, "euclidean").accuracy > least


@pytest.mark.parametrize(
    ("method", "least"),
    [("pca", 0.8), ("mds", 0.85), ("tsne", 0.98), pytest.param("umap", 0.97, marks=pytest.mark.slow)],
)
def test_neighbours_on_the_plane_are_neighbours(method: str, least: float) -> None:
    S = load_digits().data[:600].astype(np.float32)
    assert trustworthiness(S, project(components(S), method, 0), n_neighbors=10) > least


@pytest.mark.slow
def test_beyond_some_images_the_repulsion_is_interpolated(monkeypatch: pytest.MonkeyPatch) -> None:
    S, labels = (rows[:800] for rows in load_digits(return_X_y=True))
    monkeypatch.setattr(module, "MOST_BY_TREE", 500)
    placed = project(components(S), "tsne", 0)
    assert loo_knn_accuracy(placed, labels, 5, "euclidean").accuracy > 0.95
    np.testing.assert_array_equal(placed, project(components(S), "tsne", 0))


def test_one_component_is_a_line() -> None:
    scores = np.arange(8, dtype=np.float32)[:, None]
    for method in ("pca", "tsne", "mds"):
        placed = project(scores, method, 0)
        assert placed.shape == (8, 2)
        assert np.isfinite(placed).all()


def test_bad_requests_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="umap"):
        project(np.ones((3, 2), np.float32), "u-map", 0)
    with pytest.raises(DatasetError, match="NaN"):
        project(np.full((3, 2), np.nan), "pca", 0)
    with pytest.raises(DatasetError, match="images × channels"):
        project(np.zeros((0, 2), np.float32), "pca", 0)
