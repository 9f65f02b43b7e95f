"""Two models side by side in one window, as a person meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Frame, Page

from channelexplorer_dash import ids
from channelexplorer_dash.selection import Selection
from tests.browser.conftest import Open
from tests.browser.drawing import Lasso, clear_lasso
from tests.browser.screen import FIGURE, PATIENCE_SECONDS, POINTS, SETTLED, Screen
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

LAYER = "layer4.0"
QUERY = f"?model=digits-resnet&dataset=digits&per_class=12&projection=pca&layer={LAYER}&colour_by=prediction"


@pytest.fixture
def screen(browse: Open, two_server: Server) -> Screen:
    return browse(two_server.address)


def frames(page: Page) -> tuple[Frame, Frame]:
    """Return the two frames of the page, left and right, settled."""
    page.locator(".ce-side-frame").nth(1).wait_for()
    found = []
    for element in page.locator(".ce-side-frame").all():
        frame = element.element_handle().content_frame()
        assert frame is not None
        frame.wait_for_function(SETTLED, timeout=1000 * PATIENCE_SECONDS)
        found.append(frame)
    return found[0], found[1]


def selection(url: str) -> Selection:
    return Selection.from_query("?" + url.partition("?")[2], model="", dataset="")


def read(frame: Frame, script: str, layer: str = LAYER) -> dict[str, Any]:
    name = json.dumps(ids.part("scatterplot", "graph", layer), sort_keys=True, separators=(",", ":"))
    found: dict[str, Any] = frame.locator(f"[id='{name}']").evaluate(script)
    return found


def draw_lasso(screen: Screen, frame: Frame) -> Lasso:
    """Draw a lasso in a frame's scatterplot, whose positions are those of the frame."""
    box = frame.frame_element().bounding_box()
    assert box is not None
    points = read(frame, POINTS)
    points["px"] = [x + box["x"] for x in points["px"]]
    points["py"] = [y + box["y"] for y in points["py"]]
    lasso = clear_lasso(points)
    screen.drag(lasso.corners)
    return lasso


def test_both_models_are_seen_in_one_window_with_the_same_marks(screen: Screen) -> None:
    screen.open(QUERY)
    page = screen.page
    page.select_option(f"#{ids.COMPARE}", "untrained")
    link = page.locator(f"#{ids.COMPARE_SIDE}")
    screen.eventually(lambda: "show=side" in (link.get_attribute("href") or ""), True)
    link.focus()
    page.keyboard.press("Enter")
    left, right = frames(page)
    shown = [selection(frame.url) for frame in (left, right)]
    assert [(one.view.model, one.compare) for one in shown] == [
        ("digits-resnet", "untrained"),
        ("untrained", "digits-resnet"),
    ]
    assert {(one.view.per_class, one.projection, one.colour_by) for one in shown} == {
        (12, "pca", "prediction")
    }
    titles = page.locator(".ce-side-frame").evaluate_all("found => found.map(one => one.title)")
    assert titles == ["The views of digits-resnet on digits", "The views of untrained on digits"]
    # The panels alone, and no panel of the comparison over them.
    for frame in (left, right):
        assert [frame.locator(name).is_visible() for name in (".ce-header", ".ce-left", ".modal")] == [
            False
        ] * 3
    alike = page.locator(f"#{ids.SIDE_ALIKE}")
    screen.eventually(lambda: "CKA" in alike.inner_text(), True)

    # Two checkpoints of one network: the layer of the same name.
    assert alike.inner_text().startswith("same name")
    assert [frame.locator(".ce-panel-title").all_inner_texts() for frame in (left, right)] == [[LAYER]] * 2
    for marked, other in ((left, right), (right, left)):
        lasso = draw_lasso(screen, marked)
        for frame in (marked, other):
            screen.eventually(lambda frame=frame: read(frame, FIGURE)["selected"], lasso.images)  # type: ignore[misc]
        screen.eventually(lambda: list(screen.selection().marks.images), lasso.images)

    page.click(f"#{ids.SIDE_CLEAR}")
    for frame in (left, right):
        screen.eventually(lambda frame=frame: read(frame, FIGURE)["selected"], None)  # type: ignore[misc]
    page.keyboard.press("Control+z")
    for frame in (left, right):
        screen.eventually(lambda frame=frame: read(frame, FIGURE)["selected"], lasso.images)  # type: ignore[misc]

    page.select_option(f"#{ids.SIDE_FIRST}", "layer2.0")
    screen.eventually(lambda: left.locator(".ce-panel-title").all_inner_texts(), ["layer2.0"])
    screen.eventually(lambda: right.locator(".ce-panel-title").all_inner_texts(), ["layer2.0"])
    page.select_option(f"#{ids.SIDE_SECOND}", "layer3.0")
    screen.eventually(lambda: right.locator(".ce-panel-title").all_inner_texts(), ["layer3.0"])
    screen.eventually(lambda: alike.inner_text().startswith("CKA"), True)
    page.get_by_label("Colour by").select_option("class")
    for frame in (left, right):
        screen.eventually(lambda frame=frame: selection(frame.url).colour_by, "class")  # type: ignore[misc]
    page.click(f"#{ids.THEME_TOGGLE}")
    theme = "document.documentElement.dataset.bsTheme"
    for frame in (left, right):
        screen.eventually(lambda frame=frame: frame.evaluate(theme), page.evaluate(theme))  # type: ignore[misc]

    # One address restores all of it.
    screen.eventually(
        lambda: (screen.selection().colour_by, screen.selection().beside), ("class", "layer3.0")
    )
    kept = screen.selection()
    assert list(kept.marks.images) == lasso.images and kept.show == "side"
    page.goto("about:blank")
    screen.go(kept.to_query())
    left, right = frames(page)
    for frame, layer in ((left, "layer2.0"), (right, "layer3.0")):
        screen.eventually(lambda f=frame, at=layer: read(f, FIGURE, at)["selected"], lasso.images)  # type: ignore[misc]
        assert frame.locator(".ce-panel-title").all_inner_texts() == [layer]
    assert screen.selection() == kept


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("compare=never", "no model 'never'"),
        ("compare=untrained&dataset=nowhere", "no dataset 'nowhere'"),
        ("compare=digits-resnet", "compared with another one"),
        ("", "no second model"),
        ("compare=untrained&beside=nothing", "no layer 'nothing'"),
    ],
)
def test_a_link_that_cannot_be_shown_says_why(screen: Screen, changed: str, told: str) -> None:
    screen.go(f"?model=digits-resnet&show=side&{changed}")
    page = screen.page
    told_in = page.locator(".ce-error-page, .ce-status.is-failed").first
    told_in.wait_for()
    screen.eventually(lambda: told in told_in.inner_text(), True)
