"""Separability measures of 50,000 images × 2,048 channels in 1,000 classes, beside scikit-learn's.

The images are those of ``projections``: clusters of many sizes along a decaying spectrum, with noise. One
thread does everything, unless OPENBLAS_NUM_THREADS and its like say otherwise. What compiles has run before.

scikit-learn's silhouette compares all pairs of images, a block of rows after the other: its time at the full
size is that of its first block times the number of blocks. Of fewer images both are run as a whole. Memory
is the most that the process holds while ours run, beyond what it held before, looked at every 3 ms.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics
from sklearn.feature_selection import f_classif
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.metrics.cluster._unsupervised import _silhouette_reduce

from benchmarks.harness import Claim
from benchmarks.projections import activations
from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.anova import anova
from channelexplorer_dash.core.bootstrap import bootstrap
from channelexplorer_dash.core.centroids import centroid_measures
from channelexplorer_dash.core.cka import linear_cka
from channelexplorer_dash.core.collapse import simplex_gaps, within_class_variability
from channelexplorer_dash.core.dispersion import calinski_harabasz, davies_bouldin
from channelexplorer_dash.core.gdv import discrimination_value
from channelexplorer_dash.core.hubness import hubness, occurrences
from channelexplorer_dash.core.jaccard import active_frequencies
from channelexplorer_dash.core.moments import ClassMoments, class_moments
from channelexplorer_dash.core.neighbourhood import neighbourhood
from channelexplorer_dash.core.normalise import fit_scaling
from channelexplorer_dash.core.picture import trustworthiness
from channelexplorer_dash.core.probe import ridge_probe
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.core.scorecard import scorecard
from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.core.silhouette import silhouettes

RUNS = 5
SAMPLE, PICTURED = 5000, 3000
MEMORY_GB = 2.0

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Size:
    """How much is measured: images, classes, and the images on which scikit-learn compares all pairs."""

    images: int
    classes: int
    compared: int
    runs: int

    def __str__(self) -> str:
        return f"{self.images:,} × 2,048"


@dataclass(frozen=True)
class Beside:
    """A measure that scikit-learn has, too: ours and theirs of the same images, and how much faster to be."""

    name: str
    ours: Callable[[FloatArray, IntArray, ClassMoments], float]
    theirs: Callable[[FloatArray, IntArray], float]
    goal: float


BESIDE = (
    Beside("Davies–Bouldin, with the stored moments", davies_bouldin, metrics.davies_bouldin_score, 5),
    Beside(
        "Davies–Bouldin, from the images alone",
        lambda S, labels, _: davies_bouldin(S, labels),
        metrics.davies_bouldin_score,
        2,
    ),
    Beside(
        "Calinski–Harabasz, with the stored moments",
        lambda _S, _labels, moments: calinski_harabasz(moments),
        metrics.calinski_harabasz_score,
        5,
    ),
    Beside(
        "Calinski–Harabasz, from the images alone",
        lambda S, labels, _: calinski_harabasz(class_moments(S, labels)),
        metrics.calinski_harabasz_score,
        2,
    ),
    Beside(
        "F of all channels, with the stored moments",
        lambda _S, _labels, moments: float(anova(moments).f.sum()),
        lambda S, labels: float(f_classif(S, labels)[0].sum()),
        5,
    ),
    Beside(
        "F of all channels, from the images alone",
        lambda S, labels, _: float(anova(class_moments(S, labels)).f.sum()),
        lambda S, labels: float(f_classif(S, labels)[0].sum()),
        2,
    ),
)
"""Compared at the full size. The store has the moments of every class and channel, taken as S was made."""


@dataclass
class Watch:
    """Seconds of what ran, and the most memory that was held, in bytes beyond the start."""

    silent: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    peak: dict[str, int] = field(default_factory=dict)

    def run(self, name: str, measure: Callable[[], Any]) -> Any:
        """Run once, keep time and peak under a name, and print both."""
        with _held() as most:
            began = time.perf_counter()
            found = measure()
            self.seconds[name] = time.perf_counter() - began
        self.peak[name] = most[0]
        if not self.silent:
            print(f"  {name}: {self.seconds[name]:.2f} s, {most[0] / 1e9:.2f} GB", flush=True)
        return found


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes 2,000 images in 100 classes, and one run of each."""
    size = Size(2_000, 100, 1_000, 1) if quick else Size(50_000, 1_000, 8_000, RUNS)
    S, labels = activations(size.images, size.classes)
    _warm(S, labels)
    watch = Watch()
    _ours(watch, S, labels)
    claims = [
        Claim(f"{size}: seconds for {name}", seconds, 60.0, "lower")
        for name, seconds in watch.seconds.items()
    ]
    most = max(watch.peak.values()) / 1e9
    claims.append(Claim(f"{size}: GB held beyond the images, at most", most, MEMORY_GB, "lower"))
    claims += _silhouettes(S, labels, size)
    claims += [_compared(beside, S, labels, size) for beside in BESIDE]
    return [*claims, _trusted(S, labels, size)]


