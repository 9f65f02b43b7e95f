"""What several engine workers bring, and how long a warm worker takes from being asked to beginning.

The same extraction job is done by embedded engines of 1, 2 and 4 worker processes, in turn, each on a new
store and with its workers warm (torch imported, the model built, after a job of one shard for each):
ResNet-18 at 96², whose forward pass takes nearly all of the time. Every worker has one thread for it, so that
the ratio is of processes alone; with two cores, four workers can only be as fast as two.

The latency is from ``Engine.submit`` in this process to the moment at which the worker begins with the task,
as Dask's record of the worker has it: the job board's marker, the sending thread, TLS, the scheduler and the
worker lie between.

Virtual processors may be threads of one core: what two processes of bare convolutions reach is measured too.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness import Claim
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.extraction.engine import Engine, join_file
from channelexplorer_dash.extraction.plan import Derivation, about_key
from channelexplorer_dash.results.answers import Answer, Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings, load_settings
from channelexplorer_dash.store import Kind, Store, digest
from channelexplorer_dash.store.moments import publish_moments

WORKERS = (1, 2, 4)
LAYERS = ("layer1.1", "layer2.1", "layer3.1", "layer4.1")
MODEL = """
[[models]]
name = "resnet18"
source = "timm:resnet18"
[models.preprocessing]
input_size = [3, 96, 96]
[[datasets]]
name = "random"
kind = "arrays"
path = "random.npz"
[[datasets]]
name = "warm"
kind = "arrays"
path = "warm.npz"
"""
SHARD = 256
"""Images of a shard, as by default: the first batch of each is decoded while the model waits."""
LIMIT_SECONDS = 300.0


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes one short job a number of workers, and fewer submissions."""
    seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    images = 512 if quick else 6_144
    latencies: list[float] = []
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        config = datasets(Path(folder), images)
        for turn in range(1 if quick else 5):
            for workers in WORKERS:
                store = Path(folder) / f"store-{turn}-{workers}"
                with warm_engine(store, config, workers) as explorer:
                    seconds[workers].append(job(explorer))
                    if workers == 1:
                        latencies += measure_latency(explorer.settings, 20 if quick else 100)
                print(f"  {workers} workers: {seconds[workers][-1]:.2f} s, {images:,} images", flush=True)
    latencies.sort()
    print(f"  submit to start: p95 {1000 * latencies[int(0.95 * len(latencies))]:.1f} ms", flush=True)
    one, two, four = (median(seconds[workers]) for workers in WORKERS)
    machine = bare_processes(1.0 if quick else 4.0)
    print(
        f"  the job on 1 worker: {one:.2f} s; two bare processes do {machine:.2f} times the work of one",
        flush=True,
    )
    return [
        Claim("2 engine workers, speed over 1", one / two, 1.6, "higher"),
        Claim("the same, over what two bare processes reach", one / two / machine, 0.95, "higher"),
        Claim("4 engine workers on 2 cores, speed over 2", two / four, 0.9, "higher"),
        Claim("median ms from submit to start, warm worker", 1000 * median(latencies), 50.0, "lower"),
    ]


def bare_processes(seconds: float) -> float:
    """Return how much more convolution two processes do at a time than one: what the machine allows."""
    with get_context("spawn").Pool(2) as pool:
        pool.map(convolutions, [seconds / 10] * 2, chunksize=1)
        rounds = [
            (sum(pool.map(convolutions, [seconds] * 2, chunksize=1)), pool.apply(convolutions, [seconds]))
            for _ in range(3)
        ]
    return median(both / alone for both, alone in rounds)


def convolutions(seconds: float) -> int:
    """Return how many convolutions one thread does in some time."""
    import torch

    torch.set_num_threads(1)
    values, kernel = torch.ones(32, 64, 24, 24), torch.ones(64, 64, 3, 3)
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        torch.nn.functional.conv2d(values, kernel)
        done += 1
    return done


def datasets(folder: Path, images: int) -> Path:
    """Write random images of ten classes, and settings that name them and the model; return their file."""
    random = np.random.default_rng(0)
    for name, count in (("random", images), ("warm", max(WORKERS) * SHARD)):
        np.savez(
            folder / f"{name}.npz",
            images=random.integers(0, 256, (count, 28, 28), dtype=np.uint8),
            labels=np.arange(count) % 10,
        )
    config = folder / "random.toml"
    config.write_text(MODEL)
    return config


@contextmanager
def warm_engine(store: Path, config: Path, workers: int) -> Iterator[Explorer]:
    """Start an engine whose workers have all imported torch and done a part of a job."""
    flags = {
        "store": store,
        "engine_workers": workers,
        "threads": 1,
        "shard_size": SHARD,
        "engine_linger_seconds": 0.5,
    }
    explorer = Explorer(load_settings([config], flags=flags, environment=False))
    try:
        settled(lambda: explorer.describe("resnet18"))
        client = join_file(store / "engine")
        assert client is not None
        while not all(client.run(loaded).values()) or len(client.run(loaded)) < workers:
            time.sleep(0.2)
        client.close()
        job(explorer, "warm")
        yield explorer
    finally:
        explorer.close()
        while (store / "engine" / "scheduler.json").exists():
            time.sleep(0.1)


def loaded() -> bool:
    """Tell whether this worker has imported what its first task would have to import."""
    return "channelexplorer_dash.core.moment_loops" in sys.modules


def job(explorer: Explorer, dataset: str = "random") -> float:
    """Return the seconds in which the engine computes four layers of every image."""
    view = View("resnet18", dataset, summary="l2")
    began = time.perf_counter()
    settled(lambda: explorer.compute(view, LAYERS, output=True))
    return time.perf_counter() - began


def measure_latency(settings: Settings, times: int) -> list[float]:
    """Return seconds from submit to the start of the task, for cheap tasks one after the other."""
    store = Store(settings.store)
    engine = Engine(settings, store)
    summary, sample = digest("S"), digest("sample")
    values, labels = np.eye(50, 20, dtype=np.float32), np.arange(50) % 2
    store.publish_record(about_key(summary), {"left_out": [], "non_finite": 0})
    publish_moments(store, summary, class_moments(values, labels))
    store.publish_array(Kind.SUMMARY, summary, values)
    store.publish_array(Kind.ARRAY, sample, np.stack([np.arange(50), labels]))
    client = join_file(settings.store / "engine")
    assert client is not None
    client.get_task_stream()
    asked: dict[str, float] = {}
    for number in range(times):
        plan = Derivation("scaling", "", summary, sample, {"normalisation": "minmax", "number": number})
        asked[plan.key] = time.time()
        engine.submit(plan)
        while not store.has(Kind.ARRAY, plan.key):
            if time.time() - asked[plan.key] > LIMIT_SECONDS:
                raise SystemExit("The engine did not finish.")
            time.sleep(0.002)
        time.sleep(0.02)
    began: dict[str, float] = {}
    for task in client.get_task_stream():
        key = str(task["key"]).removeprefix("run-").partition("-")[0]
        began[key] = min(span["start"] for span in task["startstops"])
    client.close()
    engine.close()
    return [began[key] - then for key, then in asked.items()]


def settled(ask: Callable[[], Answer[Any]]) -> None:
    """Ask again until the answer is there."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if isinstance(ask(), Ready):
            return
        time.sleep(0.1)
    raise SystemExit("The engine did not finish.")
