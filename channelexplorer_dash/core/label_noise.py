"""How many of the labels are wrong, and how many of the first n of a ranking: by wrong labels that are known.

Every image is called by other names than its own, one image at a time: what the ranking makes of these known
mistakes shows what it makes of the unknown ones. As the scores of an image do not depend on its own label,
none of them has to be computed anew, and no flip disturbs the others.

The names are drawn as mistakes seem to happen in these labels. An image is clear if its best class is at
least 70 % as far above the second as that of a very clear image of the class (the 90th percentile). Among the
clear images the labels are counted, as in confident learning's joint (Northcutt et al. 2021, section 3): a
label that is not the best class is taken as wrong there. Their share is η, and the pairs of classes say which
mistakes are made. This presumes that mistakes strike clear and unclear images alike.

With F(t) the share of the images, and G(t) the share of the known mistakes, that score at least t: F is a
mixture (1 − η) F₀ + η F₁ of right and wrong labels, and G = (1 − ηρ) F₁ + ηρ F₀, as a known mistake that
strikes a wrong label may put it right, with a chance ρ. Hence F₁ = ((1 − η) G − ηρ F) / (1 − η − ηρ), and the
label of an image of score t is wrong with the chance η f₁(t) / f(t) (as in learning from positive and
unlabelled examples, Elkan and Noto 2008). This is made to fall along the ranking (isotonic regression, Ayer
et al. 1955), and multiplied so that, with no chance above 1, the chances add up to ηN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.label_scores import two_largest

CLEAR = 0.7
"""How far a clear image's best class is above the second, as a share of that of a very clear image."""
_VERY_CLEAR = 0.9
_MOST_WRONG = 0.75
_LEAST_DIVISOR = 0.1
_BISECTIONS = 60


@dataclass(frozen=True)
class Noise:
    """What seems to be wrong with the labels.

    Attributes
    ----------
    share
        η, of the labels that are wrong.
    pairs
        float64 (K, K): [given, true], chance of each pair among the wrong labels; the diagonal is 0.
    """

    share: float
    pairs: DoubleArray


def estimate_noise(agreed: FloatArray, codes: IntArray) -> Noise:
    """Return the share and the kinds of wrong labels among the clear images.

    Parameters
    ----------
    agreed
        float32 (N, K), K at least 2: class scores less thresholds, of all ways and layers together.
    codes
        int64 (N,).
    """
    images, classes = agreed.shape
    top, first, second = two_largest(agreed, 0.0)
    clear = _clearest(top, first - second)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (codes[clear], top[clear]), 1)
    by_truth = counts / np.maximum(counts.sum(axis=0), 1) * (np.bincount(top, minlength=classes) / images)
    np.fill_diagonal(by_truth, 0.0)
    share = min(float(by_truth.sum()), _MOST_WRONG)
    # Half an image more, spread evenly: no mistake is impossible.
    pairs = by_truth + 0.5 / max(len(clear), 1) / (classes * (classes - 1))
    np.fill_diagonal(pairs, 0.0)
    return Noise(share, pairs / pairs.sum())


def wrong_chances(
    scores: DoubleArray, codes: IntArray, flips: IntArray, flipped: DoubleArray, noise: Noise
) -> DoubleArray:
    """Return the chance that each image's label is wrong.

    Parameters
    ----------
    scores
        float64 (N,): the higher, the more suspicious.
    codes
        int64 (N,).
    flips, flipped
        int64 and float64 (N, A): other labels of each image, and the scores that it has with them.
    noise
        :func:`estimate_noise`.

    Returns
    -------
    numpy.ndarray
        float64 (N,), falling along the ranking; their sum is about η N.
    """
    images = len(scores)
    order = np.argsort(-scores, kind="stable")
    counts = np.bincount(codes, minlength=len(noise.pairs))
    weights = (noise.pairs[flips, codes[:, None]] / counts[codes][:, None]).ravel()
    back = min(float((noise.pairs * noise.pairs.T / (np.maximum(counts, 1)[:, None] / images)).sum()), 1.0)
    known = _share_above(scores[order], flipped.ravel(), weights)
    # Of equal scores, all have the share that the last of them has.
    ranked = np.searchsorted(-scores[order], -scores[order], "right") / images
    eta = noise.share
    divisor = 1 - eta - eta * back
    wrong = ((1 - eta) * known - eta * back * ranked) / divisor if divisor > _LEAST_DIVISOR else known
    mass = np.diff(np.clip(wrong, 0.0, 1.0) * eta * images, prepend=0.0)
    chances = np.empty(images)
    chances[order] = _filled(_falling(mass), eta * images)
    return chances


def expected_precision(scores: DoubleArray, chances: DoubleArray) -> DoubleArray:
    """Return, for each image, which share of the labels up to it in the ranking is wrong, float64 (N,)."""
    order = np.argsort(-scores, kind="stable")
    precision = np.empty(len(scores))
    precision[order] = np.cumsum(chances[order]) / np.arange(1, len(scores) + 1)
    return np.clip(precision, 0.0, 1.0)


def _clearest(top: IntArray, clarity: DoubleArray) -> IntArray:
    """Return the clear images of each class."""
    order = np.lexsort((clarity, top))
    _, starts, counts = np.unique(top[order], return_index=True, return_counts=True)
    very_clear = clarity[order][starts + np.ceil(_VERY_CLEAR * (counts - 1)).astype(np.int64)]
    kept: BoolArray = clarity[order] >= CLEAR * np.repeat(very_clear, counts)
    return order[kept]


def _share_above(thresholds: DoubleArray, scores: DoubleArray, weights: DoubleArray) -> DoubleArray:
    """Return the share of the weight that lies at or above each threshold."""
    order = np.argsort(-scores, kind="stable")
    cumulated = np.concatenate([[0.0], np.cumsum(weights[order])])
    total = cumulated[-1] or 1.0
    found: DoubleArray = cumulated[np.searchsorted(-scores[order], -thresholds, "right")] / total
    return found


def _falling(mass: DoubleArray) -> DoubleArray:
    """Return the nearest falling sequence, by least squares."""
    from sklearn.isotonic import isotonic_regression

    return np.asarray(isotonic_regression(mass, y_min=0.0, increasing=False), dtype=np.float64)


def _filled(mass: DoubleArray, total: float) -> DoubleArray:
    """Return min(1, c · mass) with the least c ≥ 1 for which this adds up to ``total``, if there is one."""
    low, high = 1.0, 1e6
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(low * high))
        if np.minimum(1.0, middle * mass).sum() < total:
            low = middle
        else:
            high = middle
    return np.minimum(1.0, low * mass)
