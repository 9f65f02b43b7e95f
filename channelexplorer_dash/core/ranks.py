"""What a channel's order of the images tells of their classes: AUROC, and mutual information."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import (
    BoolArray,
    DoubleArray,
    FloatArray,
    IntArray,
    chunks,
    each,
    label_array,
    not_finite,
)
from channelexplorer_dash.errors import DatasetError

# Images that a cell of bins × classes should hold on average (W. G. Cochran, "Some methods for strengthening
# the common chi-squared tests", Biometrics 10(4), 1954).
_PER_CELL = 5
_MOST_BINS = 16


@dataclass(frozen=True)
class Ranked:
    """What the order of the images by a channel tells of their classes.

    Attributes
    ----------
    classes
        int64 (K,): labels that occur, ascending.
    auroc
        float64 (K, C): of each class against the rest; see :func:`ranked`.
    information
        float64 (C,): mutual information in bits.
    """

    classes: IntArray
    auroc: DoubleArray
    information: DoubleArray


def bins_for(images: int, classes: int) -> int:
    """Return the number of bins of a channel's values: five images a cell on average, 2 to 16 bins."""
    return int(np.clip(images // (_PER_CELL * classes), 2, _MOST_BINS))


def ranked(
    columns: Callable[[slice], FloatArray], channels: int, labels: npt.ArrayLike, threads: int = 1
) -> Ranked:
    """Return AUROC of every class and channel, and the mutual information of every channel and the class.

    *AUROC* of class k against the rest, from the sum R_k of the ranks of its n_k images among all N, equal
    values having their mean rank (J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a
    receiver operating characteristic (ROC) curve", Radiology 143(1), 1982; Mann and Whitney's U):
    (R_k − n_k (n_k + 1) / 2) / (n_k (N − n_k)). It is the chance that an image of the class has the larger
    value than one of another class, ties counting half; 0.5 where there is one class only.

    *Mutual information* I(bin; class) = Σ p(b, k) log₂ (p(b, k) / (p(b) p(k))), with the values in equally
    full bins: value v is in bin ⌊B · #{u < v} / N⌋, so that equal values share a bin, with B as
    :func:`bins_for` gives it. The plug-in estimate is too large by about (cells − bins − classes + 1) / 2N
    nats, counting those that are not empty, which is taken off (G. Miller, "Note on the bias of information
    estimates", 1955; L. Paninski, "Estimation of entropy and mutual information", Neural Computation 15(6),
    2003); never below 0.

    Parameters
    ----------
    columns
        From a slice of channels to their values, float32 (images, channels).
    channels
        C.
    labels
        int64 (N,).
    threads
        Blocks of channels that are ranked at once.

    Raises
    ------
    DatasetError
        If there is no image, or a value is NaN or infinite.
    """
    from channelexplorer_dash.core.rank_loops import rank_and_bin

    known = label_array(labels, np.size(labels))
    if not len(known):
        raise DatasetError("There is no image whose channels could be ranked.")
    classes, members, counts = np.unique(known, return_inverse=True, return_counts=True)
    bins = bins_for(len(known), len(classes))
    sums, information = np.zeros((channels, len(classes))), np.zeros(channels)

    def rank(part: slice) -> None:
        values = np.ascontiguousarray(columns(part).T, np.float32)
        if not np.isfinite(values).all():
            raise not_finite(int((~np.isfinite(values)).any(axis=0).sum()), len(known))
        rank_and_bin(values, np.argsort(values, axis=1), members, bins, sums[part], information[part])

    for _ in each(rank, list(chunks(channels, 16 * len(known))), threads):
        pass
    rest = len(known) - counts
    above = sums.T - (counts * (counts + 1) / 2)[:, None]
    auroc = np.full((len(classes), channels), 0.5)
    np.divide(above, (counts * rest)[:, None], out=auroc, where=(rest > 0)[:, None])
    return Ranked(classes, auroc, information)


def auroc(scores: npt.ArrayLike, positive: BoolArray) -> float:
    """Return the AUROC of scores (n,) for the images that are ``positive``, equal scores counting half.

    0.5 where all images, or none, are positive.
    """
    values = np.asarray(scores, np.float64)
    positives = int(positive.sum())
    negatives = len(values) - positives
    if not positives or not negatives:
        return 0.5
    _, member, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    rank = (ends - counts + ends + 1) / 2
    above = rank[member][positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))
