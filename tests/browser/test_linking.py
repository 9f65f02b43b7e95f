"""Each linking rule of the page once, on a dozen images of each digit, with a real mouse and real keys."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Locator

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.selection import View
from tests.browser.drawing import Lasso, clear_lasso, drawn_polygon
from tests.browser.screen import Screen, inside

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

FIRST, SECOND = "layer2.0", "layer4.0"
VIEW = View("digits-resnet", "digits", per_class=12)
QUERY = [("per_class", "12"), ("projection", "pca"), ("layer", FIRST), ("layer", SECOND)]

Summary = Callable[[View, str], npt.NDArray[np.float32]]


@pytest.fixture
def two(screen: Screen) -> Screen:
    """Return a page with two panels of 120 images."""
    screen.open(f"?{urlencode(QUERY)}")
    assert screen.panels() == [FIRST, SECOND]
    return screen


def expect_marks(screen: Screen, images: list[int], labels: dict[int, int]) -> None:
    screen.eventually(screen.marked, screen.expected_marks(images, labels))
    screen.settle()


def sample_of(explorer: Explorer) -> list[int]:
    return [int(image) for image in explorer.sample(VIEW).image_ids]


def image_of(button: Locator) -> int:
    return int(button.evaluate("button => button.dataset.markImage"))


def active_sets(S: npt.NDArray[np.float32], sample: list[int], share: float = 0.2) -> dict[int, set[int]]:
    """Return each image's active channels by brute force: min–max, then the largest fifth."""
    rows = S[sample].astype(np.float64)
    low, high = rows.min(axis=0), rows.max(axis=0)
    k = int(np.ceil(share * rows.shape[1]))
    sets = {}
    for image, row in zip(sample, rows, strict=True):
        live = [c for c in range(len(row)) if high[c] > low[c]]
        value = {c: np.float32((row[c] - low[c]) / (high[c] - low[c])) for c in live}
        sets[image] = set(sorted(live, key=lambda c: (-value[c], c))[:k])
    return sets


def test_a_lasso_marks_its_images_everywhere(two: Screen, labels: dict[int, int]) -> None:
    lasso = clear_lasso(two.points(SECOND))
    two.drag(lasso.corners)
    expect_marks(two, lasso.images, labels)
    assert len(lasso.images) >= 5


def test_a_lasso_after_a_few_ringed_images_marks_its_own(two: Screen, labels: dict[int, int]) -> None:
    points = two.points(FIRST)
    few = clear_lasso(points)
    two.drag(few.corners)
    expect_marks(two, few.images, labels)
    two.page.keyboard.press("Escape")
    expect_marks(two, [], labels)
    # In units of pixels, as the rings are, nothing would lie in it.
    middle = Lasso.around(points, float(np.median(points["px"])), float(np.median(points["py"])), 50)
    two.drag(middle.corners)
    marked = two.eventually(lambda: list(two.selection().marks.images), lambda found: len(found) > 0)
    assert middle.surely <= set(marked) <= middle.possibly
    expect_marks(two, marked, labels)


def test_a_lasso_around_hundreds_of_images_drawn_by_webgl(screen: Screen, labels: dict[int, int]) -> None:
    screen.open(f"?{urlencode([('projection', 'pca'), ('layer', FIRST), ('layer', SECOND)])}")
    points = screen.points(SECOND)
    lasso = Lasso.around(points, float(np.median(points["px"])), float(np.median(points["py"])), 60)
    screen.drag(lasso.corners)
    marked = screen.eventually(lambda: list(screen.selection().marks.images), lambda found: len(found) > 0)
    # Exactly those in the polygon that Plotly drew, which is the hand's but for what a pixel can hide.
    after = screen.points(SECOND)
    drawn = drawn_polygon(after["selections"])
    assert marked == sorted(np.asarray(after["images"])[inside(after["x"], after["y"], drawn)].tolist())
    assert lasso.surely <= set(marked) <= lasso.possibly
    assert len(marked) > 100
    for layer in (FIRST, SECOND):
        screen.eventually(lambda at=layer: screen.figure("scatterplot", at)["selected"], marked)  # type: ignore[misc]
        # The heatmap shows 300 images: at most two thirds of them marked ones, first.
        found = screen.eventually(
            lambda at=layer: screen.figure("heatmap", at),  # type: ignore[misc]
            lambda heatmap: heatmap["marked"] > 0,
        )
        assert found["marked"] == min(len(marked), 200)
        assert set(found["images"][: found["marked"]]) <= set(marked)
        assert not set(found["images"][found["marked"] :]) & set(marked)
    assert screen.eventually(screen.gallery, marked[:60])
    assert f"{len(marked):,} marked" in screen.page.locator(f"#{ids.GALLERY}").inner_text()


