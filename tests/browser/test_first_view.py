"""The first load of the demo: both panels drawn, the profile complete, its figures the explorer's own."""

from __future__ import annotations

import re

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.results.views import ClassJaccard
from channelexplorer_dash.selection import Marks, View
from tests.browser.screen import VIEWS, Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

# The numbers that can be read in the page: name, channels, figure, label and bar of each layer.
ROWS = """rows => rows.map(row => [
  JSON.parse(row.id).panel,
  row.querySelector('.ce-layer-channels').textContent,
  row.querySelector('.ce-layer-figure').textContent,
  row.getAttribute('aria-label'),
  row.querySelector('.ce-bar-fill').style.width,
])"""


def test_the_first_load_draws_everything(screen: Screen, explorer: Explorer) -> None:
    screen.open()
    view = screen.selection().view
    assert view == View("digits-resnet", "digits")
    described = explorer.describe(view.model)
    assert isinstance(described, Ready)
    assert screen.panels() == list(explorer.default_layers(described.value))
    assert list(screen.selection().layers) == screen.panels(), "the address names the panels that were opened"
    for layer in screen.panels():
        drawn = {name: screen.figure(name, layer) for name in (*VIEWS, "hierarchy")}
        # Once it is there, UMAP takes the place of PCA.
        screen.eventually(lambda at=layer: screen.figure("scatterplot", at)["method"], "umap")  # type: ignore[misc]
        assert (drawn["scatterplot"]["n"], drawn["scatterplot"]["type"]) == (1797, "scattergl")
        assert drawn["jaccard"]["view"] == "jaccard-classes"
        assert drawn["heatmap"]["n"] == explorer.settings.heatmap_images
        assert len(drawn["hierarchy"]["nodes"]) == 9
        # Drawn with pixels, not only told to Plotly.
        assert screen.graph("scatterplot", layer).locator("canvas").count() > 0
        for matrix in ("jaccard", "heatmap"):
            assert screen.graph(matrix, layer).locator(".heatmaplayer image").count() >= 2


def test_the_profile_s_numbers_are_the_explorer_s_own(screen: Screen, explorer: Explorer) -> None:
    screen.open("?projection=pca")
    answer = explorer.profile(View("digits-resnet", "digits"), "block")
    assert isinstance(answer, Ready) and answer.value.job is None
    expected = answer.value
    assert f"k = {expected.neighbours}" in screen.page.locator(f"#{ids.PROFILE_STATUS}").inner_text()
    assert f"{expected.chance:.2f}" in screen.page.locator(f"#{ids.PROFILE_STATUS}").inner_text()
    rows = screen.page.locator(".ce-layer").evaluate_all(ROWS)
    assert [row[0] for row in rows] == [row.layer.name for row in expected.rows]
    for (_, channels, figure, said, width), row in zip(rows, expected.rows, strict=True):
        assert row.value is not None
        assert channels == str(row.layer.channels)
        assert figure == f"{row.value:.2f}"
        assert f"kNN accuracy {row.value:.3f}" in said
        assert float(width.removesuffix("%")) == pytest.approx(100 * row.value, abs=0.06)
    # What the demo is there to show: depth takes the digits apart.
    assert (expected.rows[-1].value or 0) > 0.97 > (expected.rows[0].value or 1)


def test_what_is_drawn_is_what_the_explorer_answers(screen: Screen, explorer: Explorer) -> None:
    screen.open("?projection=pca")
    view = View("digits-resnet", "digits")
    for layer in screen.panels():
        points = screen.points(layer)
        scatter = explorer.scatter(view, layer, "pca")
        assert isinstance(scatter, Ready)
        assert points["images"] == scatter.value.sample.image_ids.tolist()
        assert points["x"] == pytest.approx(scatter.value.xy[:, 0].tolist())
        assert points["y"] == pytest.approx(scatter.value.xy[:, 1].tolist())
        similar = explorer.jaccard(view, layer, "auto", "class")
        assert isinstance(similar, Ready) and isinstance(similar.value, ClassJaccard)
        cells = screen.graph("jaccard", layer).locator(".heatmap-label").all_text_contents()
        shown = sorted(float(re.sub(r"^\.", "0.", text)) for text in cells)
        assert shown == pytest.approx(sorted(similar.value.similarity.ravel().tolist()), abs=0.0051)
        heatmap = explorer.heatmap(view, layer, "variance", Marks())
        assert isinstance(heatmap, Ready)
        figure = screen.figure("heatmap", layer)
        assert figure["channels"] == heatmap.value.channels.tolist()
        assert figure["images"] == heatmap.value.sample.image_ids.tolist()


def test_predictions_come_to_the_dataset_view(screen: Screen, explorer: Explorer) -> None:
    screen.open("?projection=pca")
    button = screen.page.locator(f"#{ids.DATASET_IMAGES} .ce-image").first
    screen.eventually(lambda: button.get_attribute("aria-label") or "", lambda said: "predicted" in said)
    pictures = screen.page.locator(f"#{ids.DATASET_IMAGES} img")
    assert pictures.count() == 20
    screen.eventually(
        lambda: pictures.evaluate_all("found => found.every(one => one.complete && one.naturalWidth > 0)"),
        True,
    )
