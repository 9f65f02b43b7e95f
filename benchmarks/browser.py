"""From the mouse-up of a lasso to the last linked view painted, in a real Chromium, at up to 50,000 points.

A page of one panel, 2,048 channels wide, is served by gunicorn. A lasso is drawn with the mouse around a part
of the scatterplot; the clock runs from the browser's mouse-up event until the frame after the last change of
any view: the faded points, the outlines of the Jaccard matrix, the heatmap with the marked images first, the
gallery. Chromium draws WebGL in software here, on the same cores as the server.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from benchmarks.chromium import chromium
from benchmarks.harness import Claim
from benchmarks.serving import serving
from benchmarks.wide import LAYER, explored, wide_settings, write_config
from channelexplorer_dash import ids

SIZES = (10_000, 50_000)
QUICK_SIZES = (1_000,)
LASSOS, QUICK_LASSOS = 20, 3
LIMITS = {1_000: 1.0, 10_000: 1.0, 50_000: 1.5}
PATIENCE = 120_000

SETTLED = """() => {
  const busy = '.ce-view.is-waiting, .ce-status.is-busy, .ce-bar.is-unknown, .ce-waiting,'
    + ' ._dash-loading-callback';
  const graphs = [...document.querySelectorAll('.ce-panel .ce-graph .js-plotly-plot')];
  return graphs.length === 4 && !document.querySelector(busy)
    && graphs.every(gd => gd.layout.meta && gd.layout.meta.view);
}"""

# Remembers when the mouse was let go, and when a view was changed last.
WATCH = """(gallery) => {
  const seen = (window.__lasso = { up: 0, last: 0, unpainted: 0 });
  const painted = () => { seen.last = performance.now(); seen.unpainted -= 1; };
  const changed = () => { seen.unpainted += 1; requestAnimationFrame(() => requestAnimationFrame(painted)); };
  window.addEventListener('mouseup', () => (seen.up = performance.now()), true);
  const observer = new MutationObserver(changed);
  const watch = element => observer.observe(element, { childList: true, subtree: true, attributes: true });
  document.querySelectorAll('.ce-panel .js-plotly-plot').forEach(gd => {
    watch(gd);
    ['plotly_afterplot', 'plotly_restyle', 'plotly_redraw'].forEach(name => gd.on(name, changed));
  });
  watch(document.getElementById(gallery));
}"""

CLEARED = "() => { window.__lasso.up = 0; return !document.querySelector('.ce-gallery .ce-image'); }"

# Where one of the points is on the screen, and how large the plot is.
POINT = """(share) => {
  const gd = document.querySelector('.ce-graph-scatterplot .js-plotly-plot');
  const trace = gd._fullData[0], { xaxis, yaxis } = gd._fullLayout, box = gd.getBoundingClientRect();
  const i = Math.floor(share * trace.x.length);
  return [
    box.left + xaxis._offset + xaxis.d2p(trace.x[i]), box.top + yaxis._offset + yaxis.d2p(trace.y[i]),
    Math.min(xaxis._length, yaxis._length),
  ];
}"""

# All linked views say the same number of marked images, and nothing is under way.
LINKED = """(gallery) => {
  const graph = view => document.querySelector('.ce-graph-' + view + ' .js-plotly-plot');
  const count = document.querySelector('#' + gallery + ' .ce-count');
  const chosen = graph('scatterplot')._fullData[0].selectedpoints || [];
  const seen = window.__lasso, shown = count ? count.textContent.replace(/[^0-9]/g, '') : '';
  const all = seen.up && chosen.length && shown === String(chosen.length)
    && graph('heatmap').layout.meta.marked > 0 && (graph('jaccard').layout.shapes || []).length > 0
    && !document.querySelector('._dash-loading-callback');
  const painted = !seen.unpainted && performance.now() - seen.last > 400;
  return all && painted ? [seen.last - seen.up, chosen.length] : false;
}"""


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes three lassos at 1,000 images."""
    claims: list[Claim] = []
    with tempfile.TemporaryDirectory(prefix="browser-") as folder, chromium() as browser:
        for images in QUICK_SIZES if quick else SIZES:
            settings = wide_settings(Path(folder), images)
            with explored(settings):
                pass
            config = write_config(Path(folder), images)
            with serving(settings.store, "--config", str(config)) as (_, address):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                began = time.perf_counter()
                page.goto(f"{address}?layer={quote(LAYER)}&projection=pca")
                page.wait_for_function(SETTLED, timeout=PATIENCE)
                print(f"  {images:,} images: drawn after {time.perf_counter() - began:.1f} s", flush=True)
                claims += measure(page, images, QUICK_LASSOS if quick else LASSOS)
                page.close()
    return claims


def measure(page: Page, images: int, lassos: int) -> list[Claim]:
    """Draw lassos on an open page, and measure each."""
    page.evaluate(WATCH, ids.GALLERY)
    generator = np.random.default_rng(0)
    times = []
    for _ in range(lassos):
        milliseconds, marked = lasso(page, generator)
        times.append(milliseconds / 1e3)
        print(f"    {marked:,} of {images:,} marked: {milliseconds:.0f} ms", flush=True)
    middle, late = np.quantile(times, [0.5, 0.95])
    goal = LIMITS[images]
    return [
        Claim(
            f"{images:,} points: seconds from mouse-up to the last view painted, p50",
            float(middle),
            goal,
            "lower",
        ),
        Claim(f"{images:,} points: the same, p95", float(late), 2 * goal, "lower"),
    ]


def lasso(page: Page, generator: np.random.Generator) -> tuple[float, int]:
    """Draw a circle around some point; return milliseconds and the number of marked images."""
    page.keyboard.press("Escape")
    page.wait_for_function(CLEARED)
    page.wait_for_timeout(500)
    x, y, size = page.evaluate(POINT, float(generator.random()))
    radius = float(generator.uniform(0.05, 0.25)) * size
    angles = np.linspace(0, 2 * math.pi, 16)
    corners = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner)
    page.mouse.up()
    try:
        found = page.wait_for_function(LINKED, arg=ids.GALLERY, timeout=PATIENCE).json_value()
    except PlaywrightTimeoutError as error:
        raise SystemExit(f"The views never agreed after a lasso around {x:.0f}, {y:.0f}.") from error
    return float(found[0]), int(found[1])
