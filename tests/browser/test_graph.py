"""The dataflow graph as a person meets it: clicked, reached by keyboard, made smaller, restored by a link."""

from __future__ import annotations

import pytest

from channelexplorer_dash import ids
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

QUERY = "?per_class=12&projection=pca&layer=layer4.0&granularity=leaf"


def test_the_graph_opens_panels_and_a_link_restores_it(screen: Screen) -> None:
    screen.open(QUERY)
    page = screen.page
    listed = page.locator(".ce-layer").count()
    page.locator(f"#{ids.LAYERS_AS}").get_by_text("Graph").click()
    graph = page.locator(f"#{ids.FLOW}")
    graph.wait_for()
    screen.eventually(lambda: screen.selection().layers_as, "graph")
    nodes = graph.locator(".ce-layer")
    assert nodes.count() == listed
    assert graph.locator(".ce-flow-sign", has_text="+").count() == 4
    screen.eventually(lambda: "–" in graph.inner_text(), False)

    screen.part("layers", "row", "layer1.0.conv1").click()
    screen.eventually(screen.panels, ["layer4.0", "layer1.0.conv1"])
    # By keyboard: the next node in execution order, opened with Enter.
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    screen.eventually(screen.panels, ["layer4.0", "layer1.0.conv1", "layer1.0.bn1"])
    opened = screen.part("layers", "row", "layer1.0.bn1")
    screen.eventually(lambda: opened.get_attribute("aria-pressed"), "true")

    def width() -> float:
        box = nodes.first.bounding_box()
        assert box is not None
        return box["width"]

    whole = width()
    page.locator(f"#{ids.FLOW_ZOOM}").fill("0.5")
    screen.eventually(width, lambda now: now < 0.6 * whole)
    page.locator(f"#{ids.FLOW_LARGE}").click()
    screen.eventually(page.locator(f"#{ids.FLOW_LARGE}").inner_text, "Reduce")
    page.locator(f"#{ids.FLOW_LARGE}").click()

    page.reload()
    screen.settle()
    graph.wait_for()
    page.locator(f"#{ids.LAYERS_AS}").get_by_text("List").click()
    graph.wait_for(state="detached")
    assert page.locator(".ce-layer").count() == listed
