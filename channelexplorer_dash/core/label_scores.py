"""How suspicious a label is: what the other images say about an image's classes, against what it is called.

Class scores come from images other than the one that is judged (leave one out), by three ways: the vote of
the nearest neighbours by S, the vote of those by active sets, and a ridge probe
(:mod:`channelexplorer_dash.core.probe`). They do not depend on the image's own label, so that the suspicion
of *any* label of one image can be asked, the others' labels being as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray, chunks


def vote_shares(neighbours: IntArray, codes: IntArray, classes: int) -> FloatArray:
    """Return the share of an image's neighbours that have each label (Cover and Hart 1967).

    Parameters
    ----------
    neighbours
        int64 (N, k): rows of other images.
    codes
        int64 (N,): labels as 0 … K − 1.
    classes
        K.

    Returns
    -------
    numpy.ndarray
        float32 (N, K); rows add up to 1, or are zeros where there is no neighbour.
    """
    images, k = neighbours.shape
    shares = np.zeros((images, classes), np.float32)
    if k:
        rows = np.repeat(np.arange(images), k)
        np.add.at(shares, (rows, codes[neighbours].ravel()), np.float32(1 / k))
    return shares


def class_thresholds(scores: npt.NDArray[np.floating], codes: IntArray) -> DoubleArray:
    """Return confident learning's thresholds t_j = mean of the scores of class j over the images called j.

    Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, eq. 2: a
    class that is hard to recognise, or rare, is not measured by the standard of an easy one.

    Parameters
    ----------
    scores
        float (N, K).
    codes
        int64 (N,): each of 0 … K − 1 occurs.

    Returns
    -------
    numpy.ndarray
        float64 (K,).
    """
    own = scores[np.arange(len(codes)), codes]
    found: DoubleArray = np.bincount(codes, own) / np.bincount(codes)
    return found


@dataclass(frozen=True)
class ClassScores:
    """Class scores of images, and how a label is judged by them.

    Attributes
    ----------
    scores
        float32 or float64 (N, K), K at least 2.
    thresholds
        float64 (K,): what counts as a usual score of each class.
    other
        How much the best other class counts, 0 … 1.
    first, second
        float64 (N,): the largest and the second largest of an image's scores less thresholds.
    top
        int64 (N,): the class of the largest.
    """

    scores: npt.NDArray[np.floating]
    thresholds: DoubleArray
    other: float
    first: DoubleArray
    second: DoubleArray
    top: IntArray

    def suspicion(self, codes: IntArray) -> DoubleArray:
        """Return how little speaks for each image's label, and how much for the best other class.

        The suspicion of label j is o · max_{k ≠ j} (s_k − t_k) − (s_j − t_j), with o = ``other``: for o = 1
        this is the normalised margin of confident learning, for o = 0 its self-confidence, with the sign
        turned.

        Parameters
        ----------
        codes
            int64 (N,) or (N, A): one or several labels of each image.

        Returns
        -------
        numpy.ndarray
            float64, of the shape of ``codes``.
        """
        several = codes.reshape(len(codes), -1)
        own = np.take_along_axis(self.scores, several, axis=1) - self.thresholds[several]
        best = np.where(several == self.top[:, None], self.second[:, None], self.first[:, None])
        return np.asarray(self.other * best - own, dtype=np.float64).reshape(codes.shape)

    def add_to(self, total: FloatArray, weight: float) -> None:
        """Add the scores less thresholds, times a weight, to float32 (N, K)."""
        for part in chunks(len(total), 8 * total.shape[1]):
            total[part] += (weight * (self.scores[part] - self.thresholds)).astype(np.float32)


def votes(neighbours: IntArray, codes: IntArray, classes: int) -> ClassScores:
    """Return the judgement of neighbours: the mean of their self-confidence and their margin (o = ½).

    Shares of votes need no thresholds: k neighbours are k neighbours in every class.
    """
    return _judged(vote_shares(neighbours, codes, classes), np.zeros(classes), 0.5)


def probed(scores: DoubleArray, codes: IntArray) -> ClassScores:
    """Return the judgement of a probe: its margin (o = 1) above confident learning's thresholds."""
    return _judged(scores, class_thresholds(scores, codes), 1.0)


def _judged(scores: npt.NDArray[np.floating], thresholds: DoubleArray, other: float) -> ClassScores:
    top, first, second = two_largest(scores, thresholds)
    return ClassScores(scores, thresholds, other, first, second, top)


def two_largest(
    scores: npt.NDArray[np.floating], thresholds: DoubleArray | float
) -> tuple[IntArray, DoubleArray, DoubleArray]:
    """Return the class of each row's largest score less threshold, it, and the second largest."""
    images = len(scores)
    top, first, second = np.empty(images, np.int64), np.empty(images), np.empty(images)
    for part in chunks(images, 16 * scores.shape[1]):
        above = scores[part] - thresholds
        top[part] = above.argmax(axis=1)
        rows = np.arange(len(above))
        first[part] = above[rows, top[part]]
        above[rows, top[part]] = -np.inf
        second[part] = above.max(axis=1)
    return top, first, second


def mid_ranks(values: npt.NDArray[np.floating], among: DoubleArray) -> DoubleArray:
    """Return which share of the N numbers ``among`` is below each value; equal ones count half."""
    ordered = np.sort(among)
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray(below / (2 * len(among)), dtype=np.float64)
