"""Separability measures as the engine publishes them, against the functions that they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.core.centroids import centroid_measures
from channelexplorer_dash.core.collapse import simplex_gaps, within_class_variability
from channelexplorer_dash.core.dispersion import calinski_harabasz, davies_bouldin
from channelexplorer_dash.core.gdv import discrimination_value
from channelexplorer_dash.core.hubness import hubness, occurrences
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.neighbourhood import neighbourhood
from channelexplorer_dash.core.normalise import normalise
from channelexplorer_dash.core.picture import trustworthiness
from channelexplorer_dash.core.probe import ridge_probe
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.core.silhouette import silhouettes
from channelexplorer_dash.extraction.plan import MEASURED
from channelexplorer_dash.store import Kind
from tests.extraction.test_derivations import Filled

PARAMETERS: dict[str, dict[str, Any]] = {
    "knn": {"neighbours": 3, "queries": 0},
    "neighbourhood": {"queries": 0, "images": 0},
    "silhouette": {"queries": 0},
    "discrimination": {"images": 0},
}


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "store")


def record(filled: Filled, name: Any, **more: Any) -> dict[str, Any]:
    parameters = {"normalisation": "none", **PARAMETERS.get(name, {}), **more}
    return filled.store.record(filled.derive(name, parameters).key)


def expected(S: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    moments = class_moments(S, labels)
    means, near = centroid_measures(S, labels), neighbourhood(S, labels)
    return {
        "knn": loo_knn_accuracy(S, labels, 3).accuracy,
        "thornton": near.thornton,
        "centroid": float(means.right_left_out.mean()),
        "probe": ridge_probe(S, labels).accuracy,
        "silhouette": float(silhouettes(S, labels).mean()),
        "silhouette_squared": float(means.silhouette.mean()),
        "gdv": discrimination_value(S, labels).value,
        "calinski_harabasz": calinski_harabasz(moments),
        "davies_bouldin": davies_bouldin(S, labels),
        "n2": near.n2,
        "nc1": float(within_class_variability(S, labels).mean()),
        "nc2": simplex_gaps(moments).simplex,
        "hubness": hubness(occurrences(S)),
    }


def test_every_measure_has_its_value_within_its_interval(filled: Filled) -> None:
    S, labels = filled.S[filled.ids], filled.labels[filled.ids]
    wanted = expected(S, labels)
    assert set(wanted) == set(MEASURED)
    for measure, name in MEASURED.items():
        found = record(filled, name)
        figure = found["figures"][measure]
        assert found["images"] == 119
        assert figure["value"] == pytest.approx(wanted[measure], rel=1e-6), measure
        assert figure["low"] <= figure["value"] <= figure["high"], measure
        assert figure["why"] == ""


def test_a_sample_is_asked(filled: Filled) -> None:
    found = record(filled, "silhouette", queries=30)
    whole = record(filled, "silhouette")
    assert (found["voters"], found["images"]) == (30, 119)
    sampled, exact = found["figures"]["silhouette"], whole["figures"]["silhouette"]
    assert sampled["low"] < exact["value"] < sampled["high"]
    assert record(filled, "discrimination", images=40)["voters"] == 40


def test_one_class_has_no_measure_of_classes_and_says_why(filled: Filled) -> None:
    filled.sample(np.flatnonzero(filled.labels == 1))
    for measure, name in MEASURED.items():
        figure = record(filled, name)["figures"][measure]
        if measure in {"knn", "centroid", "probe"}:
            assert figure["value"] == 1.0
        elif measure == "hubness":
            assert figure["value"] is not None
        else:
            assert figure["value"] is figure["low"] is None
            assert figure["why"]


def test_one_image_is_no_error(filled: Filled) -> None:
    filled.sample(np.array([3]))
    for measure, name in MEASURED.items():
        assert record(filled, name)["figures"][measure]["low"] is None


@pytest.mark.parametrize("first", ["class_means", "class_pairs"])
def test_pairs_of_classes_come_with_their_means(filled: Filled, first: Any) -> None:
    filled.derive(first, {"normalisation": "none"})
    found = filled.array("class_pairs", {"normalisation": "none"})
    S, labels = filled.S[filled.ids], filled.labels[filled.ids]
    measured = centroid_measures(S, labels)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(found[off], measured.pairs[off])
    for c in range(3):
        assert found[c, c] == pytest.approx(measured.right_left_out[labels == c].mean())


def test_pairs_are_made_again_where_only_their_means_are_left(filled: Filled) -> None:
    plan = filled.derive("class_pairs", {"normalisation": "none"})
    before = np.array(filled.store.array(Kind.ARRAY, plan.key))
    filled.store.path(Kind.ARRAY, plan.key).unlink()
    np.testing.assert_array_equal(filled.array("class_pairs", {"normalisation": "none"}), before)


def test_a_picture_is_compared_with_all_dimensions(filled: Filled) -> None:
    classes = {"normalisation": "minmax", "neighbours": 3, "queries": 0}
    projected = {"method": "pca", "seed": 0}
    rows = normalise(filled.S[filled.ids], "minmax")
    labels = filled.labels[filled.ids]
    whole = record(filled, "whole", **classes)
    assert whole["knn"] == loo_knn_accuracy(rows, labels, 3, "euclidean").accuracy
    assert whole["consistency"] == centroid_measures(rows, labels).right.mean()
    picture = record(filled, "picture", **classes, **projected, pictured=1000)
    xy = filled.array("projection", {"normalisation": "minmax", **projected})
    assert picture["knn"] == loo_knn_accuracy(xy, labels, 3, "euclidean").accuracy
    assert picture["consistency"] == centroid_measures(xy, labels).right.mean()
    assert picture["trust"] == pytest.approx(trustworthiness(rows, xy).mean(), rel=1e-6)
    assert picture["trusted"] == 119
    filled.sample(np.arange(6))
    assert record(filled, "picture", **classes, **projected, pictured=1000)["trust"] is None
