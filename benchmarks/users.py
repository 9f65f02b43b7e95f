"""Twenty people at once against gunicorn, on this machine: requests a second, latency, errors.

The Procfile's server (two workers of eight threads) and its store of 10,000 images × 2,048 channels answer
twenty people, each with a connection of their own, who open the page, its three views and the profile, then
mark images and channels again and again, without a pause to think. The load is bounded, goes to the
loopback interface alone, and comes from one process on the same cores.
"""

from __future__ import annotations

import gzip
import http.client
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.harness import Claim
from benchmarks.requests import ADDRESS
from benchmarks.serving import serving
from benchmarks.visit import Visit, lassos
from benchmarks.wide import LAYER, explored, wide_settings, write_config
from channelexplorer_dash import create_app, ids

PEOPLE = 20
IMAGES, QUICK_IMAGES = 10_000, 1_000
ROUNDS, QUICK_ROUNDS = 15, 2
OPENING = ("show_page", "show_sample", "show_profile", "poll", "draw_scatterplot", "draw_jaccard")
LOOKING = ("draw_heatmap", "show_gallery", "show_channel", "poll", "show_jobs")


class Person(threading.Thread):
    """One person: a connection, and what to ask over it."""

    def __init__(self, address: str, bodies: list[bytes], start: threading.Barrier) -> None:
        super().__init__()
        self._address, self._bodies, self._barrier = urlsplit(address), bodies, start
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def run(self) -> None:
        """Ask one thing after the other."""
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        self._barrier.wait()
        for body in self._bodies:
            began = time.perf_counter()
            try:
                connection.request("POST", f"/{ADDRESS}", body, headers)
                answer = connection.getresponse()
                said = answer.read()
                self.seconds.append(time.perf_counter() - began)
                if answer.status not in {200, 204} or _is_notice(answer, said):
                    self.errors.append(f"{answer.status} {said[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
        connection.close()


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes 1,000 images and two rounds."""
    images, rounds = (QUICK_IMAGES, QUICK_ROUNDS) if quick else (IMAGES, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="users-") as folder:
        settings = wide_settings(Path(folder), images)
        with explored(settings) as (explorer, view):
            visit = Visit(create_app(explorer), view)
            # Not two people mark the same images.
            marked = [list(lassos(explorer, view, rounds, seed)) for seed in range(PEOPLE)]
        requests = [_requests(visit, own, seed) for seed, own in enumerate(marked)]
        with serving(settings.store, "--config", str(write_config(Path(folder), images))) as (_, address):
            began = time.perf_counter()
            people = _people(address, requests)
            seconds = time.perf_counter() - began
    times = [one for person in people for one in person.seconds]
    errors = [error for person in people for error in person.errors]
    for error in errors[:5]:
        print(f"    {error}")
    middle, late = np.quantile(times, [0.5, 0.95])
    print(f"  {len(times):,} requests in {seconds:.1f} s: p50 {middle:.3f} s, p95 {late:.3f} s", flush=True)
    return [
        Claim(f"{PEOPLE} people: requests a second", len(times) / seconds, 20.0, "higher"),
        Claim(f"{PEOPLE} people: seconds to an answer, p95", float(late), 2.0, "lower"),
        Claim(f"{PEOPLE} people: errors", float(len(errors)), 0.0, "lower"),
    ]


def _requests(visit: Visit, marked: list[str], seed: int) -> list[bytes]:
    asked = [visit.request(name) for name in OPENING]
    for turn, images in enumerate(marked):
        changed: dict[str, Any] = {
            f"{ids.MARKED_IMAGES}.data": images,
            f"{ids.MARKED_CHANNEL}.data": {"layer": LAYER, "channel": (131 * seed + turn) % 2048},
        }
        asked += [visit.request(name, **changed) for name in LOOKING]
    return [json.dumps(body).encode() for body in asked]


def _people(address: str, requests: list[list[bytes]]) -> list[Person]:
    start = threading.Barrier(len(requests))
    people = [Person(address, own, start) for own in requests]
    for person in people:
        person.start()
    for person in people:
        person.join()
    return people


def _is_notice(answer: http.client.HTTPResponse, said: bytes) -> bool:
    """Whether the page would show an error: a callback's own failure is answered with 200 and a notice."""
    text = gzip.decompress(said) if answer.headers.get("Content-Encoding") == "gzip" else said
    return f'"{ids.NOTICE}"'.encode() in text
