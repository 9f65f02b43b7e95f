"""Separability measures as the explorer answers with them, on the digits demo."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from channelexplorer_dash.choices import Measure
from channelexplorer_dash.core.centroids import centroid_measures
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.layers import MeasureMatrix
from channelexplorer_dash.selection import View
from tests.explorer.conftest import settled

LAYER = "layer4.0"


@pytest.fixture(scope="module")
def matrix(explorer: Explorer, view: View) -> MeasureMatrix:
    while True:
        found = settled(lambda: explorer.measures(view, "stage"))
        if found.job is None:
            return found


def test_every_layer_has_every_measure(matrix: MeasureMatrix) -> None:
    assert set(matrix.figures) == set(get_args(Measure))
    for measure, rows in matrix.figures.items():
        assert [row.layer for row in rows] == list(matrix.layers)
        for row in rows:
            assert row.value is not None and np.isfinite(row.value), (measure, row)
            assert row.low is not None and row.high is not None


def test_depth_takes_the_digits_apart_by_any_measure(matrix: MeasureMatrix) -> None:
    for measure in ("knn", "probe", "centroid", "silhouette", "calinski_harabasz"):
        first, last = matrix.figures[measure][0].value, matrix.figures[measure][-1].value
        assert first is not None and last is not None and first < last
    for measure in ("gdv", "davies_bouldin", "n2", "nc1"):
        first, last = matrix.figures[measure][0].value, matrix.figures[measure][-1].value
        assert first is not None and last is not None and first > last


@pytest.mark.parametrize("measure", ["thornton", "gdv"])
def test_the_profile_is_a_column_of_the_matrix(
    explorer: Explorer, view: View, matrix: MeasureMatrix, measure: Measure
) -> None:
    profile = settled(lambda: explorer.profile(view, "stage", measure))
    assert profile.rows == matrix.figures[measure]
    assert (profile.measure, profile.job) == (measure, None)
    assert (profile.chance is None) == (measure == "gdv")


def test_classes_come_apart_where_they_stay_apart(
    explorer: Explorer, view: View, matrix: MeasureMatrix
) -> None:
    found = settled(lambda: explorer.coming_apart(view, "stage"))
    assert found.classes.tolist() == [0, 1, 4, 7, 9]
    assert found.depth.shape == (5, 5) and found.of == 5
    np.testing.assert_array_equal(found.depth, found.depth.T)
    sample = explorer.sample(view)
    apart = []
    for layer in found.layers:
        summary = settled(lambda name=layer.name: explorer.compute(view, (name,), output=False))[0]
        measured = centroid_measures(explorer._work.rows(summary, sample.image_ids), sample.labels)
        apart.append(measured.pairs >= found.threshold)
    for i, j in zip(*np.triu_indices(5, 1), strict=True):
        stays = [all(later[i, j] for later in apart[position:]) for position in range(len(apart))]
        wanted = stays.index(True) if any(stays) else len(apart)
        assert found.depth[i, j] == wanted
    latest = [found.depth[pair] for pair in found.hardest]
    assert latest == sorted(latest, reverse=True) and latest[0] == found.depth[np.triu_indices(5, 1)].max()


def test_a_picture_of_the_digits_is_judged(explorer: Explorer, view: View) -> None:
    found = settled(lambda: explorer.honesty(view, LAYER, "pca"))
    assert found.method == "pca" and found.trusted == 100
    assert all(0 <= share <= 1 for share in (*found.knn, *found.consistency))
    assert found.trust is not None and 0.5 < found.trust <= 1
    gap = explorer.settings.picture_gap
    wanted = sum(abs(flat - full) > gap for flat, full in (found.knn, found.consistency))
    assert len(found.flags) == wanted + (found.trust < explorer.settings.picture_trust)


def test_one_class_is_answered_with_reasons(explorer: Explorer, view: View) -> None:
    alone = View(view.model, view.dataset, classes=(3,), per_class=12)
    while True:
        found = settled(lambda: explorer.measures(alone, "stage"))
        if found.job is None:
            break
    row = found.figures["silhouette"][0]
    assert row.value is None and "at least two classes" in row.why
    assert settled(lambda: explorer.coming_apart(alone, "stage")).hardest == ()


def test_a_measure_that_is_none_is_refused(explorer: Explorer, view: View) -> None:
    with pytest.raises(SelectionError, match="There is no measure"):
        explorer.profile(view, "stage", "luck")  # type: ignore[arg-type]
