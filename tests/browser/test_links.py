"""Links: a good one restores the view exactly, a bad one is explained and leads back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.controls import LOOKS
from tests.browser.conftest import Open
from tests.browser.drawing import clear_lasso
from tests.browser.screen import Screen
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

CONTROLS = """() => Object.fromEntries([...document.querySelectorAll('select, input')]
  .filter(one => one.closest('.ce-app'))
  .map((one, i) => [`${i} ${one.id || one.name}`, one.type === 'checkbox' || one.type === 'radio'
    ? one.checked : one.value]))"""


def seen(screen: Screen) -> dict[str, Any]:
    """Return all that a person sees of a view, but for the theme."""
    screen.settle()
    found: dict[str, Any] = {
        "panels": screen.panels(),
        "marks": screen.marked(),
        "address": screen.query(),
        "controls": screen.page.evaluate(CONTROLS),
        "inspector": screen.page.locator(f"#{ids.INSPECTOR}").inner_text(),
        "rows": screen.page.locator(".ce-layer").evaluate_all(
            "rows => rows.map(row => [row.id, row.className, row.getAttribute('aria-label')])"
        ),
    }
    for layer in screen.panels():
        for view in ("scatterplot", "jaccard", "heatmap", "hierarchy"):
            found[f"{view} {layer}"] = screen.figure(view, layer)
        points = screen.points(layer)
        found[f"points {layer}"] = [points["images"], points["colours"], points["x"]]
        found[f"legend {layer}"] = screen.part("scatterplot", "legend", layer).inner_text()
    return found


def test_a_shared_link_restores_the_view_in_another_browser(browse: Open, server: Server) -> None:
    ada = browse(permissions=["clipboard-read", "clipboard-write"], color_scheme="light")
    ada.open("?per_class=12&classes=r1.5&projection=mds")
    page = ada.page
    page.locator(f"#{ids.PROJECTION}").select_option("pca")
    page.locator(f"#{ids.COLOUR_BY}").select_option("confidence")
    page.locator(f"#{ids.SORTING}").select_option("count")
    page.locator(f"#{ids.JACCARD_ORDER}").get_by_text("Hierarchy").click()
    page.locator(f"#{ids.GRANULARITY}").get_by_text("Leaves").click()
    row = ada.part("layers", "row", "layer3.0.conv2")
    row.wait_for()
    # A list that is still drawn anew loses the click.
    ada.settle()
    row.click()
    ada.eventually(lambda: len(ada.panels()), 3)
    ada.settle()
    ada.eventually(lambda: ada.figure("scatterplot", "layer4.0")["method"], "pca")
    ada.drag(clear_lasso(ada.points("layer4.0")).corners)
    ada.eventually(ada.gallery, lambda found: len(found) >= 5)
    ada.click_cell("heatmap", "layer4.0", 4, 1)
    ada.page.get_by_label("of layer4.0").locator(".ce-top-images").wait_for()
    ada.eventually(lambda: ada.figure("scatterplot", "layer4.0")["bar"], lambda bar: bar is not None)

    page.locator(f"#{ids.SHARE}").click()
    ada.eventually(page.locator(f"#{ids.SHARED}").inner_text, "Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url

    ben = browse(color_scheme="dark")
    ben.page.goto(link)
    ben.settle()
    expected = seen(ada)
    assert expected["marks"]["address"] and expected["scatterplot layer4.0"]["bar"]
    ben.eventually(lambda: ben.figure("scatterplot", "layer4.0")["selected"], expected["marks"]["address"])
    # Figures of the other layers still come in, in both.
    ben.eventually(lambda: (seen(ben), seen(ada)), lambda both: both[0] == both[1])
    assert ben.page.locator("html").get_attribute("data-bs-theme") == "dark"
    assert ada.page.locator("html").get_attribute("data-bs-theme") == "light"


def test_a_link_restores_a_pair_and_every_look(screen: Screen) -> None:
    looks = {
        "granularity": "stage", "colour_by": "split", "projection": "mds", "jaccard": "images",
        "order": "hierarchy", "sorting": "edge_weight", "clusters": "6", "distance": "centroid",
        "leaves": "subclasses", "measure": "silhouette", "layers_as": "graph",
    }  # fmt: skip
    query = {"per_class": "12", "layer": "layer3.0", "pair": "layer3.0:48:725", "images": "r1c.0.is.0"}
    screen.open(f"?{urlencode({**query, **looks})}")
    assert screen.page.get_by_label("Pair of images in layer3.0").locator(".ce-pair-figure").is_visible()
    selection = screen.selection()
    # Another model, and ways through time, are looks of other models; their own tests restore them.
    assert {name: getattr(selection, name) for name in LOOKS} == {
        **looks,
        "compare": "",
        "trajectories": "off",
    }
    screen.eventually(lambda: screen.figure("scatterplot", "layer3.0")["method"], "mds")
    screen.eventually(lambda: screen.figure("heatmap", "layer3.0")["shared"], lambda found: len(found) > 0)
    for control in (ids.COLOUR_BY, ids.PROJECTION, ids.SORTING):
        assert screen.page.locator(f"#{control}").input_value() in looks.values()


def test_what_a_control_asks_for_is_in_the_address_and_back_leaves_it(screen: Screen) -> None:
    screen.open("?per_class=12&projection=pca&layer=layer4.0")
    first = screen.query()
    screen.page.locator(f"#{ids.NORMALISATION}").select_option("zscore")
    screen.eventually(lambda: screen.selection().view.normalisation, "zscore")
    screen.settle()
    second = screen.query()
    for go, query, chosen in (
        (screen.page.go_back, first, "minmax"),
        (screen.page.go_forward, second, "zscore"),
        (screen.page.go_back, first, "minmax"),
    ):
        go()
        screen.eventually(screen.query, query)
        screen.eventually(screen.page.locator(f"#{ids.NORMALISATION}").input_value, chosen)
        screen.settle()
    assert screen.query() == first


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?model=nope", "no model 'nope'"),
        ("?dataset=digit", "Did you mean 'digits'"),
        ("?layer=layer9.0", "layer9.0"),
        ("?images=r1.2.zz!", "cannot be read"),
        ("?images=r1.zzzzzzzzzz", "cannot be read"),
        ("?classes=rzz.0", "10 classes"),
        ("?channel=layer4.0:99", "64 channels"),
        ("?seed=x", "cannot be read as a number"),
        ("?layer=" + "x" * 8050, "at most 8,000"),
    ],
)
def test_a_bad_link_is_explained_and_leads_back(
    screen: Screen, server: Server, query: str, message: str
) -> None:
    screen.go(query + ("" if len(query) > 8000 or "model" in query else "&projection=pca"))
    said = screen.page.get_by_role("alert").or_(screen.page.locator(".ce-no-panels")).first
    said.wait_for()
    screen.eventually(said.inner_text, lambda text: message in text)
    if screen.page.locator(".ce-error-page").count():
        screen.page.get_by_text("Start again").click()
    else:
        screen.page.locator(".ce-brand").click()
    screen.page.locator(".ce-panel-title").first.wait_for()
    assert message not in screen.page.locator("body").inner_text()
    assert all(line.status < 500 for line in server.answered())


def test_an_address_of_ten_thousand_characters_is_explained(screen: Screen, server: Server) -> None:
    """Gunicorn refuses the line of such a request; from within the page it is the page that explains."""
    with screen.watch.expecting("answer 414", "console error"):
        screen.page.goto(server.address + "?layer=" + "x" * 10_000)
        assert "8190" in screen.page.locator("body").inner_text()
    screen.open("?projection=pca&per_class=12")
    screen.page.evaluate("history.pushState(null, '', '?layer=' + 'x'.repeat(10000))")
    screen.page.evaluate("window.dispatchEvent(new PopStateEvent('popstate'))")
    screen.eventually(screen.page.get_by_role("alert").first.inner_text, lambda text: "at most 8,000" in text)
    screen.page.get_by_text("Start again").click()
    screen.page.locator(".ce-panel-title").first.wait_for()
    assert all(line.status < 500 for line in server.answered())


def test_marks_of_images_outside_the_sample_do_no_harm(screen: Screen) -> None:
    screen.open("?per_class=12&projection=pca&images=r1dx.0")
    assert screen.selection().marks.images == (1797,) or screen.gallery() == []
    assert json.dumps(screen.marked())
