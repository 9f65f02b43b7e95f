"""The scorecard: what each channel of a layer tells of the classes, a row a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.anova import anova
from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.moments import ClassMoments
from channelexplorer_dash.core.ranks import ranked
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class Scorecard:
    """Figures of every channel; each is defined for constant channels and for a single class.

    Attributes
    ----------
    classes
        int64 (K,): labels that occur, ascending.
    f, eta_squared
        float64 (C,): :func:`~channelexplorer_dash.core.anova.anova`.
    mutual_information
        float64 (C,), bits: :func:`~channelexplorer_dash.core.ranks.ranked`.
    selectivity
        float64 (C,), 0 … 1: :func:`selectivity`.
    best_class
        int64 (C,): the label that the channel's value tells best from the rest by being large; of equal
        ones the lowest.
    auroc
        float64 (C,), 0.5 … 1: AUROC of the best class against the rest. Below 0.5 only where rounding is.
    class_auroc
        float64 (K, C): AUROC of every class against the rest.
    frequency
        float64 (K, C): share of each class's images in whose active set the channel is.
    """

    classes: IntArray
    f: DoubleArray
    eta_squared: DoubleArray
    mutual_information: DoubleArray
    selectivity: DoubleArray
    best_class: IntArray
    auroc: DoubleArray
    class_auroc: DoubleArray
    frequency: DoubleArray


def scorecard(
    columns: Callable[[slice], FloatArray],
    labels: npt.ArrayLike,
    moments: ClassMoments,
    active: IntArray,
    threads: int = 1,
) -> Scorecard:
    """Return the scorecard of a layer.

    Parameters
    ----------
    columns
        From a slice of channels to their values on the N images, float32 (N, channels).
    labels
        int64 (N,).
    moments
        Of the same values.
    active
        int64 (K, C): images of each class whose active set holds the channel.
    threads
        Blocks of channels that are ranked at once.

    Raises
    ------
    DatasetError
        If the parts do not fit together, or a value is NaN or infinite.
    """
    channels = moments.mean.shape[1]
    order = ranked(columns, channels, labels, threads)
    if active.shape != moments.mean.shape or not np.array_equal(order.classes, moments.classes):
        raise DatasetError("Active counts, moments and labels are not of the same images.")
    spread = anova(moments)
    best = order.auroc.argmax(axis=0)
    return Scorecard(
        classes=moments.classes,
        f=spread.f,
        eta_squared=spread.eta_squared,
        mutual_information=order.information,
        selectivity=selectivity(moments),
        best_class=moments.classes[best],
        auroc=order.auroc[best, np.arange(channels)],
        class_auroc=order.auroc,
        frequency=active / moments.counts[:, None],
    )


def selectivity(moments: ClassMoments) -> DoubleArray:
    """Return the class selectivity index of every channel, float64 (C,) in 0 … 1.

    A. S. Morcos, D. G. T. Barrett, N. C. Rabinowitz, M. Botvinick, "On the importance of single directions
    for generalization", ICLR 2018: (μ_max − μ_rest) / (μ_max + μ_rest), with μ_max the largest class mean and
    μ_rest the mean of the other classes' means. It is made for values that are not negative; a channel with
    negative ones is taken less its smallest value. 0 where all means are equal, and for one class.
    """
    means = moments.mean - np.minimum(moments.minimum.min(axis=0).astype(np.float64), 0.0)
    if len(means) == 1:
        return np.zeros(means.shape[1])
    largest: DoubleArray = means.max(axis=0)
    rest = (means.sum(axis=0) - largest) / (len(means) - 1)
    whole = largest + rest
    found = np.divide(largest - rest, whole, out=np.zeros_like(whole), where=whole > 0)
    clipped: DoubleArray = np.clip(found, 0.0, 1.0)
    return clipped
