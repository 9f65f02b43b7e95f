"""The measures as a person meets them: another profile, the table of all of them, and the map of classes."""

from __future__ import annotations

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import View
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

QUERY = "?per_class=12&projection=pca&layer=layer4.0&granularity=stage"
VIEW = View("digits-resnet", "digits", per_class=12)


def test_the_profile_follows_the_measure_and_a_link_restores_it(screen: Screen, explorer: Explorer) -> None:
    screen.open(QUERY)
    page = screen.page
    page.select_option(f"#{ids.MEASURE}", "silhouette")
    screen.eventually(lambda: screen.selection().measure, "silhouette")
    screen.settle()
    answer = explorer.profile(VIEW, "stage", "silhouette")
    assert isinstance(answer, Ready) and answer.value.job is None
    values = [f"{row.value:.2f}" for row in answer.value.rows if row.value is not None]
    shown = page.locator(".ce-layer-figure")
    screen.eventually(shown.all_inner_texts, values)
    assert page.locator(".ce-bar-interval").count() == len(values)
    page.reload()
    screen.settle()
    assert page.input_value(f"#{ids.MEASURE}") == "silhouette"
    screen.eventually(shown.all_inner_texts, values)


def test_the_table_has_the_head_beneath_it_and_a_cell_opens_its_layer(screen: Screen) -> None:
    screen.open(QUERY)
    page = screen.page
    page.click(f"#{ids.MEASURES_OPEN}")
    cell = page.locator('.ce-cell[data-layer="layer1"]').first
    cell.wait_for()
    screen.eventually(lambda: "–" in page.locator(".ce-measure-table").inner_text(), False)
    head = page.locator(f"#{ids.HEAD}")
    screen.eventually(lambda: "NC3" in head.inner_text() and "Of fc, 64 inputs" in head.inner_text(), True)
    page.get_by_role("button", name="Help on Neural collapse at the head").click()
    page.get_by_text("Papyan, Han and Donoho 2020").wait_for()
    page.get_by_role("tab", name="Which classes come apart where").click()
    head.wait_for(state="hidden")
    page.locator(f"#{ids.APART_GRAPH} .heatmaplayer image").first.wait_for()
    assert "Come apart last" in page.locator(f"#{ids.APART_NOTE}").inner_text()
    page.get_by_role("tab", name="Layers × measures").click()
    cell.wait_for()
    cell.click()
    screen.eventually(screen.panels, ["layer4.0", "layer1"])
    page.locator(f"#{ids.MEASURES_PANEL}").wait_for(state="hidden")
    screen.settle()
    line = screen.part("scatterplot", "honesty", "layer1")
    screen.eventually(lambda: "Trust" in line.inner_text(), True)
