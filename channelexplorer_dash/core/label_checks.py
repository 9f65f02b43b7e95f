"""The chances that labels are wrong, corrected by what a person has found of some of them.

The estimate of :mod:`~channelexplorer_dash.core.label_noise` cannot tell an ambiguous image from a wrong
label where both look alike. A person can: a few dozen labels that are spread over the ranking say by how much
the chances are off.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray

# Labels are checked down to here, as a multiple of how many are expected to be wrong.
_BEYOND = 1.5
# One finding that speaks against a chance of nearly 0 or 1 is to count for no more than against this one.
_LEAST = 0.002
# Chances of 0 and 1 have no logarithm.
_LEAST_OF_ALL = 1e-9
# a, b and c where nothing is found, and how far they may be from there.
_AS_IT_IS, _WIDTHS = np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.5, 1.0])


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


def corrected_chances(
    chances: DoubleArray, decided: npt.ArrayLike, wrong: npt.ArrayLike, sample: npt.ArrayLike
) -> DoubleArray:
    """Return the chances, given what was found of some labels.

    A label that was decided is wrong or right. Of the others the chance p becomes
    σ(a log p − b log(1 − p) + c), beta calibration (Kull, Silva Filho and Flach 2017), with the a, b and c
    under which what was found of the sample is most likely, and which are drawn to a = b = 1 and c = 0, the
    chance as it is, by normal priors of width ½, ½ and 1: few findings change little. Mistakes at the head of
    the ranking and at its end do not speak for each other. What was found elsewhere, where a person chose to
    look, speaks for itself only.

    Parameters
    ----------
    chances
        float64 (N,).
    decided
        int64 (n,): which labels were decided, each once.
    wrong
        bool (n,): whether they are wrong.
    sample
        int64: :func:`spot_check`, of which some may be decided.

    Returns
    -------
    numpy.ndarray
        float64 (N,).
    """
    places: IntArray = np.asarray(decided, dtype=np.int64)
    findings: BoolArray = np.asarray(wrong, dtype=np.bool_)
    is_sampled = np.isin(places, sample)
    corrected = chances.copy()
    if is_sampled.any():
        corrected = _fitted(chances, places[is_sampled], findings[is_sampled])
    corrected[places] = findings
    return corrected


def _fitted(chances: DoubleArray, places: IntArray, found: BoolArray) -> DoubleArray:
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
    fitted: DoubleArray = expit(_evidence(chances, _LEAST_OF_ALL) @ best)
    return fitted


def _evidence(chances: DoubleArray, least: float) -> DoubleArray:
    """Return what a, b and c are multiplied by, float64 (n, 3)."""
    some = np.clip(chances, least, 1 - least)
    return np.stack([np.log(some), -np.log1p(-some), np.ones_like(some)], axis=1)
