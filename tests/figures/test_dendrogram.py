from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.dendrogram import dendrogram_figure
from channelexplorer_dash.indices import decode_indices
from channelexplorer_dash.results.views import Hierarchy
from tests.figures.conftest import random_hierarchy
from tests.figures.wire import all_finite, decode, sent, trace


@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_classes_are_drawn(count: int) -> None:
    assert all_finite(sent(dendrogram_figure(random_hierarchy(count, by_tree=True))))


def below(figure: dict[str, Any], name: str) -> list[list[int]]:
    """Return the labels below each point of a trace."""
    leaves = figure["layout"]["meta"]["leaves"]
    return [leaves[start:stop] for start, stop in decode(trace(figure, name)["customdata"]).tolist()]


def test_leaves_stand_in_the_order_of_the_matrix(hierarchy: Hierarchy) -> None:
    figure = sent(dendrogram_figure(hierarchy))
    assert figure["layout"]["meta"]["leaves"] == hierarchy.order.tolist()
    leaves = trace(figure, "leaves")
    members = below(figure, "leaves")
    for at, labels, colour in zip(leaves["y"], members, leaves["marker"]["color"], strict=True):
        assert hierarchy.order[int(at)] == labels[0]
        assert colour == theme.class_colours(10)[labels[0]]


def test_nodes_list_the_classes_below_them(hierarchy: Hierarchy) -> None:
    figure = sent(dendrogram_figure(hierarchy))
    members = below(figure, "nodes")
    assert len(members) == 9
    assert [len(labels) for labels in members] == hierarchy.linkage[:, 3].astype(int).tolist()
    assert sorted(members[-1]) == list(range(10))
    np.testing.assert_allclose(trace(figure, "nodes")["x"], hierarchy.linkage[:, 2])
    first = hierarchy.linkage[0, :2].astype(int)
    assert sorted(members[0]) == sorted(first.tolist())


def test_superclasses_stand_out(hierarchy: Hierarchy) -> None:
    figure = sent(dendrogram_figure(hierarchy))
    marker = trace(figure, "nodes")["marker"]
    marked = [10 + i for i, colour in enumerate(marker["color"]) if colour == theme.ACCENT]
    assert marked == list(hierarchy.superclasses) != []
    assert f"{len(marked)} superclasses" in figure["layout"]["meta"]["alt"]


def test_labels_with_gaps_are_kept() -> None:
    names = tuple(f"name {i}" for i in range(9))
    labels = np.array([2, 5, 8])
    sparse = replace(random_hierarchy(3, by_tree=True), labels=labels, class_names=names)
    figure = sent(dendrogram_figure(sparse))
    assert sorted(figure["layout"]["meta"]["leaves"]) == [2, 5, 8]
    assert sorted(figure["layout"]["yaxis"]["ticktext"]) == ["name 2", "name 5", "name 8"]


def test_parts_of_a_class_bring_their_own_images() -> None:
    names = ("cat", "dog")
    parts = replace(
        random_hierarchy(3, by_tree=True),
        labels=np.array([0, 0, 1]),
        clusters=np.array([2, 4, -1]),
        members=(np.array([3, 4]), np.array([9]), np.array([1, 7])),
        class_names=names,
    )
    meta = sent(dendrogram_figure(parts))["layout"]["meta"]
    assert sorted(meta["names"]) == ["cat #3", "cat #5", "dog"]
    images = dict(zip(meta["names"], map(decode_indices, meta["images"]), strict=True))
    assert images == {"cat #3": (3, 4), "cat #5": (9,), "dog": (1, 7)}
    assert dict(zip(meta["names"], meta["leaves"], strict=True))["dog"] == 1


def test_an_order_that_would_cross_branches_gives_way_to_the_tree() -> None:
    by_tree, by_class = random_hierarchy(20, by_tree=True), random_hierarchy(20, by_tree=False)
    ordered = sent(dendrogram_figure(by_class))
    assert ordered["layout"]["meta"]["leaves"] == by_tree.order.tolist()
    sizes = sorted(len(labels) for labels in below(ordered, "nodes"))
    assert sizes == sorted(by_class.linkage[:, 3].astype(int).tolist())