def test_a_box_marks_its_images_everywhere(two: Screen, labels: dict[int, int]) -> None:
    graph = two.graph("scatterplot", FIRST)
    graph.hover()
    graph.locator(".modebar-btn[data-attr=dragmode][data-val=select]").click()
    lasso = clear_lasso(two.points(FIRST), corners=4)
    (left, top), (right, bottom) = lasso.corners[0], lasso.corners[2]
    two.drag([(left, top), ((left + right) / 2, (top + bottom) / 2), (right, bottom)])
    expect_marks(two, lasso.images, labels)


def test_a_click_on_a_point_marks_it_and_with_shift_one_more(two: Screen, labels: dict[int, int]) -> None:
    points = two.points(SECOND)
    xy = np.stack([points["px"], points["py"]], axis=1)
    gaps = np.linalg.norm(xy[:, None] - xy[None], axis=2) + np.diag(np.full(len(xy), np.inf))
    lonely = np.argsort(-gaps.min(axis=1))[:2]
    two.page.mouse.click(*xy[lonely[0]])
    first, second = (points["images"][i] for i in lonely)
    expect_marks(two, [first], labels)
    two.page.keyboard.down("Shift")
    two.page.mouse.click(*xy[lonely[1]])
    two.page.keyboard.up("Shift")
    expect_marks(two, sorted([first, second]), labels)


def test_a_cell_of_two_images_marks_both_and_their_shared_channels(
    two: Screen, labels: dict[int, int], explorer: Explorer, summary: Summary
) -> None:
    square = two.figure("jaccard", SECOND)
    assert square["view"] == "jaccard-images"
    column, row = two.click_cell("jaccard", SECOND, 15, 20)
    assert abs(column - 15) <= 1 and abs(row - 20) <= 1
    first, second = square["items"][row], square["items"][column]
    expect_marks(two, [first, second], labels)
    sets = active_sets(summary(VIEW, SECOND), sample_of(explorer))
    shared = sorted(sets[first] & sets[second])
    assert shared, "two images of one digit share some"
    heatmap = two.eventually(lambda: two.figure("heatmap", SECOND), lambda found: bool(found["shared"]))
    assert sorted(heatmap["shared"]) == sorted(heatmap["symbols"]) == shared
    assert two.figure("heatmap", FIRST)["symbols"] == [], "a pair is of one layer"
    card = two.page.get_by_label(f"Pair of images in {SECOND}")
    similarity = len(shared) / len(sets[first] | sets[second])
    assert card.locator(".ce-pair-figure").inner_text() == f"{similarity:.2f}"
    chips = card.locator(".ce-chip.is-shared").all_inner_texts()
    assert sorted(int(chip) for chip in chips) == shared


def test_a_cell_of_two_classes_marks_the_images_of_both(
    two: Screen, labels: dict[int, int], explorer: Explorer
) -> None:
    two.page.locator(f"#{ids.JACCARD_MODE}").get_by_text("Classes").click()
    two.eventually(lambda: two.figure("jaccard", FIRST)["view"], "jaccard-classes")
    two.eventually(lambda: two.figure("jaccard", SECOND)["view"], "jaccard-classes")
    two.click_cell("jaccard", FIRST, 3, 8)
    expect_marks(two, [image for image in sample_of(explorer) if labels[image] in {3, 8}], labels)


