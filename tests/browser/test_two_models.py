"""Two models, and images dropped on the page, as a person meets them."""

from __future__ import annotations

import io

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.core.sampling import draw
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.selection import Selection
from channelexplorer_dash.settings import load_settings
from tests.browser.conftest import Open
from tests.browser.screen import Screen
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

QUERY = "?model=digits-resnet&dataset=digits&per_class=12&projection=pca&layer=layer4.0&granularity=stage"


@pytest.fixture
def screen(browse: Open, two_server: Server) -> Screen:
    return browse(two_server.address)


def test_two_models_are_compared_and_marks_are_shared_between_their_pages(screen: Screen) -> None:
    screen.open(QUERY)
    page = screen.page
    page.select_option(f"#{ids.COMPARE}", "untrained")
    page.locator(".ce-compare-table").first.wait_for()
    assert "changed most" in page.locator(f"#{ids.COMPARE_CHANGED}").inner_text()
    screen.eventually(lambda: screen.selection().compare, "untrained")
    pair = page.locator(".ce-compare-pair").first
    name = pair.get_attribute("aria-label") or ""
    pair.click()
    screen.eventually(lambda: f": {len(screen.selection().marks.images)} images" in name, True)
    page.get_by_role("tab", name="Layers and channels").click()
    box = page.locator(f"#{ids.COMPARE_MAP} .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.99, box["y"] + box["height"] * 0.99)
    page.locator(f"#{ids.COMPARE_CHANNELS} .ce-chip").first.wait_for()

    link = page.locator(f"#{ids.COMPARE_LINK}")
    screen.eventually(lambda: "images=" in (link.get_attribute("href") or ""), True)
    with page.context.expect_page() as opened:
        link.click()
    other = opened.value
    other.locator(".ce-compare-table").first.wait_for()
    shown = Selection.from_query("?" + other.url.partition("?")[2], model="", dataset="")
    assert (shown.view.model, shown.compare) == ("untrained", "digits-resnet")
    assert shown.marks.images == screen.selection().marks.images
    # Marked in one tab, marked in the other.
    page.keyboard.press("Escape")
    page.locator(f"#{ids.COMPARE_PANEL}").wait_for(state="hidden")
    page.keyboard.press("Escape")
    screen.eventually(lambda: screen.selection().marks.images, ())
    screen.eventually(lambda: "images=" in other.url, False)
    other.close()


def test_a_dropped_image_is_predicted_placed_and_removed(screen: Screen) -> None:
    screen.open(QUERY)
    page = screen.page
    digits = open_dataset(load_settings([demo_settings_file()], environment=False).datasets[0], 10_000)
    # One of the twelve fives that are shown.
    five = int(draw(digits.labels, (5,), 12, 0)[0])
    buffer = io.BytesIO()
    digits.image(five).save(buffer, "PNG")
    drop = {"name": "five.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    words = {"name": "words.png", "mimeType": "image/png", "buffer": b"no image"}
    page.locator(f"#{ids.NEW_UPLOAD} input[type=file]").set_input_files([drop, words])
    page.locator(".ce-new-layer").first.wait_for()
    text = page.locator(f"#{ids.NEW_CARDS}").inner_text()
    assert "five.png" in text and "predicted 5" in text and "J 1.00" in text
    assert "words.png is not an image" in page.locator(f"#{ids.NEW_NOTE}").inner_text()
    arrows = screen.graph("scatterplot", "layer4.0").locator("g.annotation")
    screen.eventually(lambda: arrows.count() > 0, True)
    page.locator(".ce-new-neighbour button").first.click()
    screen.eventually(lambda: screen.selection().marks.images, (five,))
    large = {"name": "large.png", "mimeType": "image/png", "buffer": b"0" * 5_200_000}
    page.locator(f"#{ids.NEW_UPLOAD} input[type=file]").set_input_files([large])
    screen.eventually(lambda: "5 MB are allowed" in page.locator(f"#{ids.NEW_NOTE}").inner_text(), True)
    page.click(f"#{ids.NEW_CLEAR}")
    screen.eventually(arrows.count, 0)
    screen.eventually(lambda: page.locator(".ce-new-image").count(), 0)
