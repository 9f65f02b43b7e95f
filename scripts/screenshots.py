"""Take the pictures of docs/images from the real page: ``python -m scripts.screenshots [NAME …]``.

Serves the digits demo, the photographs and Fashion-MNIST, waits until everything that is shown has been
computed, and does what a person does: draws a lasso, clicks a channel, ablates it. Each picture is taken in
light and in dark. Names are ``photos``, ``digits``, ``scale``, ``contribution``, ``labels``, ``hierarchy``,
``graph``, ``compare`` and ``diffusion``; all by default.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page

from benchmarks.chromium import chromium
from benchmarks.serving import serving
from channelexplorer_dash import ids
from scripts.use_cases import labels as use_case

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PHOTOS = ROOT / "data" / "photos.toml"
FASHION = ROOT / "data" / "fashion.toml"
# Kept, so that a second run has nothing to compute.
STORE = ROOT / "data" / "screenshots"
BIRDS = 0
BAGS = 8
WIDTH, HEIGHT = 1440, 900
LIMIT_MILLISECONDS = 240_000.0

# Everything that is open has been computed and drawn.
WAITING = ".ce-view.is-waiting, .ce-status.is-busy, .ce-bar.is-unknown"
SETTLED = f"""() => document.querySelectorAll('.ce-panel').length > 0
    && document.querySelector('.ce-layer') && !document.querySelector('{WAITING}')"""

# Thumbnails that are in sight, and every overlay, which the engine draws one by one.
LOADED = """() => [...document.querySelectorAll('.ce-thumb, .ce-overlay')].every(image => {
    const box = image.getBoundingClientRect();
    return (image.complete && image.naturalWidth) || box.top > innerHeight || !box.width;
})"""

# Where a class lies in a scatterplot: the middle of its points, and how far half of them are from it.
CLUSTER = """(graph, number) => {
    const layout = graph._fullLayout, box = graph.getBoundingClientRect(), trace = graph._fullData[0];
    const own = Array.from(trace.x.keys()).filter(i => trace.marker.color[i] === number);
    const x = own.map(i => box.left + layout.xaxis._offset + layout.xaxis.d2p(trace.x[i]));
    const y = own.map(i => box.top + layout.yaxis._offset + layout.yaxis.d2p(trace.y[i]));
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
    """Take the pictures that are named, or all; return the exit status."""
    if not (PHOTOS.exists() and FASHION.exists()):
        print("Run `make photos` and `make fashion` first.", file=sys.stderr)
        return 2
    takers = {"photos": take_photos, "digits": take_digits, "scale": take_scale}
    takers |= {"contribution": take_contribution, "labels": take_labels, "hierarchy": take_hierarchy}
    takers |= {"graph": take_graph, "compare": take_compare, "diffusion": take_diffusion}
    IMAGES.mkdir(parents=True, exist_ok=True)
    wrong_labels = use_case.FOLDER / use_case.SETTINGS
    if not wrong_labels.exists():
        use_case.prepare()
    configs = (PHOTOS, FASHION, wrong_labels)
    sources = ("--demo", *(word for config in configs for word in ("--config", str(config))))
    with serving(STORE, *sources) as (_, address), chromium() as browser:
        for name in sys.argv[1:] or takers:
            for theme in ("light", "dark"):
                takers[name](browser, address, theme)
    return 0


def take_photos(browser: Browser, address: str, theme: str) -> None:
    """Take the photographs: the page with a lasso drawn, the last panel, and the depth profile."""
    page = open_page(browser, address, theme, model="efficientnet-lite0", dataset="photos")
    lasso(page, page.locator(".ce-graph-scatterplot").last, BIRDS)
    page.wait_for_selector(".ce-gallery .ce-image")
    settle(page)
    save(page.screenshot(), f"photos-{theme}")
    save(page.locator(".ce-panel").last.screenshot(), f"panel-{theme}")
    page.set_viewport_size({"width": WIDTH, "height": 1500})
    settle(page)
    save(page.screenshot(clip=profile(page)), f"profile-{theme}")
    page.context.close()


def profile(page: Page) -> FloatRect:
    """Return the rectangle of the depth profile, down to its last layer."""
    section, last = page.locator(".ce-layers").bounding_box(), page.locator(".ce-layer").last.bounding_box()
    assert section is not None
    assert last is not None
    return {**section, "height": last["y"] + last["height"] + 8 - section["y"]}


def take_digits(browser: Browser, address: str, theme: str) -> None:
    """Take the digits: the page with one channel looked at."""
    page = open_page(browser, address, theme, model="digits-resnet", dataset="digits")
    drags = page.locator(".ce-graph-heatmap").last.locator(".nsewdrag")
    # The map itself; the strips beside it can be clicked as well.
    box = max(
        filter(None, (drag.bounding_box() for drag in drags.all())), key=lambda b: b["width"] * b["height"]
    )
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.1)
    page.wait_for_selector(".ce-top-images .ce-image")
    page.mouse.move(1, 1)
    settle(page)
    save(page.screenshot(), f"digits-{theme}")
    page.context.close()


