"""From the command to the first answer and to the first painted view; what a web process weighs.

Each run starts ``channelexplorer serve --demo`` twice on a store of its own: once empty, where the demo's
layers have to be computed first, and once filled by the start before, whose engine has ended by then.
Chromium is running before the clock starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser

from benchmarks.chromium import chromium
from benchmarks.harness import Claim
from benchmarks.serving import serving

RUNS = 5
LIMIT_SECONDS = 120.0

# A trace with points, in a graph that plotly has drawn; its marks are there as SVG or as a WebGL canvas.
PAINTED = """() => [...document.querySelectorAll('.ce-graph-scatterplot .js-plotly-plot')].some(graph =>
    (graph.data || []).some(trace => (trace.x?.length || trace.x?._inputArray?.length || trace.x?.bdata))
    && graph.querySelector('.scatterlayer .point, .gl-canvas'))"""

IMPORT = """
import sys, time
began = time.perf_counter()
import channelexplorer_dash.wsgi
seconds = time.perf_counter() - began
print(seconds, *(name for name in ("torch", "timm", "torchvision") if name in sys.modules))
"""


@dataclass(frozen=True)
class Start:
    """One start of the server: seconds from the command, and what its processes hold.

    ``resident`` is the largest resident set of a web process in MB, after the view was painted;
    ``torch`` whether any of them has loaded torch.
    """

    answered: float
    painted: float
    resident: float
    torch: bool


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes one run instead of five."""
    empty: list[Start] = []
    filled: list[Start] = []
    imports: list[float] = []
    torch_imported = False
    with chromium() as browser:
        for _ in range(1 if quick else RUNS):
            with tempfile.TemporaryDirectory(prefix="coldstart-") as folder:
                store = Path(folder)
                empty.append(measure_start(browser, store))
                filled.append(measure_start(browser, store))
                seconds, modules = measure_import(store)
            imports.append(seconds)
            torch_imported = torch_imported or bool(modules)
            print(
                f"  answered {empty[-1].answered:.2f} s, painted {empty[-1].painted:.2f} s "
                f"(filled store: {filled[-1].painted:.2f} s), import {seconds:.2f} s",
                flush=True,
            )
    starts = empty + filled
    torch_loaded = torch_imported or any(start.torch for start in starts)
    return [
        Claim(
            "seconds from command to first answered request", median(s.answered for s in starts), 5.0, "lower"
        ),
        Claim(
            "seconds from command to first painted view, empty store",
            median(s.painted for s in empty),
            20.0,
            "lower",
        ),
        Claim(
            "seconds from command to first painted view, filled store",
            median(s.painted for s in filled),
            8.0,
            "lower",
        ),
        Claim("seconds to import the web process's application", median(imports), 2.5, "lower"),
        Claim("MB resident in the largest web process", median(s.resident for s in starts), 300.0, "lower"),
        Claim("web processes that import torch", float(torch_loaded), 0.0, "lower"),
    ]


def measure_start(browser: Browser, store: Path) -> Start:
    """Start the demo on a store, open its page, and stop it again."""
    began = time.perf_counter()
    with serving(store, "--demo") as (process, address):
        _first_answer(address)
        answered = time.perf_counter() - began
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.wait_for_function(PAINTED, polling="raf", timeout=LIMIT_SECONDS * 1000)
        painted = time.perf_counter() - began
        web = _web_processes(process.pid)
        resident = max(p.memory_info().rss for p in web) / 1e6
        torch = any("libtorch" in mapped.path for p in web for mapped in p.memory_maps())
        page.close()
    return Start(answered, painted, resident, torch)


def measure_import(store: Path) -> tuple[float, list[str]]:
    """Import the application in a fresh interpreter: seconds, and which of torch's packages it loaded."""
    environment = {**os.environ, "CHANNELEXPLORER_STORE": str(store)}
    found = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, check=True
    )
    seconds, *modules = found.stdout.split()
    return float(seconds), modules


def _first_answer(address: str) -> None:
    deadline = time.perf_counter() + LIMIT_SECONDS
    while time.perf_counter() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=LIMIT_SECONDS) as answer:
                if answer.status == 200:
                    return
        except ConnectionError:
            time.sleep(0.01)
    raise SystemExit(f"{address} did not answer within {LIMIT_SECONDS:.0f} s.")


def _web_processes(server: int) -> list[psutil.Process]:
    """Return the server and its forks, without the engine, which is a session of its own."""
    parent = psutil.Process(server)
    return [p for p in (parent, *parent.children(recursive=True)) if os.getsid(p.pid) == os.getsid(server)]
