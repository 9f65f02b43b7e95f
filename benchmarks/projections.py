"""Components, projections, new images and nearest neighbours of 10,000 and 50,000 images × 2,048 channels.

The images are clusters of many sizes along a decaying spectrum, with noise, like the activations of a deep
layer. One thread does everything, unless OPENBLAS_NUM_THREADS and its like say otherwise. UMAP's first fit,
which compiles, is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Claim
from channelexplorer_dash.core import pca, selecting
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.core.pca import Components, principal_components
from channelexplorer_dash.core.placing import place_new
from channelexplorer_dash.core.projection import COMPONENTS, METHODS, project
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.core.separability import loo_knn_accuracy

CHANNELS, CLASSES, TRAITS = 2048, 100, 64
RUNS, NEW, VOTERS, NEIGHBOURS = 5, 1000, 5000, 5

P = ParamSpec("P")
T = TypeVar("T")
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes 1,000 images, and one run of each."""
    sizes = (1_000,) if quick else (10_000, 50_000)
    runs = 1 if quick else RUNS
    warm = np.random.default_rng(1).random((300, COMPONENTS), dtype=np.float32)
    for method in METHODS:
        place_new(warm, project(warm, method, 0), warm[:5], method)
    loo_knn_accuracy(warm, np.zeros(300, np.int64))
    claims: list[Claim] = []
    for n in sizes:
        S, labels = activations(n + NEW)
        known, new, labels = S[:n], S[n:], labels[:n]
        claims += _components(known, runs)
        claims += _neighbours(known, labels, runs)
        claims += _projections(known, new)
    return claims


def activations(n: int, classes: int = CLASSES) -> tuple[FloatArray, IntArray]:
    """Return float32 (n, 2,048), not negative, and labels."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, classes + 1) ** 0.5
    labels = rng.choice(classes, n, p=shares / shares.sum())
    axes = rng.standard_normal((TRAITS, CHANNELS), dtype=np.float32)
    axes /= np.sqrt(np.arange(1, TRAITS + 1, dtype=np.float32))[:, None]
    centres = rng.standard_normal((classes, TRAITS), dtype=np.float32)
    S = np.empty((n, CHANNELS), np.float32)
    for start in range(0, n, 1000):
        some = labels[start : start + 1000]
        traits = centres[some] + 0.5 * rng.standard_normal((len(some), TRAITS), dtype=np.float32)
        noise = 0.7 * rng.standard_normal((len(some), CHANNELS), dtype=np.float32)
        S[start : start + 1000] = np.abs(traits @ axes + noise + 1)
    return S, labels


def _components(S: FloatArray, runs: int) -> list[Claim]:
    iterated: list[float] = []
    exact: list[float] = []
    for _ in range(runs):
        seconds, found = _timed(principal_components, S, COMPONENTS)
        iterated.append(seconds)
        seconds, expected = _timed(_exact, S)
        exact.append(seconds)
    off = np.abs(found.scores[:, :2] - expected.scores[:, :2]).max() / np.abs(expected.scores[:, :2]).max()
    kept = np.square(found.scores).sum() / np.square(expected.scores).sum()
    ratio = median(exact) / median(iterated)
    print(
        f"  {len(S):,} images: {COMPONENTS} components in {median(iterated):.2f} s, "
        f"by the covariance in {median(exact):.2f} s",
        flush=True,
    )
    size = f"{len(S):,} × {CHANNELS:,}"
    return [
        Claim(f"{size}: seconds for {COMPONENTS} components", median(iterated), 3.0, "lower"),
        Claim(f"{size}: times faster than by the covariance", ratio, 3.0, "higher"),
        Claim(f"{size}: difference of the first two from the exact ones", float(off), 1e-4, "lower"),
        Claim(f"{size}: variance kept, of what is kept by the exact ones", float(kept), 0.98, "higher"),
    ]


def _exact(S: FloatArray) -> Components:
    """Return the components by the covariance, whatever it costs."""
    before, pca.ITERATED = pca.ITERATED, S.size
    try:
        return principal_components(S, COMPONENTS)
    finally:
        pca.ITERATED = before


def _neighbours(S: FloatArray, labels: IntArray, runs: int) -> list[Claim]:
    queries = stratified(labels, min(VOTERS, len(S)), 0)
    products: list[float] = []
    selections: list[float] = []
    for _ in range(runs):
        for start in range(0, len(queries), 500):
            some = queries[start : start + 500]
            left = S[some]
            best = np.full((len(some), NEIGHBOURS + 8), -np.inf, np.float32)
            index = np.zeros(best.shape, np.int32)
            multiply = select = 0.0
            for first in range(0, len(S), 2000):
                seconds, block = _timed(np.matmul, left, S[first : first + 2000].T)
                multiply += seconds
                seconds, _ = _timed(selecting.keep_closest, block, first, some, best, index)
                select += seconds
            products.append(multiply)
            selections.append(select)
            if start >= 1000:
                break
    whole, measured = _timed(loo_knn_accuracy, S, labels, NEIGHBOURS, "cosine", VOTERS)
    near, _ = _timed(nearest_neighbours, np.ascontiguousarray(S[:, :COMPONENTS]), 15, "euclidean")
    print(
        f"  {len(S):,} images: kNN accuracy of {measured.voters:,} voters in {whole:.1f} s: "
        f"{measured.accuracy:.4f} ± {measured.standard_error:.4f}; "
        f"15 neighbours of all by {COMPONENTS} channels in {near:.1f} s",
        flush=True,
    )
    size = f"{len(S):,} × {CHANNELS:,}"
    share = median(selections) / median(products)
    return [
        Claim(f"{size}: seconds for the kNN accuracy by {measured.voters:,} voters", whole, 60.0, "lower"),
        Claim(f"{size}: selecting the nearest, of the time of the products", share, 0.5, "lower"),
        Claim(f"{len(S):,} × {COMPONENTS}: seconds for 15 neighbours of all", near, 20.0, "lower"),
    ]


def _projections(S: FloatArray, new: FloatArray) -> list[Claim]:
    components = principal_components(S, COMPONENTS)
    scores, others = components.scores.astype(np.float32), components.place(new).astype(np.float32)
    goals = {"pca": (1.0, 1.0), "umap": (120.0, 5.0), "tsne": (300.0, 10.0), "mds": (60.0, 5.0)}
    claims = []
    for method in METHODS:
        seconds, positions = _timed(project, scores, method, 0)
        placing, _ = _timed(place_new, scores, positions, others, method)
        print(
            f"  {len(S):,} images by {method}: {seconds:.2f} s, {len(new):,} new ones {placing:.2f} s",
            flush=True,
        )
        most, most_new = goals[method]
        claims.append(Claim(f"{len(S):,} images: seconds for {method}", seconds, most, "lower"))
        claims.append(
            Claim(
                f"{len(S):,} images: seconds to place {len(new):,} more by {method}",
                placing,
                most_new,
                "lower",
            )
        )
    return claims


def _timed(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> tuple[float, T]:
    began = time.perf_counter()
    result = function(*arguments, **named)
    return time.perf_counter() - began, result
