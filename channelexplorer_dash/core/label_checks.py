"""The expected precision of a ranking after what a person has found of some labels, and how sure it is.

The estimate of :mod:`~channelexplorer_dash.core.label_noise` cannot tell an ambiguous image from a wrong
label where both look alike. A person can: some dozens of labels that are spread over the ranking say by how
much the chances are off, and how many more are needed until the expected precision is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray
from channelexplorer_dash.core.label_noise import running_mean

# Labels are checked down to here, as a multiple of how many are expected to be wrong.
_BEYOND = 1.5
# One finding that speaks against a chance of nearly 0 or 1 is to count for no more than against this one.
_LEAST = 0.002
# Chances of 0 and 1 have no logarithm.
_LEAST_OF_ALL = 1e-9
# a, b and c where nothing is found, and how far they may be from there.
_AS_IT_IS, _WIDTHS = np.array([1.0, 1.0, 0.0]), np.array([0.5, 1.0, 1.0])
# Nine in ten values of a normal distribution are within so many standard deviations.
_NINE_IN_TEN = 1.645
WITHIN = 0.05
"""The margin at which the expected precision is taken for known."""
FEWEST = 10
"""Labels of the sample without which it never is."""


@dataclass(frozen=True)
class CheckedRanking:
    """What is expected of the labels of a ranking.

    Attributes
    ----------
    chance
        float64 (N,): that each label is wrong.
    precision
        float64 (N,): the share of wrong labels to be expected among those up to each.
    margin
        float64 (N,): with a probability of nine in ten the precision is off by no more than this.
    checks
        How many labels of the sample were decided.
    """

    chance: DoubleArray
    precision: DoubleArray
    margin: DoubleArray
    checks: int

    @property
    def expected_wrong(self) -> int:
        """How many labels are expected to be wrong; at least 1."""
        return max(1, round(float(self.chance.sum())))

    @property
    def is_known(self) -> bool:
        """Whether the precision is known within 5 points, of as many labels as are expected to be wrong.

        And of half as many, which people look at first; by at least ten labels of the sample, as a chance can
        be off and say that it is not.
        """
        n = self.expected_wrong
        margin = max(self.margin[n - 1], self.margin[(n + 1) // 2 - 1])
        return self.checks >= min(FEWEST, len(self.chance)) and bool(margin <= WITHIN)


def spot_check(chances: DoubleArray, count: int) -> IntArray:
    """Return places in the ranking that say most about the chances, the first few as widely spread as all.

    Parameters
    ----------
    chances
        float64 (N,): that each label is wrong, in the order of the ranking.
    count
        How many places; at least 1.

    Returns
    -------
    numpy.ndarray
        int64 (min(count, N),): each place once. They divide the ranking evenly, down to half as many again as
        are expected to be wrong, and come in the order of their bit-reversed numbers (van der Corput 1935).
    """
    images = len(chances)
    among = min(images, max(count, math.ceil(_BEYOND * float(chances.sum()))))
    count = min(count, among)
    places = (np.arange(count) + 0.5) * among / count
    numbers = np.arange(count)
    reversed_bits = np.zeros(count, np.int64)
    for _ in range(max(count - 1, 1).bit_length()):
        reversed_bits = 2 * reversed_bits + numbers % 2
        numbers //= 2
    return places.astype(np.int64)[np.argsort(reversed_bits, kind="stable")]


def checked_ranking(
    chances: DoubleArray, decided: npt.ArrayLike, wrong: npt.ArrayLike, sample: npt.ArrayLike
) -> CheckedRanking:
    """Return what is expected, given what was found of some labels.

    A label that was decided is wrong or right. Of the others the chance p becomes
    σ(a log p − b log(1 − p) + c), beta calibration (Kull, Silva Filho and Flach 2017), with the a, b and c
    under which what was found of the sample is most likely, and which are drawn to a = b = 1 and c = 0, the
    chance as it is, by normal priors of width ½, 1 and 1: few findings change little. Mistakes at the head of
    the ranking and at its end do not speak for each other. What was found elsewhere, where a person chose to
    look, speaks for itself only.

    The margin is 1.645 standard deviations of the number of wrong labels among the first n, divided by n: of
    a, b and c by Laplace's approximation (MacKay 1992), Σ_i q_i (1 − q_i) e_i of the undecided labels times
    the inverse Hessian times the same, and of the labels themselves, Σ_i q_i (1 − q_i).

    Parameters
    ----------
    chances
        float64 (N,), in the order of the ranking.
    decided
        int64 (n,): which labels were decided, each once.
    wrong
        bool (n,): whether they are wrong.
    sample
        int64: :func:`spot_check`, of which some may be decided.
    """
    places: IntArray = np.asarray(decided, dtype=np.int64)
    findings: BoolArray = np.asarray(wrong, dtype=np.bool_)
    is_sampled = np.isin(places, sample)
    corrected, covariance = chances.copy(), np.diag(_WIDTHS**2)
    if is_sampled.any():
        from scipy.special import expit

        best, covariance = _fitted(chances, places[is_sampled], findings[is_sampled])
        corrected = expit(_evidence(chances, _LEAST_OF_ALL) @ best)
    spread = corrected * (1 - corrected)
    spread[places] = 0.0
    corrected[places] = findings
    moved = np.cumsum(spread[:, None] * _evidence(chances, _LEAST), axis=0)
    variance = np.einsum("ij,jk,ik->i", moved, covariance, moved) + np.cumsum(spread)
    margin = _NINE_IN_TEN * np.sqrt(variance) / np.arange(1, len(chances) + 1)
    return CheckedRanking(
        corrected, running_mean(corrected), np.minimum(margin, 1.0), checks=int(is_sampled.sum())
    )


def _fitted(chances: DoubleArray, places: IntArray, found: BoolArray) -> tuple[DoubleArray, DoubleArray]:
    """Return a, b and c, float64 (3,), and their covariance."""
    from scipy.optimize import minimize
    from scipy.special import expit

    seen = _evidence(chances[places], _LEAST)

    def loss(values: DoubleArray) -> tuple[float, DoubleArray]:
        turned = seen @ values
        unlikely = float(np.logaddexp(0.0, turned).sum() - turned[found].sum())
        moved = (values - _AS_IT_IS) / _WIDTHS
        return unlikely + float(moved @ moved) / 2, (expit(turned) - found) @ seen + moved / _WIDTHS

    # A chance that is larger stays larger.
    bounds = [(0.0, None), (0.0, None), (None, None)]
    best = minimize(loss, _AS_IT_IS, jac=True, method="L-BFGS-B", bounds=bounds).x
    likely = expit(seen @ best)
    hessian = (seen * (likely * (1 - likely))[:, None]).T @ seen + np.diag(_WIDTHS**-2)
    return best, np.linalg.inv(hessian)


def _evidence(chances: DoubleArray, least: float) -> DoubleArray:
    """Return what a, b and c are multiplied by, float64 (n, 3)."""
    some = np.clip(chances, least, 1 - least)
    return np.stack([np.log(some), -np.log1p(-some), np.ones_like(some)], axis=1)
