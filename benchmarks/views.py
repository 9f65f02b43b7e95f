"""Server time and bytes of every callback, and of what a lasso brings about, at 1,000 to 50,000 images.

The real application answers through Flask's test client, in this process, over a store that the real engine
has filled; a layer has 2,048 channels, a class 50 images. Times are from the request's first byte to the
answer's last, bytes are as sent to a browser (compressed). A lasso is a disc of the scatterplot around a
random image with 1 to 20 % of all; what it brings about is the heatmap and the gallery, one after the
other, though a server of several threads answers them side by side.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from benchmarks.harness import Claim
from benchmarks.requests import ADDRESS
from benchmarks.visit import Visit, lassos
from benchmarks.wide import LAYER, explored, wide_settings
from channelexplorer_dash import create_app, ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.selection import View

SIZES = (1_000, 10_000, 50_000)
QUICK_SIZES = (1_000,)
LIMITS = {1_000: 0.1, 10_000: 0.1, 50_000: 0.25}
RUNS, LASSOS, MEGABYTE = 7, 60, 1e6
LINKED = ("draw_heatmap", "show_gallery")
# Sent once: what follows restyles it. The page is the first answer of all; an export is a file.
FIRST = {"show_page", "draw_scatterplot", "draw_jaccard", "draw_hierarchy", "export_images"}
CHANNEL = {f"{ids.MARKED_CHANNEL}.data": {"layer": LAYER, "channel": 7}}


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes 1,000 images alone."""
    claims: list[Claim] = []
    with tempfile.TemporaryDirectory(prefix="views-") as folder:
        for images in QUICK_SIZES if quick else SIZES:
            began = time.perf_counter()
            with explored(wide_settings(Path(folder), images)) as (explorer, view):
                print(f"  {images:,} images: computed in {time.perf_counter() - began:.0f} s", flush=True)
                claims += measure(explorer, view, images)
    return claims


def measure(explorer: Explorer, view: View, images: int) -> list[Claim]:
    """Measure every callback, then lassos, on one store."""
    app = create_app(explorer)
    visit, client = Visit(app, view), app.server.test_client()
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
    slowest, largest = 0.0, 0
    for name in sorted(visit.outputs):
        body = visit.request(name, **(CHANNEL if name == "show_channel" else {}))
        ask(client, body)
        taken = [ask(client, body) for _ in range(RUNS)]
        seconds, sent = median(one[0] for one in taken), max(one[1] for one in taken)
        print(f"    {name:20} {1e3 * seconds:8.1f} ms {sent / 1e3:9.1f} kB", flush=True)
        slowest = max(slowest, seconds)
        largest = largest if name in FIRST else max(largest, sent)
    times = []
    for marked in lassos(explorer, view, LASSOS):
        changed = {f"{ids.MARKED_IMAGES}.data": marked}
        answers = [ask(client, visit.request(name, **changed)) for name in LINKED]
        times.append(sum(one[0] for one in answers))
        largest = max(largest, *(one[1] for one in answers))
    # A click on a channel recolours the points: a patch of what is on the page already.
    recoloured = {
        **CHANNEL,
        '{"panel":["MATCH"],"part":"drawn","view":"scatterplot"}.data': drawn(client, visit),
    }
    seconds, sent = ask(client, visit.request("draw_scatterplot", **recoloured))
    print(f"    recoloured           {1e3 * seconds:8.1f} ms {sent / 1e3:9.1f} kB", flush=True)
    largest = max(largest, sent)
    middle, late = np.quantile(times, [0.5, 0.95])
    print(f"    a lasso: p50 {1e3 * middle:.1f} ms, p95 {1e3 * late:.1f} ms", flush=True)
    size = f"{images:,} images"
    return [
        Claim(
            f"{size}: seconds of the linked update after a lasso, p95", float(late), LIMITS[images], "lower"
        ),
        Claim(f"{size}: MB of the largest answer after the first", largest / MEGABYTE, 1.0, "lower"),
        Claim(f"{size}: seconds of the slowest callback, median", slowest, 1.0, "lower"),
    ]


def ask(client: FlaskClient, body: dict[str, Any]) -> tuple[float, int]:
    """Send one callback; return its seconds and the bytes of its answer."""
    began = time.perf_counter()
    answer = client.post(f"/{ADDRESS}", json=body, headers={"Accept-Encoding": "gzip"})
    seconds, sent = time.perf_counter() - began, len(answer.data)
    if answer.status_code not in {200, 204}:
        raise SystemExit(f"{body['output']} answered {answer.status}: {answer.text[:200]}")
    return seconds, sent


def drawn(client: FlaskClient, visit: Visit) -> str:
    """Return what the page remembers of the positions that are drawn."""
    answer = client.post(f"/{ADDRESS}", json=visit.request("draw_scatterplot"))
    response = json.loads(answer.text)["response"]
    (found,) = (part["data"] for part in response.values() if "data" in part)
    return str(found)