def _warm(S: FloatArray, labels: IntArray) -> None:
    """Compile, and find the libraries' first-time costs."""
    _ours(Watch(silent=True), S[:500], labels[:500] % 20)
    metrics.silhouette_score(S[:200], labels[:200])


def _ours(watch: Watch, S: FloatArray, labels: IntArray) -> None:
    moments = watch.run("moments of the classes", lambda: class_moments(S, labels))
    sample = stratified(labels, SAMPLE, 0)
    some, named = S[sample], labels[sample]
    found = watch.run(
        "nearest class mean, left out, with squared silhouette and all pairs of classes",
        lambda: centroid_measures(S, labels, moments),
    )
    watch.run("silhouette, exact", lambda: silhouettes(S, labels, None, moments))
    watch.run("Davies–Bouldin, of known moments", lambda: davies_bouldin(S, labels, moments))
    watch.run("Calinski–Harabasz, of known moments", lambda: calinski_harabasz(moments))
    watch.run("ridge probe, left out", lambda: ridge_probe(S, labels))
    watch.run("NC1", lambda: within_class_variability(S, labels, moments))
    watch.run("NC2", lambda: simplex_gaps(moments))
    asked = f"{len(sample):,} asked"
    watch.run(f"kNN accuracy, {asked}", lambda: loo_knn_accuracy(S, labels, 5, "cosine", SAMPLE))
    watch.run(f"Thornton index and N2, {asked}", lambda: neighbourhood(S, labels, sample))
    watch.run(f"hubness of {len(sample):,}", lambda: hubness(occurrences(some)))
    watch.run(f"discrimination value of {len(sample):,}", lambda: discrimination_value(some, named))
    watch.run(f"CKA of two layers by {len(sample):,}", lambda: linear_cka(some, some[:, ::2]))
    scaling = fit_scaling(S, "minmax")
    _, active = active_frequencies(active_sets(S, 0.2, scaling), labels, S.shape[1])
    watch.run("scorecard", lambda: scorecard(lambda part: S[:, part], labels, moments, active))
    watch.run("interval of a mean over all", lambda: bootstrap(found.right_left_out, labels, labels))


def _silhouettes(S: FloatArray, labels: IntArray, size: Size) -> list[Claim]:
    some = stratified(labels, size.compared, 0)
    part, named = S[some], labels[some]
    mixed = np.random.default_rng(0).permutation(named)
    runs = min(size.runs, 3)
    apart, difference = _silhouettes_of(part, named, runs)
    together, _ = _silhouettes_of(part, mixed, runs)
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(_timed(lambda: float(silhouettes(S, labels).mean()))[0])
        theirs.append(_one_block(S, labels))
    whole, seconds = median(theirs), median(ours)
    print(
        f"  silhouette of {size.images:,}: ours {seconds:.1f} s, scikit-learn's {whole:,.0f} s, "
        "from one block of rows",
        flush=True,
    )
    shown = f"{len(part):,} × 2,048"
    faster = "silhouette, times faster than scikit-learn's"
    return [
        Claim(f"{size}: {faster}, extrapolated", whole / seconds, 20, "higher"),
        Claim(f"{shown}: {faster}", apart, 1, "higher"),
        Claim(f"{shown}, labels shuffled: {faster}", together, 1, "higher"),
        Claim(f"{shown}: silhouette, difference to scikit-learn's", difference, 1e-5, "lower"),
    ]