def take_scale(browser: Browser, address: str, theme: str) -> None:
    """Take all 70,000 images of Fashion-MNIST: the page with a lasso drawn."""
    page = open_page(browser, address, theme, model="fashion-resnet", dataset="fashion-mnist")
    lasso(page, page.locator(".ce-graph-scatterplot").last, BAGS)
    page.wait_for_selector(".ce-gallery .ce-image")
    settle(page)
    save(page.screenshot(), f"scale-{theme}")
    page.context.close()


def take_contribution(browser: Browser, address: str, theme: str) -> None:
    """Take one layer of the digits, with a channel ablated, and its scorecard."""
    marked = {"layer": "layer3.0", "channel": "layer3.0:7", "sorting": "auroc"}
    page = open_page(browser, address, theme, model="digits-resnet", dataset="digits", **marked)
    page.get_by_label("Ablate of layer3.0 to zero").click()
    page.wait_for_selector(".ce-confusion .heatmaplayer image")
    page.mouse.move(1, 1)
    settle(page)
    save(page.screenshot(), f"ablation-{theme}")
    page.get_by_label("Open the scorecard of layer3.0").click()
    page.wait_for_selector(".ce-scores tbody tr")
    page.get_by_role("button", name="Measure the effect of every channel").click()
    page.get_by_role("button", name="accuracy lost").wait_for()
    page.select_option(f"#{ids.SCORECARD_CLASS}", label="3")
    page.get_by_role("button", name="class AUC").click()
    page.wait_for_selector("th[aria-sort=descending] >> text=class AUC")
    page.wait_for_timeout(500)
    save(page.locator(".ce-scorecard").screenshot(), f"scorecard-{theme}")
    page.context.close()


def take_labels(browser: Browser, address: str, theme: str) -> None:
    """Take the mislabelled digits: the list, a label that is looked at, the points by suspicion."""
    page = open_page(
        browser, address, theme, model=use_case.MODEL, dataset=use_case.DATASET, colour_by="suspicion"
    )
    page.locator(".ce-review-row").first.wait_for()
    settle(page)
    page.keyboard.press("ArrowDown")
    settle(page)
    save(page.screenshot(), f"labels-{theme}")
    page.context.close()


def take_hierarchy(browser: Browser, address: str, theme: str) -> None:
    """Take the clothes coloured by cluster, with the tree of their subclasses; and the photographs' tree."""
    page = open_page(
        browser,
        address,
        theme,
        model="fashion-resnet",
        dataset="fashion-mnist",
        per_class="200",
        colour_by="cluster",
        order="hierarchy",
        layer=["layer3.0", "layer4.0"],
    )
    save(page.screenshot(), f"hierarchy-{theme}")
    page.locator(f"#{ids.LEAVES}").select_option("subclasses")
    page.wait_for_function("() => document.querySelector('.ce-tree-note')?.innerText.includes('subclasses')")
    settle(page)
    save(page.locator(".ce-panel").last.screenshot(), f"subclasses-{theme}")
    page.context.close()
    layers = ["blocks.2.1", "classifier"]
    page = open_page(
        browser, address, theme, model="efficientnet-lite0", dataset="photos", order="hierarchy", layer=layers
    )
    save(page.locator(".ce-panel").last.screenshot(), f"wordnet-{theme}")
    page.context.close()


