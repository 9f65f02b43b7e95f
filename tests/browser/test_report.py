"""The report: opened from the disk in a real browser, and written by the page's menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from channelexplorer_dash import cli, ids
from tests.browser.screen import Screen
from tests.browser.watching import Watch
from tests.hostile import CLASSES, hostile_arguments

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

DRAWN = """() => [...document.querySelectorAll('.ce-drawn')].map(gd =>
  Boolean(gd._fullLayout) && gd.querySelectorAll('.main-svg').length > 0
  && gd.querySelectorAll('.ce-svg').length === 1)"""


def open_report(browser: Browser, file: Path, scheme: str) -> tuple[list[bool], list[str], str]:
    """Return which figures of a report are drawn, what went wrong meanwhile, and the page's background."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 800})  # type: ignore[arg-type]
    page = context.new_page()
    watch = Watch(page, file.as_uri())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function(f"() => ({DRAWN})().every(Boolean)")
    drawn: list[bool] = page.evaluate(DRAWN)
    background: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert page.evaluate("window.stolen") is None
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    point = page.locator(".ce-graph-scatterplot .point").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    tip = page.locator(".ce-tip")
    tip.wait_for()
    assert any(name.replace("\u2028", "") in tip.inner_text().replace("\u2028", "") for name in CLASSES)
    context.close()
    return drawn, watch.faults, background


def test_a_report_opens_from_the_disk(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNELEXPLORER_ENGINE", "inline")
    assert cli.main(hostile_arguments(tmp_path)) == 0
    backgrounds = set()
    for scheme in ("light", "dark"):
        drawn, faults, background = open_report(browser, tmp_path / "report.html", scheme)
        assert faults == []
        assert len(drawn) >= 8 and all(drawn)
        backgrounds.add(background)
    assert len(backgrounds) == 2, "it follows the system's light and dark"


def test_the_page_writes_a_report_of_its_open_panels_by_the_keyboard(screen: Screen, tmp_path: Path) -> None:
    screen.open("?per_class=12&projection=pca&layer=layer4.0")
    screen.settle()
    page = screen.page
    page.locator(f"#{ids.EXPORT} > button").focus()
    page.keyboard.press("Enter")
    page.locator(f"#{ids.EXPORT_REPORT}").wait_for()
    focused = "document.activeElement.id"
    for _ in range(4):
        if page.evaluate(focused) == ids.EXPORT_REPORT:
            break
        page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == ids.EXPORT_REPORT
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "digits-digits-resnet-report.html"
    download.value.save_as(tmp_path / "report.html")
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>layer4.0</h2>" in written and "per_class=12" in written
    with page.expect_download() as picture:
        page.locator(".ce-graph-heatmap").hover()
        page.locator(".ce-graph-heatmap .ce-svg").click()
    assert picture.value.suggested_filename == "layer4.0-heatmap.svg"
