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
# Chances of 0 and 1 have no logit.
_LEAST = 0.002


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


def corrected_chances(chances: DoubleArray, checked: npt.ArrayLike, wrong: npt.ArrayLike) -> DoubleArray:
    """Return the chances, given what was found of some labels.

    A label that was checked is wrong or right. Of the others the chance p becomes σ(a logit p + b), with the
    a and b under which the findings are most likely (Platt 1999), and which are drawn to a = 1, b = 0, the
    chance as it is, by a normal prior of width 1 each: few findings change little.

    Parameters
    ----------
    chances
        float64 (N,).
    checked
        int64 (n,): which labels were checked, each once.
    wrong
        bool (n,): whether they are wrong.

    Returns
    -------
    numpy.ndarray
        float64 (N,); with nothing checked, the chances as they are.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, logit

    places: IntArray = np.asarray(checked, dtype=np.int64)
    found: BoolArray = np.asarray(wrong, dtype=np.bool_)
    if not len(places):
        return chances
    evidence = logit(np.clip(chances, _LEAST, 1 - _LEAST))
    seen = evidence[places]

    def loss(values: DoubleArray) -> tuple[float, DoubleArray]:
        turned = values[0] * seen + values[1]
        off = expit(turned) - found
        unlikely = float(np.logaddexp(0.0, turned).sum() - turned[found].sum())
        moved = values - [1.0, 0.0]
        return unlikely + float(moved @ moved) / 2, np.array([off @ seen, off.sum()]) + moved

    # A chance that is larger stays larger.
    a, b = minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)]).x
    corrected: DoubleArray = expit(a * evidence + b)
    corrected[places] = found
    return corrected