def _silhouettes_of(S: FloatArray, labels: IntArray, runs: int) -> tuple[float, float]:
    """Return how many times faster ours is, and the difference of the two."""
    ours, theirs = [], []
    for _ in range(runs):
        spent, found = _timed(lambda: float(silhouettes(S, labels).mean()))
        ours.append(spent)
        spent, expected = _timed(lambda: float(metrics.silhouette_score(S, labels)))
        theirs.append(spent)
    print(
        f"  silhouette of {len(S):,}: ours {median(ours):.2f} s, scikit-learn's {median(theirs):.2f} s",
        flush=True,
    )
    return median(theirs) / median(ours), abs(found - expected)


def _one_block(S: FloatArray, labels: IntArray) -> float:
    """Return what scikit-learn's silhouette takes, from its first block of rows."""
    _, ranks, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rows = 0

    def reduce(block: FloatArray, start: int) -> Any:
        nonlocal rows
        rows = len(block)
        return _silhouette_reduce(block, start, labels=ranks, label_freqs=counts)

    began = time.perf_counter()
    next(metrics.pairwise_distances_chunked(S, reduce_func=reduce))
    return (time.perf_counter() - began) * len(S) / rows


def _compared(beside: Beside, S: FloatArray, labels: IntArray, size: Size) -> Claim:
    ours, theirs = [], []
    moments = class_moments(S, labels)
    for _ in range(size.runs):
        ours.append(_timed(lambda: beside.ours(S, labels, moments))[0])
        theirs.append(_timed(lambda: beside.theirs(S, labels))[0])
    print(f"  {beside.name}: ours {median(ours):.2f} s, scikit-learn's {median(theirs):.2f} s", flush=True)
    ratio = median(theirs) / median(ours)
    return Claim(f"{size}: {beside.name}, times faster than scikit-learn's", ratio, beside.goal, "higher")


def _trusted(S: FloatArray, labels: IntArray, size: Size) -> Claim:
    some = stratified(labels, PICTURED, 0)
    part, xy = S[some], np.ascontiguousarray(S[some, :2])
    ours, theirs = [], []
    for _ in range(min(size.runs, 3)):
        ours.append(_timed(lambda: float(trustworthiness(part, xy).mean()))[0])
        theirs.append(_timed(lambda: float(sklearn_trustworthiness(part, xy)))[0])
    print(f"  trustworthiness: ours {median(ours):.2f} s, scikit-learn's {median(theirs):.2f} s", flush=True)
    ratio = median(theirs) / median(ours)
    return Claim(f"{len(part):,} × 2,048: trustworthiness, times faster", ratio, 1, "higher")


def _timed(measure: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    found = measure()
    return time.perf_counter() - began, found


@contextmanager
def _held() -> Iterator[list[int]]:
    """Yield a list whose one entry becomes the most bytes held beyond those at the start."""
    page, file = os.sysconf("SC_PAGE_SIZE"), Path("/proc/self/statm")
    over = threading.Event()
    before = int(file.read_text(encoding="ascii").split()[1])
    most = [0]

    def look() -> None:
        while True:
            now = int(file.read_text(encoding="ascii").split()[1])
            most[0] = max(most[0], (now - before) * page)
            if over.wait(0.003):
                return

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield most
    finally:
        over.set()
        watching.join()
