from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from channelexplorer_dash.figures.jaccard import jaccard_figure
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.views import ClassJaccard, ImageJaccard
from tests.figures.conftest import LAYER, random_classes
from tests.figures.wire import all_finite, decode, sent, trace


def test_cells_map_to_pairs_of_images(image_jaccard: ImageJaccard) -> None:
    figure = sent(jaccard_figure(image_jaccard))
    meta, cells = figure["layout"]["meta"], trace(figure, "matrix")
    assert meta["view"] == "jaccard-images"
    assert meta["image_ids"] == image_jaccard.sample.image_ids.tolist()
    assert meta["labels"] == image_jaccard.sample.labels.tolist()
    levels = decode(cells["z"])
    assert levels.dtype == np.uint8 and levels.shape == (300, 300)
    unequal = ~np.eye(300, dtype=bool)
    order = np.corrcoef(levels[unequal], image_jaccard.similarity[unequal])[0, 1]
    assert order > 0.999
    assert figure["layout"]["yaxis"]["range"] == [299.5, -0.5], "row 0 is on top"
    assert figure["layout"]["yaxis"]["scaleanchor"] == "x"
    assert "300 of 1,797 images" in meta["alt"]
    assert all_finite(figure)


def test_300_images_take_under_135_kilobytes(image_jaccard: ImageJaccard) -> None:
    assert len(json.dumps(jaccard_figure(image_jaccard))) < 135_000


def test_strips_show_the_class_of_every_row_and_column(image_jaccard: ImageJaccard) -> None:
    figure = sent(jaccard_figure(image_jaccard))
    top, left = decode(trace(figure, "strip-top")["z"]), decode(trace(figure, "strip-left")["z"])
    assert top.shape == (1, 300) and left.shape == (300, 1)
    np.testing.assert_array_equal(top[0], image_jaccard.sample.labels)
    np.testing.assert_array_equal(left[:, 0], image_jaccard.sample.labels)


def test_lines_stand_between_the_class_blocks(image_jaccard: ImageJaccard) -> None:
    lines = trace(sent(jaccard_figure(image_jaccard)), "boundaries")
    assert set(lines["x"][0::6]) == {29.5 + 30 * i for i in range(9)}
    assert lines["hoverinfo"] == "skip"


def test_the_colours_are_spent_off_the_diagonal() -> None:
    similarity = np.full((20, 20), 0.1, np.float32)
    similarity[:10, :10] = 0.3
    np.fill_diagonal(similarity, 1.0)
    sample = Sample(np.arange(20), np.repeat([0, 1], 10), ("a", "b"))
    cells = trace(sent(jaccard_figure(ImageJaccard(sample, similarity, 20, LAYER))), "matrix")
    assert decode(cells["z"])[0, 1] > 200
    assert cells["colorbar"]["ticktext"][-1] == "≥ 0.3"


def test_classes_are_named_and_their_values_written(class_jaccard: ClassJaccard) -> None:
    figure = sent(jaccard_figure(class_jaccard))
    meta, cells = figure["layout"]["meta"], trace(figure, "matrix")
    assert meta["view"] == "jaccard-classes" and meta["classes"] == class_jaccard.classes.tolist()
    assert figure["layout"]["yaxis"]["ticktext"] == [str(label) for label in class_jaccard.classes]
    assert cells["text"][0][0] == f"{class_jaccard.similarity[0, 0]:.2f}"[1:]
    assert not [t for t in figure["data"] if t["name"] == "boundaries"]


def test_numbers_have_room_beside_short_names() -> None:
    short = replace(random_classes(12, by_tree=False), class_names=tuple(map(str, range(12))))
    assert "text" in trace(sent(jaccard_figure(short)), "matrix")


@pytest.mark.parametrize(
    ("count", "written", "named"), [(7, True, True), (8, False, True), (25, False, False)]
)
def test_what_does_not_fit_is_left_out(count: int, written: bool, named: bool) -> None:
    figure = sent(jaccard_figure(random_classes(count, by_tree=False)))
    assert ("text" in trace(figure, "matrix")) is written
    assert ("ticktext" in figure["layout"]["yaxis"]) is named
    assert "<" not in "".join(figure["layout"]["yaxis"].get("ticktext", []))


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_images_and_classes_are_drawn(count: int) -> None:
    sample = Sample(np.arange(count), np.zeros(count, np.int64), ("only",))
    similarity = np.ones((count, count), np.float32)
    assert all_finite(sent(jaccard_figure(ImageJaccard(sample, similarity, count, LAYER))))
    classes = random_classes(count, by_tree=True)
    assert all_finite(sent(jaccard_figure(classes)))
