"""The page as a person meets it: looked at through its DOM and its figures, driven by mouse and keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Locator, Page

from channelexplorer_dash import ids
from channelexplorer_dash.selection import Selection
from tests.browser.watching import Watch

T = TypeVar("T")

PATIENCE_SECONDS = 90.0
VIEWS = ("scatterplot", "jaccard", "heatmap")

# All open panels are computed and drawn in the room that they have, and the profile is complete.
SETTLED = """() => {
  const busy = '.ce-view.is-waiting, .ce-status.is-busy, .ce-bar.is-unknown, .ce-waiting,'
    + '._dash-loading-callback';
  const drawn = graph => {
    const gd = graph.querySelector('.js-plotly-plot');
    return Boolean(gd && gd._fullLayout && gd.layout.meta && gd.layout.meta.view)
      && Math.abs(gd.clientHeight - gd._fullLayout.height) < 2;
  };
  const graphs = [...document.querySelectorAll('.ce-panel .ce-graph')];
  return graphs.length > 0 && document.querySelector('.ce-layer') !== null
    && document.querySelector(busy) === null && graphs.every(drawn);
}"""

# What a figure shows of the marks, read from what Plotly was given and from what it drew.
FIGURE = """(outer) => {
  const gd = outer.querySelector('.js-plotly-plot'), meta = gd.layout.meta || {}, view = meta.view;
  const found = {view: view, n: null};
  const data = gd._fullData;
  if (view === 'scatterplot') {
    const trace = data[0], custom = Array.from(trace.customdata);
    found.type = trace.type;
    found.n = custom.length;
    found.method = meta.method;
    const chosen = trace.selectedpoints;
    found.selected = chosen ? Array.from(chosen, i => custom[i]).sort((a, b) => a - b) : null;
    found.bar = trace.marker.colorbar && trace.marker.showscale ? {
      title: trace.marker.colorbar.title.text,
      vals: Array.from(trace.marker.colorbar.tickvals), text: Array.from(trace.marker.colorbar.ticktext),
    } : null;
    const dots = [...gd.querySelectorAll('.scatterlayer .point')];
    found.faded = dots.filter(dot => Number(getComputedStyle(dot).opacity) < 0.3).length;
    found.dots = dots.length;
  }
  if (view && view.startsWith('jaccard')) {
    const items = view === 'jaccard-images' ? meta.image_ids : meta.classes;
    found.n = items.length;
    found.items = items;
    const shape = (gd.layout.shapes || [])[0];
    found.path = shape ? shape.path : null;
    found.outlines = gd.querySelectorAll('.shapelayer path').length;
  }
  if (view === 'heatmap') {
    found.n = meta.image_ids.length;
    found.images = meta.image_ids;
    found.channels = meta.channels;
    found.marked = meta.marked;
    found.shared = meta.shared;
    found.symbols = Array.from(data.find(trace => trace.name === 'symbols').y || [], Number);
    found.rows = (gd.layout.shapes || []).map(shape => (shape.y0 + shape.y1) / 2);
    const bars = data.find(trace => trace.name === 'statistic');
    found.statistic = bars ? Array.from(bars.x) : [];
    found.edge = Array.from(data.find(trace => trace.name === 'marked-edge').x || []);
  }
  if (view === 'hierarchy') {
    const nodes = data.find(trace => trace.name === 'nodes').customdata;
    found.nodes = Array.from(nodes, ([start, stop]) => meta.leaves.slice(start, stop));
  }
  return found;
}"""

POINTS = """(outer) => {
  const gd = outer.querySelector('.js-plotly-plot'), trace = gd._fullData[0], layout = gd._fullLayout;
  const box = gd.getBoundingClientRect();
  const at = (axis, value, start) => start + axis._offset + axis.d2p(value);
  return {
    images: Array.from(trace.customdata), x: Array.from(trace.x), y: Array.from(trace.y),
    px: Array.from(trace.x, value => at(layout.xaxis, value, box.left)),
    py: Array.from(trace.y, value => at(layout.yaxis, value, box.top)),
    colours: Array.from(trace.marker.color), selections: gd.layout.selections || [],
  };
}"""

# Where position (x, y) of a figure's axes lies on the screen; from then on, the figure keeps what is clicked.
PLACE = """(outer, [x, y, xaxis, yaxis]) => {
  const gd = outer.querySelector('.js-plotly-plot'), layout = gd._fullLayout;
  const box = gd.getBoundingClientRect();
  const horizontal = layout[xaxis], vertical = layout[yaxis];
  gd._hit = null;
  gd.once('plotly_click', event => {
    const point = event.points[0];
    gd._hit = [Number(point.x), Number(point.y)];
  });
  return [
    Math.round(box.left + horizontal._offset + horizontal.l2p(x)),
    Math.round(box.top + vertical._offset + vertical.l2p(y)),
  ];
}"""
HIT = "outer => outer.querySelector('.js-plotly-plot')._hit"

NODE = """(outer, labels) => {
  const gd = outer.querySelector('.js-plotly-plot');
  const trace = gd._fullData.find(trace => trace.name === 'nodes');
  const wanted = JSON.stringify([...labels].sort());
  const below = Array.from(trace.customdata, ([start, stop]) => gd.layout.meta.leaves.slice(start, stop));
  const at = below.findIndex(found => JSON.stringify([...found].sort()) === wanted);
  return [trace.x[at], trace.y[at]];
}"""


class Screen:
    """One page of one browser."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.watch = Watch(page, address)

    # Getting there

    def open(self, query: str = "") -> Screen:
        """Open the page of a query and wait until all of it is drawn."""
        self.go(query)
        return self.settle()

    def go(self, query: str = "") -> Screen:
        """Open the page of a query."""
        self.page.goto(self.address + query)
        return self

    def settle(self) -> Screen:
        """Wait until everything that is open is computed and drawn."""
        self.page.wait_for_function(SETTLED, timeout=1000 * PATIENCE_SECONDS)
        return self

    def eventually(self, read: Callable[[], T], expected: T | Callable[[T], bool]) -> T:
        """Read again and again until it is as expected; fail with the last reading where it never is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        good = expected if callable(expected) else lambda found: found == expected
        while not good(found := read()):
            if time.monotonic() > deadline:
                assert found == expected
                raise AssertionError(f"It never came, the last was {found!r}")
            self.page.wait_for_timeout(50)
        return found

    # What is seen

    def query(self) -> str:
        """Return the query of the address, with its ``?``."""
        return f"?{urlsplit(self.page.url).query}"

    def selection(self) -> Selection:
        """Return what the address says is looked at."""
        return Selection.from_query(self.query(), model="", dataset="")

    def panels(self) -> list[str]:
        """Return the layers of the open panels, from top to bottom."""
        titles: list[str] = self.page.locator(".ce-panel-title").all_inner_texts()
        return titles

    def graph(self, view: str, layer: str) -> Locator:
        """Return a view's graph in the panel of a layer."""
        return self.part(view, "graph", layer)

    def part(self, view: str, name: str, panel: str) -> Locator:
        """Return a part of a view by its id."""
        text = json.dumps(ids.part(view, name, panel), sort_keys=True, separators=(",", ":"))
        return self.page.locator(f"[id='{text}']")

    def figure(self, view: str, layer: str) -> dict[str, Any]:
        """Return what a figure shows, as ``FIGURE`` reads it."""
        found: dict[str, Any] = self.graph(view, layer).evaluate(FIGURE)
        return found

    def points(self, layer: str) -> dict[str, Any]:
        """Return image ids, data and screen positions, and colours of a scatterplot's points."""
        found: dict[str, Any] = self.graph("scatterplot", layer).evaluate(POINTS)
        return found

    def gallery(self) -> list[int]:
        """Return the images of the gallery."""
        buttons = self.page.locator(f"#{ids.GALLERY} .ce-image")
        images: list[str] = buttons.evaluate_all("found => found.map(button => button.dataset.markImage)")
        return [int(image) for image in images]

    def marked(self, layers: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the marked images as each part of the page shows them."""
        seen: dict[str, Any] = {"address": list(self.selection().marks.images), "gallery": self.gallery()}
        for layer in layers or self.panels():
            scatter, square = self.figure("scatterplot", layer), self.figure("jaccard", layer)
            heatmap = self.figure("heatmap", layer)
            seen[f"scatterplot {layer}"] = scatter["selected"]
            if scatter["type"] == "scatter":
                seen[f"faded {layer}"] = scatter["faded"]
            seen[f"jaccard {layer}"] = sorted(outlined(square))
            seen[f"heatmap {layer}"] = sorted(heatmap["images"][: heatmap["marked"]])
        return seen

    def expected_marks(
        self, images: Sequence[int], labels: dict[int, int], layers: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return what :meth:`marked` must say when ``images`` are marked."""
        wanted = sorted(images)
        seen: dict[str, Any] = {"address": wanted, "gallery": wanted[:60]}
        for layer in layers or self.panels():
            scatter, square = self.figure("scatterplot", layer), self.figure("jaccard", layer)
            seen[f"scatterplot {layer}"] = wanted or None
            if scatter["type"] == "scatter":
                seen[f"faded {layer}"] = scatter["n"] - len(wanted) if wanted else 0
            items = wanted if square["view"] == "jaccard-images" else {labels[image] for image in wanted}
            seen[f"jaccard {layer}"] = sorted(set(square["items"]) & set(items))
            seen[f"heatmap {layer}"] = wanted
        return seen

    # What is done

    def drag(self, corners: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first corner, move over all others, and let go."""
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in corners[1:]:
            self.page.mouse.move(*corner, steps=3)
        self.page.mouse.up()
        self.page.mouse.move(1, 1)

    def click_cell(
        self, view: str, layer: str, x: float, y: float, axes: tuple[str, str] = ("xaxis", "yaxis")
    ) -> tuple[int, int]:
        """Click the position (x, y) of a figure's axes; return that of the point that was hit.

        Of cells that are hardly larger than a pixel it may be the next one.
        """
        graph = self.graph(view, layer)
        graph.scroll_into_view_if_needed()
        place = graph.evaluate(PLACE, [x, y, *axes])
        self.page.mouse.move(place[0] - 2, place[1])
        self.page.mouse.move(*place)
        self.page.mouse.click(*place)
        hit = self.eventually(lambda: graph.evaluate(HIT), lambda found: found is not None)
        self.page.mouse.move(1, 1)
        return round(hit[0]), round(hit[1])

    def click_node(self, layer: str, labels: Sequence[int]) -> None:
        """Click the node of a hierarchy that joins some classes."""
        x, y = self.graph("hierarchy", layer).evaluate(NODE, list(labels))
        self.click_cell("hierarchy", layer, x, y)


def outlined(square: dict[str, Any]) -> list[int]:
    """Return the items (images or classes) that the outline of a Jaccard view goes around."""
    if square["path"] is None:
        return []
    whole = (-0.5, square["n"] - 0.5)
    found: set[int] = set()
    rows: set[int] = set()
    for box in filter(None, square["path"].replace(" ", "").split("Z")):
        left, top, right, bottom = (
            float(number)
            for number in box.replace("M", "").replace("H", ",").replace("V", ",").split(",")[:4]
        )
        columns = range(round(left + 0.5), round(right + 0.5))
        if (top, bottom) == whole:
            found |= set(columns)
        if (left, right) == whole:
            rows |= set(range(round(top + 0.5), round(bottom + 0.5)))
    assert found == rows, "rows and columns of the same images are outlined"
    return [square["items"][position] for position in found]


def inside(
    x: npt.ArrayLike, y: npt.ArrayLike, polygon: Sequence[tuple[float, float]]
) -> npt.NDArray[np.bool_]:
    """Return which points lie in a polygon: a ray from them crosses its border an odd number of times."""
    px, py = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    found = np.zeros(len(px), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        crosses = (y0 > py) != (y1 > py)
        with np.errstate(divide="ignore", invalid="ignore"):
            found ^= crosses & (px < (x1 - x0) * (py - y0) / (y1 - y0) + x0)
    return found


def distance_to_border(
    x: npt.ArrayLike, y: npt.ArrayLike, polygon: Sequence[tuple[float, float]]
) -> npt.NDArray[np.float64]:
    """Return how far points are from the border of a polygon."""
    points = np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)], axis=1)
    nearest = np.full(len(points), np.inf)
    for first, second in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        start, along = np.asarray(first), np.asarray(second) - np.asarray(first)
        share = np.clip(((points - start) @ along) / max(float(along @ along), 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - start - share[:, None] * along, axis=1))
    return nearest
