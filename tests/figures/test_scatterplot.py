from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from channelexplorer_dash.core.clusters import clusters, make_up
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.figures import colouring, theme
from channelexplorer_dash.figures.scatterplot import hulls_patch, marker_patch, scatter_figure
from channelexplorer_dash.indices import decode_indices
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.views import ClusterAnswer, Scatter
from tests.figures.conftest import LAYER, NAMES
from tests.figures.wire import all_finite, decode, sent


def colour_of(marker: dict, code: float) -> str:
    """Look a colour up as plotly.js does."""
    share = (code - marker["cmin"]) / (marker["cmax"] - marker["cmin"])
    return next(colour for at, colour in marker["colorscale"] if at >= share)


def test_points_map_to_images_and_classes(scatter: Scatter) -> None:
    figure = sent(scatter_figure(scatter, colouring.by_class(scatter.sample)))
    points, hulls = figure["data"]
    assert len(hulls["x"]) == 0
    np.testing.assert_array_equal(decode(points["customdata"]), scatter.sample.image_ids)
    np.testing.assert_array_equal(decode(points["x"]), scatter.xy[:, 0])
    np.testing.assert_array_equal(decode(points["y"]), scatter.xy[:, 1])
    codes = decode(points["marker"]["color"])
    for position in (0, 400, 1796):
        label = scatter.sample.labels[position]
        assert colour_of(points["marker"], codes[position]) == theme.class_colours(10)[label]
    assert points["hoverinfo"] == "none"
    assert figure["layout"]["dragmode"] == "lasso"
    assert figure["layout"]["yaxis"]["scaleanchor"] == "x"
    assert figure["layout"]["meta"]["view"] == "scatterplot"
    assert "1,797 images by PCA" in figure["layout"]["meta"]["alt"]
    assert all_finite(figure)


def test_arrays_are_binary_and_small(scatter: Scatter) -> None:
    text = json.dumps(scatter_figure(scatter, colouring.by_class(scatter.sample)))
    assert len(text) < 20 * 1797
    points, _ = sent(scatter_figure(scatter, colouring.by_class(scatter.sample)))["data"]
    assert [points[k]["dtype"] for k in ("x", "y", "customdata")] == ["f4", "f4", "u2"]
    assert points["marker"]["color"]["dtype"] == "u1"


def test_webgl_draws_many_points(scatter: Scatter) -> None:
    colours = colouring.by_class(scatter.sample)
    assert scatter_figure(scatter, colours, 1798)["data"][0]["type"] == "scatter"
    assert scatter_figure(scatter, colours, 1797)["data"][0]["type"] == "scattergl"


def test_zoom_survives_other_colours_but_not_another_projection(scatter: Scatter) -> None:
    def revision(answer: Scatter, colours: colouring.Colouring) -> str:
        return scatter_figure(answer, colours)["layout"]["uirevision"]

    by_class = colouring.by_class(scatter.sample)
    numbers = colouring.by_number("x", scatter.xy[:, 0])
    assert revision(scatter, by_class) == revision(scatter, numbers)
    assert revision(scatter, by_class) != revision(replace(scatter, method="umap"), by_class)


def test_numbers_get_a_colour_bar_in_their_own_units(scatter: Scatter) -> None:
    values = np.linspace(0, 40, 1797)
    marker = sent(scatter_figure(scatter, colouring.by_number("channel 17", values)))["data"][0]["marker"]
    assert marker["showscale"] and marker["colorbar"]["title"]["text"] == "channel 17"
    assert marker["colorbar"]["ticktext"] == ["0", "10", "20", "30", "40"]
    levels = decode(marker["color"])
    assert levels.dtype == np.uint8 and levels[0] == 0 and levels[-1] == 255
    assert (np.diff(levels.astype(int)) >= 0).all()


def test_a_column_s_name_is_no_markup() -> None:
    patch = marker_patch(colouring.by_number('<a href="http://x">a & b</a>', np.arange(30.0)))
    assert patch["colorbar"]["title"]["text"] == '&lt;a href="http://x">a &amp; b&lt;/a>'


def test_numbers_that_are_not_known_are_grey(scatter: Scatter) -> None:
    values = np.linspace(0, 1, 1797)
    values[[0, 9]] = np.nan, np.inf
    figure = sent(scatter_figure(scatter, colouring.by_number("age", values)))
    marker = figure["data"][0]["marker"]
    levels = decode(marker["color"])
    assert levels[[0, 9]].tolist() == [0, 0] and levels[1:9].min() == 1
    assert colour_of(marker, 0) == theme.UNKNOWN
    assert all_finite(figure)


def test_recolouring_sends_the_marker_alone(scatter: Scatter) -> None:
    colours = colouring.by_number("channel 3", scatter.xy[:, 1])
    patch = marker_patch(colours)
    whole = sent(scatter_figure(scatter, colours))["data"][0]["marker"]
    np.testing.assert_array_equal(decode(patch["color"]), decode(whole["color"]))
    assert patch["colorbar"]["ticktext"] == whole["colorbar"]["ticktext"]


