"""Active sets, their overlap by class, and the similarity of all pairs at 50,000 images × 2,048 channels.

Threads: one, on both sides; active sets and overlap also with a thread for each core, as the engine runs them
(NumPy's sum has no threads). Rivals alternate, and each figure is the ratio of medians.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist, squareform
from threadpoolctl import ThreadpoolController

from benchmarks.harness import Claim
from channelexplorer_dash.core.active import active_sets, unpacked
from channelexplorer_dash.core.arrays import BitArray, FloatArray, IntArray
from channelexplorer_dash.core.jaccard import (
    class_jaccard,
    expected_overlap,
    image_jaccard,
)
from channelexplorer_dash.core.normalise import Scaling, fit_scaling

IMAGES, CHANNELS, CLASSES = 50_000, 2048, 1000
TOP_FRACTION = 0.2
FEW = 2000
"""Images whose similarities SciPy is asked for."""
ROUNDS = 5
TILE = 1024
"""Images a side of a block of pairs, for the product of matrices."""
SIDE = 8192
"""Images whose pairs are timed both ways, in alternation."""

Work = Callable[[], object]


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes a tenth of the images and of the classes."""
    share = 10 if quick else 1
    S, labels = summary(IMAGES // share, CLASSES // share)
    scaling = fit_scaling(S, "minmax")
    print(f"  {len(S):,} images × {CHANNELS:,} channels, {CLASSES // share:,} classes, one thread")
    # Once before the clock starts: compiling, and the pages of the result.
    sets = active_sets(S, TOP_FRACTION, scaling)
    expected_overlap(sets, labels)
    few = np.random.default_rng(1).permutation(len(S))[: FEW // (4 if quick else 1)]
    image_jaccard(sets[few])
    return [
        *closed_form(S, labels, scaling),
        all_pairs(sets, labels),
        few_pairs(sets[few]),
    ]


def summary(n: int, classes: int) -> tuple[FloatArray, IntArray]:
    """Return S and labels as of a layer after ReLU: each class has channels of its own that respond more.

    A tenth of the entries is 0, one channel in forty is 0 everywhere, and values repeat, as they do where
    they come from half precision.
    """
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(n) % classes)
    response = rng.gamma(1.5, 1.0, (classes, CHANNELS)).astype(np.float32)
    scale = rng.lognormal(0.0, 1.0, CHANNELS).astype(np.float32)
    scale[::40] = 0
    S = np.empty((n, CHANNELS), np.float32)
    for first in range(0, n, TILE):
        rows = slice(first, first + TILE)
        noise = rng.standard_normal(S[rows].shape, dtype=np.float32)
        S[rows] = np.maximum(response[labels[rows]] + noise, 0) * scale
        S[rows] = S[rows].astype(np.float16)
    return S, labels


def closed_form(S: FloatArray, labels: IntArray, scaling: Scaling) -> list[Claim]:
    """Time active sets and expected overlap beside passes of NumPy over S."""
    cores = len(os.sched_getaffinity(0))
    # Found once: looking for the libraries takes as long as a pass over S.
    libraries = ThreadpoolController()

    def overlap(threads: int = 1) -> None:
        with libraries.limit(limits=threads):
            sets = active_sets(S, TOP_FRACTION, scaling, threads=threads)
            expected_overlap(sets, labels, threads)

    sets = active_sets(S, TOP_FRACTION, scaling)
    ours, shared, single, double, making, overlapping = alternating(
        [
            overlap,
            lambda: overlap(cores),
            lambda: S.sum(axis=0),
            lambda: S.sum(axis=0, dtype=np.float64),
            lambda: active_sets(S, TOP_FRACTION, scaling),
            lambda: expected_overlap(sets, labels),
        ]
    )
    print(
        f"  active sets and closed-form overlap {ours:.3f} s: sets {making:.3f}, overlap {overlapping:.3f}; "
        f"{cores} threads {shared:.3f} s; S.sum(axis=0) {single:.3f} s "
        f"({S.nbytes / single / 1e9:.1f} GB/s), in double precision {double:.3f} s",
        flush=True,
    )
    what = "active sets and closed-form class overlap"
    return [
        Claim(f"{what}, over the time of S.sum(axis=0)", ours / single, 3.0, "lower"),
        Claim(f"{what}, {cores} threads, over the time of S.sum(axis=0)", shared / single, 3.0, "lower"),
        Claim(f"{what}, over S.sum(axis=0, dtype=float64)", ours / double, 3.0, "lower"),
    ]


def all_pairs(sets: BitArray, labels: IntArray) -> Claim:
    """Time the mean Jaccard of all pairs beside float32 products alone, on the same pairs."""
    some = np.argsort(labels, kind="stable")[: min(SIDE, len(sets))]
    numbers = unpacked(sets[some], CHANNELS).astype(np.float32)
    block = np.empty((TILE, TILE), np.float32)

    def products() -> None:
        # Blocks on and above the diagonal. Every pair in them counts as done, though some are there twice.
        for top in range(0, len(numbers), TILE):
            for left in range(top, len(numbers), TILE):
                rows, columns = numbers[top : top + TILE], numbers[left : left + TILE]
                np.matmul(rows, columns.T, out=block[: len(rows), : len(columns)])

    part = sets[some]
    theirs, ours = alternating([products, lambda: class_jaccard(part, labels[some], np.unique(labels[some]))])
    tiles = -(-len(some) // TILE)
    computed = tiles * (tiles + 1) / 2 * TILE**2
    pairs = len(some) * (len(some) - 1) / 2
    a_product, a_pair = theirs / computed, ours / pairs
    began = time.perf_counter()
    class_jaccard(sets, labels, np.unique(labels))
    whole = time.perf_counter() - began
    every = len(sets) * (len(sets) - 1) / 2
    print(
        f"  {len(some):,} images: {a_pair * 1e9:.1f} ns a pair, product {a_product * 1e9:.1f} ns a pair; "
        f"all {every:.3g} pairs: {whole:.1f} s ({whole / every * 1e9:.1f} ns a pair), "
        f"products alone would take {a_product * every:.0f} s",
        flush=True,
    )
    return Claim("float32 products over mean class Jaccard, a pair", a_product / a_pair, 8.0, "higher")


def few_pairs(sets: BitArray) -> Claim:
    """Time the similarities of a few images beside SciPy's, and compare them."""
    active = unpacked(sets, CHANNELS)
    distances = np.empty(len(sets) * (len(sets) - 1) // 2)
    found = image_jaccard(sets)

    def scipy() -> None:
        pdist(active, "jaccard", out=distances)

    theirs, ours = alternating([scipy, lambda: image_jaccard(sets)])
    worst = float(
        np.abs(found - 1 + squareform(distances)).max(where=~np.eye(len(sets), dtype=bool), initial=0)
    )
    print(
        f"  {len(sets):,} images: {ours * 1e3:.1f} ms, SciPy {theirs:.2f} s; largest difference {worst:.1e}",
        flush=True,
    )
    if worst > 1e-6:
        raise SystemExit("The similarities are not SciPy's.")
    return Claim(f"SciPy's pdist over image_jaccard, {len(sets):,} images", theirs / ours, 100.0, "higher")


def alternating(works: list[Work]) -> list[float]:
    """Return the median seconds of each, done in turn."""
    seconds: npt.NDArray[np.float64] = np.empty((ROUNDS, len(works)))
    for turn in range(ROUNDS):
        for place, work in enumerate(works):
            began = time.perf_counter()
            work()
            seconds[turn, place] = time.perf_counter() - began
    return [median(column) for column in seconds.T.tolist()]
