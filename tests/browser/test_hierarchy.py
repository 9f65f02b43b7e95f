"""Clusters and hierarchies as a person uses them: slider, clusters of the legend, parts of a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.core.newick import read_tree
from channelexplorer_dash.indices import decode_indices
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

LAYER = "layer4.0"
QUERY = f"?per_class=12&projection=pca&layer={LAYER}&order=hierarchy"
PARTS = "() => document.querySelector('.ce-tree-note')?.innerText.includes('subclasses')"


def test_the_views_follow_the_slider_without_a_new_page(screen: Screen) -> None:
    screen.open(QUERY)
    screen.page.evaluate("() => (document.querySelector('.ce-panel').dataset.same = 'yes')")
    before = screen.part("jaccard", "graph", LAYER).evaluate("g => g.querySelector('.js-plotly-plot').data")
    slider = screen.page.locator(f"#{ids.TOP_FRACTION}")
    slider.focus()
    for _ in range(40):
        screen.page.keyboard.press("ArrowRight")
    screen.eventually(screen.page.locator(f"#{ids.TOP_FRACTION_SHOWN}").inner_text, "40 %")
    screen.eventually(lambda: screen.selection().view.top_fraction, 0.4)
    screen.eventually(
        lambda: screen.part("jaccard", "graph", LAYER).evaluate(
            "g => g.querySelector('.js-plotly-plot').data"
        ),
        lambda found: found != before,
    )
    screen.settle()
    assert screen.page.locator(".ce-panel").get_attribute("data-same") == "yes"
    screen.open(screen.query())
    assert slider.input_value() == "40"


def test_a_cluster_of_the_legend_and_a_part_of_a_class_mark_their_images(
    screen: Screen, tmp_path: Path
) -> None:
    screen.open(f"{QUERY}&colour_by=cluster&clusters=14&leaves=subclasses&distance=centroid")
    cluster = screen.page.locator(".ce-legend-pick").first
    cluster.wait_for()
    cluster.click()
    images = decode_indices(cluster.get_attribute("data-mark-group") or "")
    screen.eventually(lambda: screen.selection().marks.images, images)
    screen.page.wait_for_function(PARTS)
    screen.settle()
    meta = screen.part("hierarchy", "graph", LAYER).evaluate(
        "g => g.querySelector('.js-plotly-plot').layout.meta"
    )
    at = next(i for i, name in enumerate(meta["names"]) if "#" in name)
    place = "g => { const t = g.querySelector('.js-plotly-plot')._fullData.find(t => t.name === 'leaves');"
    x, y = screen.part("hierarchy", "graph", LAYER).evaluate(
        place + f" const i = t.y.findIndex(y => Math.round(y) === {at}); return [t.x[i], t.y[i]]; }}"
    )
    screen.click_cell("hierarchy", LAYER, x, y)
    screen.eventually(lambda: screen.selection().marks.images, decode_indices(meta["images"][at]))
    with screen.page.expect_download() as download:
        screen.part("hierarchy", "newick", LAYER).click()
    download.value.save_as(tmp_path / "tree.nwk")
    tree = read_tree((tmp_path / "tree.nwk").read_text(encoding="utf-8"))
    assert sorted(tree.names[i] for i in np.flatnonzero(tree.is_leaf)) == sorted(meta["names"])
