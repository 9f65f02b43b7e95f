"""Labels are reviewed by keys, and what was decided is still there after a reload."""

from __future__ import annotations

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

QUERY = "?per_class=12&projection=pca&layer=layer4.0"
IMAGES = "rows => rows.map(row => Number(row.dataset.markImage))"


def test_labels_are_reviewed_by_keys(screen: Screen, explorer: Explorer) -> None:
    # What an earlier try decided would stand in the store that the tests share.
    while standing := explorer.labels.current("digits"):
        explorer.labels.decide("digits", next(iter(standing)), "undo", None, "")
    screen.open(QUERY)
    page = screen.page
    rows, current = page.locator(".ce-review-row"), page.locator(".ce-review-row.is-current")
    looked = f"#{ids.REVIEW_LIST} .is-current"

    def listed() -> list[int]:
        found: list[int] = rows.evaluate_all(IMAGES)
        return found

    def look_at(image: int) -> None:
        screen.eventually(lambda: page.locator(looked).evaluate_all(IMAGES), [image])

    assert not rows.count()
    page.locator(f"#{ids.REVIEW_START}").click()
    rows.first.wait_for()
    before = listed()
    assert len(before) == 25
    look_at(before[0])
    page.keyboard.press("ArrowDown")
    look_at(before[1])
    screen.eventually(lambda: screen.figure("scatterplot", "layer4.0")["selected"], [before[1]])
    page.keyboard.press("r")
    screen.eventually(listed, lambda found: before[1] not in found)
    look_at(before[2])
    page.keyboard.press("f")
    screen.eventually(listed, lambda found: before[2] not in found)
    page.keyboard.press("u")
    screen.eventually(listed, lambda found: before[2] in found)
    kept = explorer.labels.current("digits")
    assert {image: entry.action for image, entry in kept.items()} == {before[1]: "relabel"}
    page.locator(f"#{ids.COLOUR_BY}").select_option("suspicion")
    screen.eventually(
        lambda: (screen.figure("scatterplot", "layer4.0")["bar"] or {}).get("title"), "suspicion"
    )
    page.reload()
    screen.settle()
    # The link colours by suspicion, so that the list is there without another click.
    rows.first.wait_for()
    assert before[1] not in listed()
    page.locator(f"#{ids.REVIEW_STATE}").select_option("relabel")
    screen.eventually(listed, [before[1]])
    assert page.locator(".ce-review-list .ce-decision.is-relabel").count() == 1
    assert current.count() == 1
    # Names and numbers have room beside each other in the smallest window.
    page.set_viewport_size({"width": 1280, "height": 720})
    labels = rows.locator(".ce-review-labels")
    room = "e => e.scrollWidth <= e.clientWidth && e.getClientRects().length === 1 && e.offsetHeight < 24"
    screen.eventually(lambda: labels.first.evaluate(room), True)
