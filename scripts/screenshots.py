"""Take the pictures of docs/images from the real page: ``python -m scripts.screenshots``.

Serves the digits demo and the photographs, waits until everything that is shown has been computed, and does
what a person does: draws a lasso, clicks a channel. Each picture is taken in light and in dark.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from benchmarks.browser import chromium
from benchmarks.serving import serving

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PHOTOS = ROOT / "data" / "photos.toml"
WIDTH, HEIGHT = 1440, 900
LIMIT_MILLISECONDS = 600_000.0

# Everything that is open has been computed and drawn.
WAITING = ".ce-view.is-waiting, .ce-status.is-busy, .ce-bar.is-unknown"
SETTLED = f"""() => document.querySelectorAll('.ce-panel').length > 1
    && document.querySelector('.ce-layer') && !document.querySelector('{WAITING}')"""

# Where a class lies in a scatterplot: the middle of its points, and how far half of them are from it.
CLUSTER = """(graph, name) => {
    const layout = graph._fullLayout, box = graph.getBoundingClientRect();
    const trace = graph._fullData.find(trace => trace.name === name);
    const x = Array.from(trace.x, value => box.left + layout.xaxis._offset + layout.xaxis.d2p(value));
    const y = Array.from(trace.y, value => box.top + layout.yaxis._offset + layout.yaxis.d2p(value));
    const middle = values => [...values].sort((a, b) => a - b)[values.length >> 1];
    const centre = [middle(x), middle(y)];
    const distances = x.map((value, i) => Math.hypot(value - centre[0], y[i] - centre[1]));
    return {x: centre[0], y: centre[1], radius: Math.max(12, 1.3 * middle(distances))};
}"""

# A circle as the corners of a polygon, which is how a hand draws a lasso.
CIRCLE = [
    (1.0, 0.0),
    (0.7, 0.7),
    (0.0, 1.0),
    (-0.7, 0.7),
    (-1.0, 0.0),
    (-0.7, -0.7),
    (0.0, -1.0),
    (0.7, -0.7),
    (1.0, 0.1),
]


def main() -> int:
    """Take all pictures; return the exit status."""
    if not PHOTOS.exists():
        print("The photographs are not there: run `make photos`.", file=sys.stderr)
        return 2
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as store,
        serving(Path(store), "--config", str(PHOTOS)) as (_, address),
        chromium() as browser,
    ):
        for theme in ("light", "dark"):
            take_photos(browser, address, theme)
            take_digits(browser, address, theme)
    return 0


def take_photos(browser: Browser, address: str, theme: str) -> None:
    """Take the photographs: the page with a lasso drawn, the last panel, and the depth profile."""
    page = open_page(browser, address, theme, model="efficientnet-lite0", dataset="photos")
    lasso(page, page.locator(".ce-graph-scatterplot").last, "birds")
    page.wait_for_selector(".ce-gallery .ce-image")
    settle(page)
    save(page.screenshot(), f"photos-{theme}")
    save(page.locator(".ce-panel").last.screenshot(), f"panel-{theme}")
    page.set_viewport_size({"width": WIDTH, "height": 1500})
    settle(page)
    save(page.locator(".ce-layers").screenshot(), f"profile-{theme}")
    page.context.close()


def take_digits(browser: Browser, address: str, theme: str) -> None:
    """Take the digits: the page with one channel looked at."""
    page = open_page(browser, address, theme, model="digits-resnet", dataset="digits")
    heatmap = page.locator(".ce-graph-heatmap .nsewdrag").last
    box = heatmap.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.1)
    page.wait_for_selector(".ce-top-images .ce-image")
    settle(page)
    save(page.screenshot(), f"digits-{theme}")
    page.context.close()


def open_page(browser: Browser, address: str, theme: str, **selection: str) -> Page:
    """Open the page of a selection and wait until it has been computed."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.set_default_timeout(LIMIT_MILLISECONDS)
    page.goto(f"{address}?{urlencode(selection)}")
    settle(page)
    return page


def settle(page: Page) -> None:
    """Wait until nothing is computed or drawn any more."""
    page.wait_for_function(SETTLED)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)


def lasso(page: Page, graph: Locator, name: str) -> None:
    """Draw a lasso around the middle of a class."""
    place = graph.locator(".js-plotly-plot").evaluate(CLUSTER, name)
    corners = [(place["x"] + place["radius"] * x, place["y"] + place["radius"] * y) for x, y in CIRCLE]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    page.mouse.move(1, 1)


def save(picture: bytes, name: str) -> None:
    """Write a picture as PNG with a palette, a third of the size."""
    target = IMAGES / f"{name}.png"
    with Image.open(io.BytesIO(picture)) as opened:
        reduced = opened.convert("RGB").quantize(
            256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        reduced.save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