def test_a_cell_of_the_heatmap_colours_the_scatterplots_by_its_channel(two: Screen, summary: Summary) -> None:
    heatmap = two.figure("heatmap", SECOND)
    row = 5
    channel = heatmap["channels"][row]
    two.click_cell("heatmap", SECOND, 40, row)
    column = summary(VIEW, SECOND)[:, channel]
    for layer in (FIRST, SECOND):
        expect_colours(two, layer, f"channel {channel} of {SECOND}", column)
    card = two.page.get_by_label(f"Channel {channel} of {SECOND}")
    card.locator(".ce-distribution .js-plotly-plot").wait_for()
    top = [image_of(button) for button in card.locator(".ce-top-images .ce-image").all()]
    sample = np.asarray(two.points(SECOND)["images"])
    assert sorted(column[top]) == pytest.approx(sorted(np.sort(column[sample])[-len(top) :]))
    overlays = card.locator("img.ce-overlay")
    two.eventually(
        lambda: overlays.evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 0)"), True
    )
    assert two.eventually(lambda: two.figure("heatmap", SECOND)["rows"], lambda rows: rows == [float(row)])
    assert two.figure("heatmap", FIRST)["rows"] == []
    # A click on a bar of the statistic, in the same row, takes the channel back.
    two.click_cell("heatmap", SECOND, heatmap["statistic"][row] / 2, row, ("xaxis2", "yaxis"))
    two.eventually(lambda: two.figure("scatterplot", FIRST)["bar"], None)
    two.eventually(lambda: two.figure("heatmap", SECOND)["rows"], [])
    card.wait_for(state="detached")


def expect_colours(screen: Screen, layer: str, title: str, column: npt.NDArray[np.float32]) -> None:
    """Expect the points of a scatterplot to have the colours of a column of S."""
    bar = screen.eventually(
        lambda: screen.figure("scatterplot", layer)["bar"], lambda found: found and found["title"] == title
    )
    points = screen.points(layer)
    levels = np.asarray(points["colours"], dtype=float)
    ends = [float(text.lstrip("≤≥ ")) for text in (bar["text"][0], bar["text"][-1])]
    slope = (ends[1] - ends[0]) / (bar["vals"][-1] - bar["vals"][0])
    low = ends[0] - slope * bar["vals"][0]
    expected = np.clip((column[points["images"]] - low) / slope, 0, 255)
    assert np.abs(levels - expected).max() <= 0.51
    assert len(set(levels.tolist())) > 20


def test_a_node_of_the_hierarchy_marks_its_classes(
    two: Screen, labels: dict[int, int], explorer: Explorer
) -> None:
    node = next(found for found in two.figure("hierarchy", SECOND)["nodes"] if len(found) == 3)
    two.click_node(SECOND, node)
    expect_marks(two, [image for image in sample_of(explorer) if labels[image] in node], labels)


def test_a_row_of_the_profile_opens_its_panel_and_back_closes_it(two: Screen, labels: dict[int, int]) -> None:
    two.page.locator(f"#{ids.DATASET_IMAGES} .ce-image").first.click()
    image = two.eventually(two.gallery, lambda found: len(found) == 1)[0]
    before = two.eventually(two.query, lambda query: "images=" in query)
    row = two.part("layers", "row", "layer3.0")
    row.click()
    two.eventually(two.panels, [FIRST, SECOND, "layer3.0"])
    two.settle()
    # What is marked is marked in the new panel too.
    expect_marks(two, [image], labels)
    two.eventually(lambda: two.selection().layers, (FIRST, SECOND, "layer3.0"))
    assert row.get_attribute("aria-pressed") == "true"
    two.page.go_back()
    two.eventually(two.panels, [FIRST, SECOND])
    two.settle()
    assert two.query() == before
    assert two.part("layers", "row", "layer3.0").get_attribute("aria-pressed") == "false"
    expect_marks(two, [image], labels)
    two.page.go_forward()
    two.eventually(two.panels, [FIRST, SECOND, "layer3.0"])