def test_colours_of_other_images_are_refused(scatter: Scatter) -> None:
    with pytest.raises(ChannelExplorerError, match="Reload"):
        scatter_figure(scatter, colouring.by_number("x", np.zeros(3)))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points_are_drawn(count: int) -> None:
    sample = Sample(np.arange(count) + 70_000, np.zeros(count, np.int64), ("only",))
    answer = Scatter(sample, np.zeros((count, 2), np.float32), "mds", LAYER, count)
    figure = sent(scatter_figure(answer, colouring.by_class(sample)))
    assert decode(figure["data"][0]["customdata"]).tolist() == list(range(70_000, 70_000 + count))
    assert all_finite(figure)


class TestColouring:
    sample = Sample(np.arange(6), np.array([0, 0, 1, 1, 2, 2]), NAMES)

    def test_class_legend_names_the_classes_that_occur(self) -> None:
        legend = colouring.by_class(self.sample).legend
        assert [(entry.name, entry.count) for entry in legend] == [("0", 2), ("1", 2), ("2", 2)]
        assert tuple(entry.colour for entry in legend) == theme.class_colours(10)[:3]

    def test_predictions_of_the_same_classes_have_the_classes_colours(self) -> None:
        answer = colouring.by_prediction(self.sample, np.array([0, 1, 1, 1, -1, 9]), NAMES)
        assert [(e.name, e.count) for e in answer.legend] == [("0", 1), ("1", 3), ("9", 1), ("not known", 1)]
        assert answer.legend[2].colour == theme.class_colours(10)[9]
        assert answer.legend[-1].colour == theme.UNKNOWN

    def test_predictions_of_other_classes_are_coloured_by_frequency(self) -> None:
        outputs = [f"species {i}" for i in range(1000)]
        answer = colouring.by_prediction(self.sample, np.array([7, 998, 998, -1, 998, 7]), outputs)
        assert answer.names == ("species 998", "species 7")
        assert answer.codes is not None and answer.codes.tolist() == [1, 0, 0, -1, 0, 1]

    def test_correctness(self) -> None:
        answer = colouring.by_correctness(self.sample, np.array([0, 1, 1, -1, 2, 2]))
        assert [(e.name, e.count) for e in answer.legend] == [("correct", 4), ("wrong", 1), ("not known", 1)]

    def test_category_of_nothing_known(self) -> None:
        answer = colouring.by_category("split", [None] * 6)
        assert [(e.name, e.count) for e in answer.legend] == [("not known", 6)]

    def test_numbers_have_no_legend(self) -> None:
        assert colouring.by_number("x", np.zeros(6)).legend == ()


def clustered(scatter: Scatter, k: int) -> ClusterAnswer:
    found = clusters(scatter.xy, k)
    made = make_up(found.assignment, scatter.sample.labels)
    return ClusterAnswer(scatter.sample, found.assignment, found.outlier, made, False, LAYER)


def test_clusters_have_hulls_crosses_and_their_classes_in_the_legend(scatter: Scatter) -> None:
    answer = clustered(scatter, 4)
    colours = colouring.by_cluster(answer, scatter.sample)
    points, hulls = sent(scatter_figure(scatter, colours))["data"]
    x, y = np.array(hulls["x"], float), np.array(hulls["y"], float)
    assert np.isnan(x).sum() == 4
    for part, cluster in zip(np.split(x, np.flatnonzero(np.isnan(x)) + 1), range(4), strict=False):
        own = scatter.xy[(answer.assignment == cluster) & ~answer.outlier, 0]
        assert np.nanmin(part) == pytest.approx(own.min())
        assert np.nanmax(part) == pytest.approx(own.max())
    assert np.isfinite(y[np.isfinite(x)]).all()
    np.testing.assert_array_equal(np.array(points["marker"]["symbol"]) > 0, answer.outlier)
    first = colours.legend[0]
    assert first.count == int((answer.assignment == 0).sum())
    assert decode_indices(first.images) == tuple(sorted(scatter.sample.image_ids[answer.assignment == 0]))
    assert "outliers" in first.about
    assert "purity" in colours.note
    assert json.dumps(hulls_patch(scatter, colours))


def test_images_that_were_not_clustered_are_not_known(scatter: Scatter) -> None:
    answer = clustered(scatter, 3)
    fewer = Sample(scatter.sample.image_ids[5:], scatter.sample.labels[5:], NAMES)
    part = replace(answer, sample=fewer, assignment=answer.assignment[5:], outlier=answer.outlier[5:])
    codes = colouring.by_cluster(part, scatter.sample).codes
    assert codes is not None
    assert codes[:5].tolist() == [-1] * 5
    np.testing.assert_array_equal(codes[5:], part.assignment)


def test_clusters_of_one_class_of_equal_images(scatter: Scatter) -> None:
    one = replace(
        scatter,
        sample=Sample(np.arange(3), np.zeros(3, np.int64), ("only",)),
        xy=np.zeros((3, 2), np.float32),
    )
    colours = colouring.by_cluster(clustered(one, 2), one.sample)
    assert all_finite(sent(scatter_figure(one, colours)))
    assert "purity" not in colours.note
