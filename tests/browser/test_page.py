"""The page itself: theme, export, keyboard, the Dataset View's draw, and the room that things have."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.theme import class_colours
from channelexplorer_dash.selection import View
from tests.browser.conftest import Open
from tests.browser.drawing import clear_lasso
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

QUERY = "?per_class=12&projection=pca&layer=layer4.0"
VIEW = View("digits-resnet", "digits", per_class=12)

# What can be seen of each control: its box, cut by every ancestor that cuts off what leaves it.
BOXES = """selectors => [...document.querySelectorAll(selectors)].flatMap(one => {
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
  const whole = (right - left) * (bottom - top);
  for (let outer = one.parentElement; outer; outer = outer.parentElement) {
    if (getComputedStyle(outer).overflow === 'visible') continue;
    const frame = outer.getBoundingClientRect();
    [left, top] = [Math.max(left, frame.left), Math.max(top, frame.top)];
    [right, bottom] = [Math.min(right, frame.right), Math.min(bottom, frame.bottom)];
  }
  if (style.visibility === 'hidden' || right - left < 1 || bottom - top < 1) return [];
  const said = one.id || one.textContent.trim() || one.className;
  return [{said: said, left, top, right, bottom, shown: (right - left) * (bottom - top) / whole}];
})"""
CONTROLS = "button, select, a[href], .form-check, input[type=number], input[type=search]"


def test_dark_mode_stays(screen: Screen) -> None:
    screen.open(QUERY)
    theme = screen.page.locator("html")
    background = "getComputedStyle(document.body).backgroundColor"
    assert theme.get_attribute("data-bs-theme") == "light"
    light = screen.page.evaluate(background)
    screen.page.locator(f"#{ids.THEME_TOGGLE}").click()
    screen.eventually(lambda: theme.get_attribute("data-bs-theme"), "dark")
    dark = screen.eventually(lambda: screen.page.evaluate(background), lambda found: found != light)
    screen.page.reload()
    screen.settle()
    assert theme.get_attribute("data-bs-theme") == "dark"
    assert screen.page.evaluate(background) == dark
    screen.page.locator(f"#{ids.THEME_TOGGLE}").click()
    screen.eventually(lambda: screen.page.evaluate(background), light)


def test_the_system_s_preference_for_dark_is_taken(browse: Open) -> None:
    screen = browse(color_scheme="dark").open(QUERY)
    assert screen.page.locator("html").get_attribute("data-bs-theme") == "dark"


def test_the_marked_images_are_exported_as_csv(
    screen: Screen, explorer: Explorer, labels: dict[int, int], tmp_path: Path
) -> None:
    screen.open(QUERY)
    lasso = clear_lasso(screen.points("layer4.0"))
    screen.drag(lasso.corners)
    screen.eventually(screen.gallery, lasso.images[:60])
    rows = exported(screen, tmp_path / "marked.csv", "digits-digits-resnet-marked.csv")
    assert [int(row["image_id"]) for row in rows] == lasso.images
    expected = explorer.images(VIEW, lasso.images)
    for row, image in zip(rows, expected, strict=True):
        assert int(row["label"]) == labels[image.image_id]
        assert (row["label_name"], row["source"]) == (image.label_name, image.source)
        assert (int(row["prediction"]), row["prediction_name"]) == (image.prediction, image.prediction_name)
        assert float(row["confidence"]) == pytest.approx(image.confidence)
        assert row["correct"] == str(image.correct).lower()
        assert row["split"] == image.columns["split"]
    screen.page.keyboard.press("Escape")
    screen.eventually(screen.gallery, [])
    every = exported(screen, tmp_path / "all.csv", "digits-digits-resnet-all.csv")
    assert [int(row["image_id"]) for row in every] == explorer.sample(VIEW).image_ids.tolist()


def exported(screen: Screen, target: Path, name: str) -> list[dict[str, str]]:
    with screen.page.expect_download() as download:
        screen.page.locator(f"#{ids.EXPORT} > button").click()
        screen.page.locator(f"#{ids.EXPORT_CSV}").click()
    assert download.value.suggested_filename == name
    download.value.save_as(target)
    with target.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_profile_row_is_reached_and_opened_by_the_keyboard(screen: Screen) -> None:
    screen.open(QUERY)
    focused = "document.activeElement && document.activeElement.id"
    wanted = screen.part("layers", "row", "layer3.0").get_attribute("id")
    for _ in range(150):
        screen.page.keyboard.press("Tab")
        if screen.page.evaluate(focused) == wanted:
            break
    assert screen.page.evaluate(focused) == wanted
    outline = screen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "where the focus is can be seen"
    screen.page.keyboard.press("Enter")
    screen.eventually(screen.panels, ["layer4.0", "layer3.0"])


def test_keys_lead_to_the_filter_and_to_the_help(screen: Screen) -> None:
    screen.open(QUERY)
    screen.page.keyboard.press("/")
    screen.page.keyboard.type("layer3")
    rows = screen.page.locator(".ce-layer")
    screen.eventually(lambda: [row.is_visible() for row in rows.all()].count(True), 1)
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("?")
    guide = screen.page.locator(f"#{ids.HELP_PANEL}")
    guide.wait_for()
    assert "How to read this page" in guide.inner_text()
    screen.page.keyboard.press("Escape")
    guide.wait_for(state="hidden")


def test_two_changes_at_once_are_both_drawn(screen: Screen) -> None:
    screen.open(QUERY)
    for projection, colour_by in (("mds", "confidence"), ("pca", "class"), ("mds", "confidence")):
        screen.page.locator(f"#{ids.PROJECTION}").select_option(projection)
        screen.page.locator(f"#{ids.COLOUR_BY}").select_option(colour_by)
        screen.eventually(lambda: screen.figure("scatterplot", "layer4.0")["method"], projection)
        title = {"confidence": "confidence"}.get(colour_by)
        screen.eventually(lambda: (screen.figure("scatterplot", "layer4.0")["bar"] or {}).get("title"), title)


def test_every_control_has_a_name(screen: Screen) -> None:
    screen.open(QUERY)
    controls = screen.page.locator(".ce-app").locator("button, select, input")
    nameless = controls.evaluate_all(
        """all => all.filter(one => !one.getAttribute('aria-label') && !one.textContent.trim()
          && !(one.labels && one.labels.length) && !one.title && !one.placeholder)
          .map(one => one.outerHTML)"""
    )
    assert nameless == []


CLASSES = """rows => rows.map(row => [
  row.textContent, row.dataset.count,
  getComputedStyle(row.querySelector("label"), "::before").backgroundColor,
])"""


def test_every_class_has_its_colour_and_its_number_of_images(screen: Screen, explorer: Explorer) -> None:
    screen.open(QUERY)
    dataset = explorer.dataset("digits")
    counts = np.bincount(dataset.labels)
    colours = ["rgb({}, {}, {})".format(*bytes.fromhex(colour[1:])) for colour in class_colours(len(counts))]
    wanted = [[*row] for row in zip(dataset.class_names, map(str, counts.tolist()), colours, strict=True)]
    rows = screen.page.locator(f"#{ids.CLASSES} .form-check")
    screen.eventually(lambda: rows.evaluate_all(CLASSES), wanted)
    # A page that is built anew, as on the way back, has them too.
    screen.page.locator(f"#{ids.PER_CLASS}").fill("9")
    screen.page.locator(f"#{ids.APPLY}").click()
    screen.eventually(lambda: screen.selection().view.per_class, 9)
    screen.eventually(lambda: rows.evaluate_all(CLASSES), wanted)


def test_classes_images_and_seed_are_drawn_as_asked(screen: Screen, explorer: Explorer) -> None:
    screen.open(QUERY)
    screen.page.locator(f"#{ids.CLASSES_NONE}").click()
    boxes = screen.page.locator(f"#{ids.CLASSES} input")
    screen.eventually(lambda: screen.page.locator(f"#{ids.CLASSES} input:checked").count(), 0)
    for label in (2, 5):
        boxes.nth(label).check()
    screen.page.locator(f"#{ids.PER_CLASS}").fill("9")
    screen.page.locator(f"#{ids.SEED}").fill("3")
    screen.page.locator(f"#{ids.APPLY}").click()
    wanted = View("digits-resnet", "digits", classes=(2, 5), per_class=9, seed=3)
    screen.eventually(lambda: screen.selection().view, wanted)
    count = screen.page.locator(".ce-dataset .ce-count").first
    screen.eventually(count.inner_text, lambda text: text.startswith("18 of 1,797"))
    screen.settle()
    assert screen.points("layer4.0")["images"] == explorer.sample(wanted).image_ids.tolist()


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_everything_has_room(browse: Open, width: int, height: int) -> None:
    screen = browse(viewport={"width": width, "height": height}).open("?per_class=12&projection=pca")
    assert screen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert screen.page.evaluate("document.documentElement.scrollHeight") <= height
    boxes = screen.page.locator(".ce-app, .ce-columns, .ce-left, .ce-middle, .ce-panels, .ce-panel")
    sideways = boxes.evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.className)"
    )
    assert sideways == []
    for part, whole in ((".ce-header", True), (".ce-toolbar", True), (".ce-left", False)):
        selectors = ", ".join(f"{part} {control.strip()}" for control in CONTROLS.split(","))
        controls = screen.page.evaluate(BOXES, selectors)
        assert len(controls) >= 5
        for i, one in enumerate(controls):
            assert one["right"] <= width + 0.5 and one["bottom"] <= height + 0.5, one
            if whole:
                assert one["shown"] > 0.99, f"cut off: {one}"
            for other in controls[i + 1 :]:
                apart = (
                    one["right"] <= other["left"] + 1
                    or other["right"] <= one["left"] + 1
                    or one["bottom"] <= other["top"] + 1
                    or other["bottom"] <= one["top"] + 1
                )
                assert apart, f"{one} lies over {other}"
    # The three views of the first panel can be seen without scrolling, each of a size that can be read.
    for view in ("scatterplot", "jaccard", "heatmap"):
        box = screen.graph(view, screen.panels()[0]).bounding_box()
        assert box and box["width"] > 180 and box["height"] > 110
        assert box["y"] + box["height"] <= height