def test_a_panel_is_closed_by_its_button(two: Screen) -> None:
    two.part("panel", "close", FIRST).click()
    two.eventually(two.panels, [SECOND])
    two.eventually(lambda: two.selection().layers, (SECOND,))
    two.part("panel", "close", SECOND).click()
    two.eventually(two.panels, [])
    assert "Choose a layer" in two.page.locator(".ce-no-panels").inner_text()
    two.part("layers", "row", FIRST).click()
    two.eventually(two.panels, [FIRST])
    two.settle()


def test_an_image_of_the_gallery_is_marked_alone(
    two: Screen, labels: dict[int, int], explorer: Explorer
) -> None:
    two.click_cell("hierarchy", SECOND, *_leaf(two, SECOND, 4))
    fours = [image for image in sample_of(explorer) if labels[image] == 4]
    expect_marks(two, fours, labels)
    button = two.page.locator(f"#{ids.GALLERY} .ce-image").nth(5)
    assert image_of(button) == sorted(fours)[5]
    assert "4" in button.locator(".ce-image-caption").inner_text()
    button.click()
    expect_marks(two, [sorted(fours)[5]], labels)


def _leaf(screen: Screen, layer: str, label: int) -> tuple[float, float]:
    x, y = screen.graph("hierarchy", layer).evaluate(
        """(outer, label) => {
          const gd = outer.querySelector('.js-plotly-plot');
          const trace = gd._fullData.find(trace => trace.name === 'leaves');
          const leaves = gd.layout.meta.leaves;
          const at = Array.from(trace.customdata).findIndex(([start]) => leaves[start] === label);
          return [trace.x[at], trace.y[at]];
        }""",
        label,
    )
    return x, y


def test_escape_clears_and_undo_brings_back(two: Screen, labels: dict[int, int]) -> None:
    items = two.figure("jaccard", SECOND)["items"]
    pair = sorted(items[at] for at in two.click_cell("jaccard", SECOND, 30, 90))
    expect_marks(two, pair, labels)
    two.click_cell("heatmap", FIRST, 2, 1)
    channel = two.eventually(lambda: two.selection().marks.channel, lambda found: found is not None)
    two.page.keyboard.press("Escape")
    expect_marks(two, [], labels)
    assert two.selection().marks.channel is None
    assert "Nothing is marked" in two.page.locator(f"#{ids.GALLERY}").inner_text()
    two.page.keyboard.press("Control+z")
    expect_marks(two, pair, labels)
    assert two.selection().marks.channel == channel
    two.page.keyboard.press("Control+z")
    two.eventually(lambda: two.selection().marks.channel, None)
    expect_marks(two, pair, labels)
    two.page.keyboard.press("Control+z")
    expect_marks(two, [], labels)
    # The buttons do the same.
    two.page.locator(f"#{ids.DATASET_IMAGES} .ce-image").nth(3).click()
    two.eventually(two.gallery, lambda found: len(found) == 1)
    two.page.locator(f"#{ids.CLEAR}").click()
    expect_marks(two, [], labels)
    two.page.locator(f"#{ids.UNDO}").click()
    two.eventually(two.gallery, lambda found: len(found) == 1)


def test_a_point_under_the_mouse_shows_its_picture(two: Screen, labels: dict[int, int]) -> None:
    points = two.points(SECOND)
    xy = np.stack([points["px"], points["py"]], axis=1)
    gaps = np.linalg.norm(xy[:, None] - xy[None], axis=2) + np.diag(np.full(len(xy), np.inf))
    at = int(np.argmax(gaps.min(axis=1)))
    two.page.mouse.move(*(xy[at] + 1))
    two.page.mouse.move(*xy[at])
    picture = two.page.locator(".ce-tip img")
    picture.wait_for()
    two.eventually(lambda: picture.evaluate("img => img.complete && img.naturalWidth > 0"), True)
    assert f"/media/digits/{points['images'][at]}?" in (picture.get_attribute("src") or "")
    assert two.page.locator(".ce-tip figcaption").inner_text() == str(labels[points["images"][at]])
    two.page.mouse.move(1, 1)
    two.page.locator(".ce-tip").wait_for(state="hidden")
