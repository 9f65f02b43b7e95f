"""How many of the labels are wrong, and which share of the first n of a ranking: from the labels themselves.

Every image has a true label y that nobody sees, and a given one g. Class scores z of an image come from other
images, not from its own label, so that given the image the two are told apart by how often they differ:

- p(y | image) ∝ exp(b_y − a (δ_y / s)^1.5), with δ_y = max_k z_k − z_y: a clear image is of one class, and
  an ambiguous one of several. s is the spread of all scores. The power lets the chance of a class far behind
  vanish faster than a softmax does (power 1), which explains evenly spread mistakes as ambiguity.
- T[g, y] = P(given g | true y) is the same for clear and for ambiguous images: noise of the labels.

P(g | image) = Σ_y T[g, y] p(y | image) is made as likely as it can be (expectation and maximisation,
Dempster, Laird and Rubin 1977; of two such factors, Dawid and Skene 1979, Raykar et al. 2010), which
separates the two: ambiguity falls as images get clearer, noise does not. The start is confident learning's
joint (Northcutt et al. 2021, section 3) of the clear images. A label is then wrong with the chance
1 − T[g, g] p(g) / P(g), and this is made to fall along the ranking (isotonic regression, Ayer et al. 1955),
which keeps the sum.

A network that was trained on these labels leans towards them, right or wrong: then z depends on the own label
after all, by a lean m that is added to z_g. It is half of how much less far behind the given class is in
images that seem wrong than in images of the same class that are called by its name, on average, and is taken
off before the next round; it is at most a tenth of s. Where the network never saw the labels, both are alike,
and m is about 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray, chunks
from channelexplorer_dash.core.label_scores import two_largest

CLEAR = 0.7
"""How far a clear image's best class is above the second, as a share of that of a very clear image."""
_VERY_CLEAR = 0.9
_MOST_WRONG = 0.75
# True classes that an image may have, besides the one that it is called: of many classes, the best.
_CANDIDATES = 16
_POWER = 1.5
_ROUNDS, _FIRST_STEPS, _LATER_STEPS = 4, 25, 8
_TOLERANCE = 1e-5
# In units of s: beyond, it is rather ambiguous images that are called by their second best class.
_MOST_LEAN = 0.1
_START_LEAN = 0.05
# Images that are added to every class as surely right: of a class of few, little is said.
_SURE = 5.0
# Of a start: at most so much of a class is called otherwise, and so much is spread evenly.
_START_MOST, _START_SPREAD = 0.6, 0.01
# Of b, a quadratic penalty; it keeps the classes' biases finite where a class is never doubted.
_PENALTY = 1e-3
_FIT_STEPS = 5


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


def wrong_chances(scores: DoubleArray, agreed: FloatArray, codes: IntArray) -> DoubleArray:
    """Return the chance that each image's label is wrong.

    Parameters
    ----------
    scores
        float64 (N,): the higher, the more suspicious.
    agreed
        float32 (N, K), K at least 2: class scores less thresholds, of all ways and layers together.
    codes
        int64 (N,): each of 0 … K − 1 occurs.

    Returns
    -------
    numpy.ndarray
        float64 (N,), falling along the ranking; of equal scores, equal.
    """
    from sklearn.isotonic import IsotonicRegression

    wrong = _Truth(agreed, codes).wrong()
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(scores, wrong)
    return np.asarray(fitted, dtype=np.float64)


def expected_precision(scores: DoubleArray, chances: DoubleArray) -> DoubleArray:
    """Return, for each image, which share of the labels up to it in the ranking is wrong, float64 (N,)."""
    order = np.argsort(-scores, kind="stable")
    precision = np.empty(len(scores))
    precision[order] = running_mean(chances[order])
    return precision


def running_mean(chances: DoubleArray) -> DoubleArray:
    """Return the mean of the chances up to each, 0 … 1: the expected precision where they are in order."""
    return np.clip(np.cumsum(chances) / np.arange(1, len(chances) + 1), 0.0, 1.0)


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


