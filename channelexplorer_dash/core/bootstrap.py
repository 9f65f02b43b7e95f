"""How well a measure is known: intervals by resampling its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.errors import DatasetError

REPLICATES = 400
COVERAGE = 0.95
GROUPS = 10


@dataclass(frozen=True)
class Interval:
    """A measure, and the interval of 95 % about it; ``None`` where no image could be left out.

    Attributes
    ----------
    value, low, high
        In the measure's own unit.
    """

    value: float
    low: float | None
    high: float | None


def normal_interval(value: float, variance: float) -> Interval:
    """Return the interval of a value whose variance is known, by the normal distribution."""
    from scipy.stats import norm

    reach = float(norm.ppf((1 + COVERAGE) / 2)) * float(np.sqrt(variance))
    return Interval(value, value - reach, value + reach)


def bootstrap(
    contributions: npt.ArrayLike,
    asked: npt.ArrayLike,
    labels: npt.ArrayLike,
    combine: Callable[[DoubleArray], DoubleArray] | None = None,
    seed: int = 0,
) -> Interval:
    """Return the stratified bootstrap interval of a mean over images, or of a function of such means.

    The images stay what they are and are drawn anew, within each class, with replacement: one less than the
    class has, which makes the variance right for classes of a few images (Rao and Wu 1988). Classes of which
    one image was asked are drawn from together. Percentiles of ``REPLICATES`` draws.

    Parameters
    ----------
    contributions
        float (n,) or (n, p): what each asked image contributes.
    asked
        int64 (n,): the label of each of them.
    labels
        int64 (N,): the labels of all images that the asked ones stand for, by which classes are weighted.
    combine
        From means, float64 (R, p), to the measure (R,); None where it is the mean itself.
    seed
        Any integer.
    """
    given = np.asarray(contributions, np.float64).reshape(len(np.asarray(asked)), -1)
    combined = combine or (lambda means: means[:, 0])
    present, stratum, counts = np.unique(asked, return_inverse=True, return_counts=True)
    known, sizes = np.unique(labels, return_counts=True)
    weights = (sizes[np.searchsorted(known, present)] / counts)[stratum]
    # The plain mean where all count alike: exactly 1 where all are right.
    alike = bool((weights == weights[0]).all())
    value = float(combined((given.mean(axis=0) if alike else weights @ given / weights.sum())[None])[0])
    strata = np.where(counts == 1, len(present), np.arange(len(present)))[stratum]
    order = np.argsort(strata, kind="stable")
    _, starts, counts = np.unique(strata[order], return_index=True, return_counts=True)
    if counts.max() == 1:
        return Interval(value, None, None)
    drawn = np.maximum(counts - 1, 1)
    first, width = np.repeat(starts, drawn), np.repeat(counts, drawn)
    # A draw stands for this many images, so that the classes keep their weights.
    scale = np.repeat(counts / drawn, drawn)
    rng = np.random.default_rng(seed % 2**63)
    means = np.empty((REPLICATES, given.shape[1]))
    for replicate in range(REPLICATES):
        rows = order[first + (rng.random(len(first)) * width).astype(np.int64)]
        weight = weights[rows] * scale
        means[replicate] = weight @ given[rows] / weight.sum()
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(combined(means), [tail, 1 - tail])
    # Rounding aside, the value lies between them.
    return Interval(value, min(float(low), value), max(float(high), value))


def jackknife(measure: Callable[[IntArray], float], labels: npt.ArrayLike, seed: int = 0) -> Interval:
    """Return the interval of any measure of images: :func:`jackknives` of one.

    Parameters
    ----------
    measure
        From rows of the images, int64 ascending, to the measure. It may raise DatasetError where they are too
        few: then there is no interval.
    labels
        int64 (N,).
    seed
        Any integer.
    """
    everything = np.arange(len(np.asarray(labels)))
    value = measure(everything)

    def measured(rows: IntArray) -> DoubleArray:
        try:
            return np.array([measure(rows) if len(rows) < len(everything) else value])
        except DatasetError:
            return np.array([np.nan])

    return jackknives(measured, labels, seed)[0]


def jackknives(
    measure: Callable[[IntArray], DoubleArray], labels: npt.ArrayLike, seed: int = 0
) -> list[Interval]:
    """Return the intervals of several measures by leaving out one group of images after the other.

    The images of each class are dealt out to ``GROUPS`` groups at random; an image that is alone in its class
    is in none of them. The variance is (G − 1) / G · Σ_g (θ_g − mean θ)² (Shao and Tu 1995, 2.3), the
    interval θ ± t · √variance, with Student's t for G − 1 degrees of freedom.

    Parameters
    ----------
    measure
        From rows of the images, int64 ascending, to the measures, float64 (p,); NaN for one that they are too
        few for, which then has no interval.
    labels
        int64 (N,).
    seed
        Any integer.

    Returns
    -------
    list of Interval
        One for each of the p measures.
    """
    from scipy.stats import t

    known = np.asarray(labels)
    everything = np.arange(len(known))
    whole = measure(everything)
    group = _dealt(known, seed)
    used = np.unique(group[group >= 0])
    if len(used) < 2:
        return [Interval(float(value), None, None) for value in whole]
    left = np.stack([measure(everything[group != one]) for one in used])
    error = np.sqrt((len(used) - 1) / len(used) * np.square(left - left.mean(axis=0)).sum(axis=0))
    reach = t.ppf((1 + COVERAGE) / 2, len(used) - 1) * error
    return [
        Interval(value, value - width, value + width) if np.isfinite(width) else Interval(value, None, None)
        for value, width in zip(whole.tolist(), reach.tolist(), strict=True)
    ]


def _dealt(labels: IntArray, seed: int) -> IntArray:
    """Return the group of each image, −1 for none."""
    rng = np.random.default_rng(seed % 2**63)
    shuffled = rng.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, ranks, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
    # One deal runs through all classes, so that the groups are of one size.
    group = np.empty(len(labels), np.int64)
    group[order] = np.where(counts[ranks] > 1, np.arange(len(labels)) % GROUPS, -1)
    return group
