"""What ablating channels does to a model's answers, from its logits before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray, label_array
from channelexplorer_dash.errors import DatasetError

RESAMPLES = 2000
OTHERS = -1
"""Stands for all outputs that have no column of their own."""


@dataclass(frozen=True)
class Effect:
    """What changed, overall and by class; see :func:`effect`.

    Attributes
    ----------
    classes, counts
        int64 (K,): labels that occur, and their images.
    before, after
        float64 (K,): share of each class's images that are answered with their target.
    change, low, high
        Change of that share over all images, and its 95 % bootstrap interval.
    class_low, class_high
        float64 (K,): the same interval of each class.
    logit_change
        float64 (K,): mean change of the target's logit over the class's images.
    outputs
        int64 (M,): the most frequent answers, ascending, and ``OTHERS`` last where there are more.
    confusion_before, confusion_after
        int64 (K, M): images of a class that are answered with an output.
    """

    classes: IntArray
    counts: IntArray
    before: DoubleArray
    after: DoubleArray
    change: float
    low: float
    high: float
    class_low: DoubleArray
    class_high: DoubleArray
    logit_change: DoubleArray
    outputs: IntArray
    confusion_before: IntArray
    confusion_after: IntArray


def effect(
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    labels: npt.ArrayLike,
    targets: IntArray,
    *,
    columns: int = 20,
    seed: int = 0,
) -> Effect:
    """Return what the change from one set of logits to the other means.

    An image is right where its largest logit (of equal ones the first) is its target's. With d the change
    from right or wrong before to right or wrong after (−1, 0 or 1), the interval is that of the mean of d
    over images drawn with replacement (B. Efron, "Bootstrap methods: another look at the jackknife", Annals
    of Statistics 7(1), 1979), pairs of before and after staying together: its 2.5 and 97.5 percentiles.
    Since d has three values, the numbers of each among the n drawn images are multinomial, and are drawn as
    such.

    Parameters
    ----------
    before, after
        float (n, outputs), finite.
    labels
        int64 (n,).
    targets
        int64 (n,): the output that is right for each image.
    columns
        Answers that have a column of their own in the confusion matrices, at most.
    seed
        Of the bootstrap.

    Raises
    ------
    DatasetError
        If there is no image, or shapes do not fit.
    """
    first, second = np.asarray(before), np.asarray(after)
    known = label_array(labels, len(first))
    if first.shape != second.shape or first.ndim != 2 or not first.size or targets.shape != known.shape:
        raise DatasetError("Logits before and after the ablation, and labels, are not of the same images.")
    classes, members, counts = np.unique(known, return_inverse=True, return_counts=True)
    said_first, said_second = first.argmax(axis=1), second.argmax(axis=1)
    right_first, right_second = said_first == targets, said_second == targets
    generator = np.random.default_rng(seed)
    low, high = paired_interval(right_first, right_second, generator)
    of_class = [members == k for k in range(len(classes))]
    intervals = np.array(
        [paired_interval(right_first[own], right_second[own], generator) for own in of_class]
    )
    rows = np.arange(len(known))
    moved = (second[rows, targets] - first[rows, targets]).astype(np.float64)
    outputs = _columns(np.concatenate([said_first, said_second]), columns)

    def by_class(values: npt.NDArray[np.generic]) -> DoubleArray:
        return np.bincount(members, values.astype(np.float64), len(classes)) / counts

    return Effect(
        classes=classes,
        counts=counts,
        before=by_class(right_first),
        after=by_class(right_second),
        change=float(right_second.mean() - right_first.mean()),
        low=low,
        high=high,
        class_low=intervals[:, 0],
        class_high=intervals[:, 1],
        logit_change=by_class(moved),
        outputs=outputs,
        confusion_before=_confusion(members, said_first, outputs, len(classes)),
        confusion_after=_confusion(members, said_second, outputs, len(classes)),
    )


@dataclass(frozen=True)
class ChannelEffects:
    """What each channel's ablation alone takes away; see :func:`channel_effects`.

    Attributes
    ----------
    classes, counts
        int64 (K,): labels that occur, and their images.
    effect, accuracy_lost
        float64 (C,): over all images.
    class_effect, class_accuracy_lost
        float64 (K, C): over the images of each class.
    """

    classes: IntArray
    counts: IntArray
    effect: DoubleArray
    accuracy_lost: DoubleArray
    class_effect: DoubleArray
    class_accuracy_lost: DoubleArray


def channel_effects(drops: npt.ArrayLike, lost: npt.ArrayLike, labels: npt.ArrayLike) -> ChannelEffects:
    """Return what each channel's ablation alone takes from the model's answers.

    With z(x) the logit of an image's own class, and z'(x) the same with the channel held still, the effect of
    the channel is the mean of z(x) − z'(x) over the images, and the accuracy lost is the share of images
    answered rightly less that share with the channel held still (single units are ablated in this way by
    A. S. Morcos et al., "On the importance of single directions for generalization", ICLR 2018). Both are
    positive where the channel speaks for the right class.

    Parameters
    ----------
    drops
        float (n, C): z(x) − z'(x). Where it is not finite, the image does not count for the mean; a
        mean of no image is 0.
    lost
        (n, C): 1 where a right answer becomes wrong, −1 where a wrong one becomes right, else 0.
    labels
        int64 (n,).

    Raises
    ------
    DatasetError
        If there is no image, or shapes do not fit.
    """
    moved, gone = np.asarray(drops, np.float64), np.asarray(lost, np.float64)
    known = label_array(labels, len(moved))
    if moved.ndim != 2 or moved.shape != gone.shape or not moved.size:
        raise DatasetError("Changes of the logits, changes of the answers, and labels do not fit together.")
    classes, members, counts = np.unique(known, return_inverse=True, return_counts=True)
    finite = np.isfinite(moved)
    clean = np.where(finite, moved, 0.0)

    def by_class(values: npt.NDArray[np.generic]) -> DoubleArray:
        return np.stack([values[members == k].sum(axis=0, dtype=np.float64) for k in range(len(classes))])

    sums, images = by_class(clean), by_class(finite)
    answers = by_class(gone)
    return ChannelEffects(
        classes=classes,
        counts=counts,
        effect=sums.sum(axis=0) / np.maximum(images.sum(axis=0), 1),
        accuracy_lost=answers.sum(axis=0) / len(known),
        class_effect=sums / np.maximum(images, 1),
        class_accuracy_lost=answers / counts[:, None],
    )


def paired_interval(
    before: BoolArray, after: BoolArray, generator: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the change of a share, of paired bool (n,)."""
    n = len(before)
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    drawn = generator.multinomial(n, [gained / n, lost / n, (n - gained - lost) / n], RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, [0.025, 0.975])
    return float(low), float(high)


def _columns(said: IntArray, limit: int) -> IntArray:
    outputs, counts = np.unique(said, return_counts=True)
    if len(outputs) <= limit:
        return outputs.astype(np.int64)
    kept = np.sort(outputs[np.argsort(-counts, kind="stable")[: limit - 1]])
    return np.append(kept, OTHERS).astype(np.int64)


def _confusion(members: IntArray, said: IntArray, outputs: IntArray, classes: int) -> IntArray:
    own = outputs[outputs != OTHERS]
    place = np.minimum(np.searchsorted(own, said), len(own) - 1)
    column = np.where(own[place] == said, place, len(own))
    counts = np.bincount(members * len(outputs) + column, minlength=classes * len(outputs))
    return counts.reshape(classes, len(outputs)).astype(np.int64)
