"""From the scorecard to a channel, its ablation, and what tells two classes apart, by mouse and keys."""

from __future__ import annotations

import re

import pytest

from channelexplorer_dash import ids
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LAYER = "layer3.0"
QUERY = f"?model=digits-resnet&dataset=digits&per_class=20&projection=pca&layer={LAYER}"


def test_a_channel_of_the_scorecard_is_ablated(screen: Screen) -> None:
    page = screen.open(QUERY).page
    page.get_by_label(f"Open the scorecard of {LAYER}").click()
    page.wait_for_selector(".ce-scores tbody tr")
    page.select_option(f"#{ids.SCORECARD_CLASS}", label="3")
    page.get_by_role("button", name="class AUC").click()
    page.wait_for_selector("th[aria-sort=descending] >> text=class AUC")
    first = page.locator(".ce-scores tbody .ce-link").first
    channel = first.inner_text()
    first.click()
    page.wait_for_selector(".ce-scores tr.is-marked")
    mark = screen.selection().marks.channel
    assert mark is not None and (mark.layer, mark.channel) == (LAYER, int(channel))
    page.keyboard.press("Escape")
    page.wait_for_selector(".ce-scorecard", state="detached")
    # Esc closed the panel, and left the mark.
    assert screen.selection().marks.channel == mark

    page.get_by_label(f"Ablate of {LAYER} to zero").click()
    page.wait_for_selector(f"text=Without channel {channel}")
    points = page.locator(f"#{ids.ABLATION_CARD} tbody tr").first
    assert points.locator("th").inner_text() == "3"
    assert float(points.locator("td").last.inner_text()) < -0.5
    page.wait_for_selector(".ce-confusion .js-plotly-plot .heatmaplayer image")
    before = page.locator(f"#{ids.ABLATION_CARD}").inner_text()
    assert screen.selection().ablate.startswith(f"{LAYER}:zero:")
    page.goto(page.url)
    page.wait_for_selector(f"text=Without channel {channel}")
    assert page.locator(f"#{ids.ABLATION_CARD}").inner_text() == before
    page.get_by_label("Close the card of the ablation").click()
    page.wait_for_selector(f"text=Without channel {channel}", state="detached")
    screen.eventually(lambda: screen.selection().ablate, "")


def test_the_effect_of_every_channel_is_measured_and_sorted_by(screen: Screen) -> None:
    page = screen.open(QUERY).page
    page.get_by_label(f"Open the scorecard of {LAYER}").click()
    page.wait_for_selector(".ce-scores tbody tr")
    panel = page.locator(".ce-scorecard")
    panel.get_by_text("on 200 images").wait_for()
    panel.get_by_role("button", name="Measure the effect of every channel").press("Enter")
    panel.get_by_text("set to zero, measured on 200 images.").wait_for()
    panel.get_by_role("button", name="effect", exact=True).click()
    page.wait_for_selector("th[aria-sort=descending] >> text=effect")

    def shown() -> list[float]:
        headings = [text.strip(" ▾▴") for text in panel.locator("thead th").all_inner_texts()]
        column = headings.index("effect")
        assert headings[column + 1] == "accuracy lost"
        rows = panel.locator("tbody tr").all()
        return [float(row.locator("th, td").nth(column).inner_text().replace("−", "-")) for row in rows]

    overall = shown()
    assert overall == sorted(overall, reverse=True) and overall[0] > 0
    page.select_option(f"#{ids.SCORECARD_CLASS}", label="3")
    panel.get_by_text("20 of them of this class").wait_for()
    of_three = shown()
    assert of_three == sorted(of_three, reverse=True) and of_three != overall
    page.select_option(f"#{ids.SCORECARD_FILL}", label="its mean")
    panel.get_by_text("set to its mean are not measured yet").wait_for()


def test_two_classes_are_told_apart(screen: Screen) -> None:
    page = screen.open(QUERY).page
    page.get_by_text("What tells these apart?").click()
    page.select_option(f"#{ids.CONTRAST_FIRST}", label="3")
    page.select_option(f"#{ids.CONTRAST_SECOND}", label="8")
    page.get_by_role("button", name="Find channels").click()
    card = page.locator(f"#{ids.CONTRAST_CARD}")
    card.get_by_text("held-out AUC").wait_for()
    found = re.search(r"(\d+) channels? tells? them apart\. A: 20 images, B: 20 images", card.inner_text())
    assert found or "1 channel tells them apart" in card.inner_text()
    before = card.inner_text()
    page.goto(page.url)
    card.get_by_text("held-out AUC").wait_for()
    assert card.inner_text() == before
    chip = card.locator(".ce-chip").first
    channel = int(chip.inner_text().split()[0])
    chip.click()
    page.wait_for_selector(f"text=Channel {channel}")
    mark = screen.selection().marks.channel
    assert mark is not None and mark.channel == channel