class _Truth:
    """The unseen true labels: candidates of each image, the own label first, and what is fitted to them."""

    def __init__(self, agreed: FloatArray, codes: IntArray) -> None:
        self.codes, self.scores, self.classes = codes, agreed, agreed.shape[1]
        self.scale = float(agreed.std()) or 1.0
        self.candidates = _candidates(agreed, codes)
        self.ahead = np.take_along_axis(agreed, self.candidates, axis=1).astype(np.float64) / self.scale
        self.slope, self.bias, self.lean = 2.0, np.zeros(self.classes), _START_LEAN
        self.noise = _start(
            estimate_noise(agreed, codes), np.bincount(agreed.argmax(axis=1), minlength=self.classes)
        )
        self.places = codes[:, None] * self.classes + self.candidates

    def wrong(self) -> DoubleArray:
        """Return the chance that each label is wrong, float64 (N,)."""
        for step in range(_ROUNDS):
            shares = self._fitted(_LATER_STEPS if step else _FIRST_STEPS)
            if step + 1 < _ROUNDS:
                self.lean = min(max(0.0, self.lean + self._more_lean(shares)), _MOST_LEAN)
        return np.clip(1.0 - shares[:, 0], 0.0, 1.0)

    def _fitted(self, steps: int) -> DoubleArray:
        """Return the chances of the candidates, float64 (N, A), after some steps; the own label's first."""
        leant = self.ahead.copy()
        leant[:, 0] -= self.lean
        behind = (leant.max(axis=1, keepdims=True) - leant) ** _POWER
        before = -np.inf
        for _ in range(steps):
            shares, likely = self._shares(behind)
            self.noise = self._counted(shares)
            self._fit_truth(behind, shares)
            if likely - before < _TOLERANCE:
                break
            before = likely
        return self._shares(behind)[0]

    def _shares(self, behind: DoubleArray) -> tuple[DoubleArray, float]:
        joint = self._truth(behind, self.slope, self.bias) * self.noise.ravel()[self.places]
        whole = np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return joint / whole, float(np.log(whole).mean())

    def _truth(self, behind: DoubleArray, slope: float, bias: DoubleArray) -> DoubleArray:
        values = bias[self.candidates] - slope * behind
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(values / values.sum(axis=1, keepdims=True))

    def _counted(self, shares: DoubleArray) -> DoubleArray:
        """Return T[given, true]; of each class some more are right, and one more is spread evenly."""
        counts = np.bincount(self.places.ravel(), shares.ravel(), self.classes**2)
        table = counts.reshape(self.classes, self.classes) + 1.0 / self.classes
        table += _SURE * np.eye(self.classes)
        return np.asarray(table / table.sum(axis=0))

    def _fit_truth(self, behind: DoubleArray, shares: DoubleArray) -> None:
        from scipy.optimize import minimize

        images = len(shares)

        def loss(values: DoubleArray) -> tuple[float, DoubleArray]:
            found = self._truth(behind, values[0], values[1:])
            off = (found - shares) / images
            of_class = np.bincount(self.candidates.ravel(), off.ravel(), self.classes)
            fit = -float((shares * np.log(np.maximum(found, 1e-300))).sum()) / images
            penalty = _PENALTY / 2 * float(values[1:] @ values[1:])
            slopes = np.concatenate([[-(off * behind).sum()], of_class + _PENALTY * values[1:]])
            return fit + penalty, slopes

        found = minimize(
            loss,
            np.concatenate([[self.slope], self.bias]),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _FIT_STEPS},
            bounds=[(1e-3, 100.0)] + [(-8.0, 8.0)] * self.classes,
        ).x
        self.slope, self.bias = float(found[0]), found[1:]

    def _more_lean(self, shares: DoubleArray) -> float:
        """Return half of how much nearer the own label is in wrong images than in right ones, on average."""
        right = shares[:, 0]
        sums = np.zeros((self.classes, self.classes))
        for part in chunks(len(right), 8 * self.classes):
            np.add.at(sums, self.codes[part], right[part, None] * self.scores[part])
        means = sums / np.maximum(np.bincount(self.codes, right, self.classes), 1e-9)[:, None] / self.scale
        gaps = means.diagonal()[:, None] - means
        # The own score has leant by m in both: one way where it is the true label, the other way else.
        nearer = gaps[self.candidates[:, 1:], self.codes[:, None]] + self.ahead[:, :1] - self.ahead[:, 1:]
        weight = float(shares[:, 1:].sum())
        return float((shares[:, 1:] * (nearer - 2 * self.lean)).sum()) / weight / 2 if weight > 0 else 0.0


def _candidates(agreed: FloatArray, codes: IntArray) -> IntArray:
    """Return classes that an image may be of, int64 (N, A): its own label, then the best others."""
    images, classes = agreed.shape
    others = min(classes - 1, _CANDIDATES)
    found = np.empty((images, others + 1), np.int64)
    found[:, 0] = codes
    for part in chunks(images, 8 * classes):
        scores = agreed[part].copy()
        scores[np.arange(len(scores)), codes[part]] = -np.inf
        found[part, 1:] = np.argpartition(-scores, others - 1, axis=1)[:, :others]
    return found


def _start(noise: Noise, of_class: IntArray) -> DoubleArray:
    """Return T[given, true] as the clear images have it."""
    classes = len(of_class)
    table = noise.share * noise.pairs / np.maximum(of_class / of_class.sum(), 1e-3)
    table *= np.minimum(1.0, _START_MOST / np.maximum(table.sum(axis=0), 1e-9))
    table += _START_SPREAD / classes
    np.fill_diagonal(table, 0.0)
    np.fill_diagonal(table, 1.0 - table.sum(axis=0))
    return np.asarray(table, dtype=np.float64)