def take_graph(browser: Browser, address: str, theme: str) -> None:
    """Take the dataflow graph of a residual network, as large as it is shown."""
    shown = {"layers_as": "graph", "granularity": "leaf"}
    page = open_page(browser, address, theme, model="digits-resnet", dataset="digits", **shown)
    page.locator(f"#{ids.FLOW_LARGE}").click()
    page.locator(f"#{ids.FLOW_ZOOM}").fill("0.6")
    page.wait_for_function(f"() => !document.getElementById('{ids.FLOW}').innerText.includes('–')")
    settle(page)
    save(page.screenshot(), f"graph-{theme}")
    page.context.close()


def take_compare(browser: Browser, address: str, theme: str) -> None:
    """Take what two classifiers of the photographs have in common: the classes, then the layers."""
    models = {"model": "efficientnet-lite0", "compare": "mobilenetv2"}
    page = open_page(browser, address, theme, dataset="photos", granularity="stage", **models)
    page.locator(".ce-compare-table").first.wait_for()
    page.wait_for_timeout(1500)
    save(page.screenshot(), f"compare-{theme}")
    page.get_by_role("tab", name="Layers and channels").click()
    box = page.locator(f"#{ids.COMPARE_MAP} .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.95, box["y"] + box["height"] * 0.95)
    page.locator(f"#{ids.COMPARE_CHANNELS} .ce-chip").first.wait_for()
    page.wait_for_timeout(1500)
    save(page.screenshot(), f"cka-{theme}")
    page.context.close()


def take_diffusion(browser: Browser, address: str, theme: str) -> None:
    """Take the latent states of a diffusion model with trajectories, and where classes come apart."""
    page = open_page(
        browser,
        address,
        theme,
        model="digits-diffusion",
        dataset="diffusion-digits",
        layer=["down_blocks.2", "up_blocks.2"],
        colour_by="timestep",
        trajectories="on",
    )
    save(page.screenshot(), f"diffusion-{theme}")
    page.locator(f"#{ids.MEASURES_OPEN}").click()
    page.get_by_role("tab", name="Layers × timesteps").click()
    page.locator(f"#{ids.APART_GRAPH} .heatmaplayer image").first.wait_for()
    page.wait_for_timeout(1500)
    save(page.screenshot(), f"timesteps-{theme}")
    page.context.close()


def open_page(browser: Browser, address: str, theme: str, **selection: str | list[str]) -> Page:
    """Open the page of a selection and wait until it has been computed."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    page.set_default_timeout(LIMIT_MILLISECONDS)
    page.goto(f"{address}?{urlencode(selection, doseq=True)}")
    settle(page)
    return page


def settle(page: Page) -> None:
    """Wait until nothing is computed or drawn any more."""
    page.wait_for_function(SETTLED)
    page.wait_for_function(LOADED)
    page.wait_for_timeout(1500)


def lasso(page: Page, graph: Locator, number: int) -> None:
    """Draw a lasso around the middle of a class, by its number."""
    place = graph.locator(".js-plotly-plot").evaluate(CLUSTER, number)
    corners = [(place["x"] + place["radius"] * x, place["y"] + place["radius"] * y) for x, y in CIRCLE]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    page.mouse.move(1, 1)


def save(picture: bytes, name: str) -> None:
    """Write a picture as PNG with 256 colours: a third of the size, and no colour is far from its own."""
    target = IMAGES / f"{name}.png"
    with Image.open(io.BytesIO(picture)) as opened:
        reduced = opened.convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
        reduced.save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
