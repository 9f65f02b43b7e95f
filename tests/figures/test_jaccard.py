from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.dendrogram import dendrogram_figure
from channelexplorer_dash.figures.jaccard import jaccard_figure
from channelexplorer_dash.results import ClassJaccard, ImageJaccard, Sample
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
    assert all_finite(sent(dendrogram_figure(classes)))


def below(figure: dict[str, Any], name: str) -> list[list[int]]:
    """Return the labels below each point of a trace."""
    leaves = figure["layout"]["meta"]["leaves"]
    return [leaves[start:stop] for start, stop in decode(trace(figure, name)["customdata"]).tolist()]


def test_leaves_stand_in_the_order_of_the_matrix(class_jaccard: ClassJaccard) -> None:
    figure = sent(dendrogram_figure(class_jaccard))
    assert figure["layout"]["meta"]["leaves"] == class_jaccard.classes.tolist()
    leaves = trace(figure, "leaves")
    members = below(figure, "leaves")
    for at, labels, colour in zip(leaves["y"], members, leaves["marker"]["color"], strict=True):
        assert class_jaccard.classes[int(at)] == labels[0]
        assert colour == theme.class_colours(10)[labels[0]]


def test_nodes_list_the_classes_below_them(class_jaccard: ClassJaccard) -> None:
    figure = sent(dendrogram_figure(class_jaccard))
    members = below(figure, "nodes")
    assert len(members) == 9
    assert [len(labels) for labels in members] == class_jaccard.linkage[:, 3].astype(int).tolist()
    assert sorted(members[-1]) == list(range(10))
    np.testing.assert_allclose(trace(figure, "nodes")["x"], class_jaccard.linkage[:, 2])
    first = class_jaccard.linkage[0, :2].astype(int)
    assert sorted(members[0]) == sorted(class_jaccard.leaves[first].tolist())


def test_labels_with_gaps_are_kept(class_jaccard: ClassJaccard) -> None:
    three = random_classes(3, by_tree=True)
    names = tuple(f"name {i}" for i in range(9))
    labels = np.array([2, 5, 8])
    sparse = replace(three, classes=labels[three.classes], leaves=labels, class_names=names)
    figure = sent(dendrogram_figure(sparse))
    assert sorted(figure["layout"]["meta"]["leaves"]) == [2, 5, 8]
    assert sorted(figure["layout"]["yaxis"]["ticktext"]) == ["name 2", "name 5", "name 8"]


def test_an_order_that_would_cross_branches_gives_way_to_the_tree() -> None:
    by_tree, by_class = random_classes(20, by_tree=True), random_classes(20, by_tree=False)
    ordered = sent(dendrogram_figure(by_class))
    assert ordered["layout"]["meta"]["leaves"] == by_tree.classes.tolist()
    sizes = sorted(len(labels) for labels in below(ordered, "nodes"))
    assert sizes == sorted(by_class.linkage[:, 3].astype(int).tolist())
