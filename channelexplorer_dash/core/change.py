"""What changed between two models: answers, and how far the classes are apart, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray, label_array
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class PairChange:
    """Images that one model answers rightly and the other takes for one class.

    Attributes
    ----------
    classes
        The two classes, the lower label first: either may be taken for the other.
    images
        int64 (n,): positions of these images, ascending.
    """

    classes: tuple[int, int]
    images: IntArray


def layer_pairs(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """Return which layers of two models stand beside each other, as positions in execution order.

    Layers of the same name, where the models share any (two checkpoints share all of them); else each layer
    of the model with fewer, and that at the same share of the other's depth.
    """
    where = {name: position for position, name in enumerate(second)}
    same = [(position, where[name]) for position, name in enumerate(first) if name in where]
    if same or not first or not second:
        return same
    count = min(len(first), len(second))
    at = [np.linspace(0, len(names) - 1, count).round().astype(int).tolist() for names in (first, second)]
    # A single layer stands for the end of the model.
    return list(zip(*at, strict=True)) if count > 1 else [(len(first) - 1, len(second) - 1)]


def layer_beside(layer: str, first: Sequence[str], second: Sequence[str]) -> str:
    """Return the layer of ``second`` that stands beside a layer of ``first``, in execution order both.

    That of the same name; else the one at the same share of the depth. ``second`` must not be empty.
    """
    if layer in second:
        return layer
    # A single layer stands for the end of the model.
    share = first.index(layer) / (len(first) - 1) if len(first) > 1 else 1.0
    return second[round(share * (len(second) - 1))]


def answer_change(
    labels: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike, classes: npt.ArrayLike
) -> DoubleArray:
    """Return how differently two models answer for the images of each class.

    The total variation distance ½ Σ_j |p(j | c) − q(j | c)| of the answers that each model gives to the
    images of a class: 0 where both answer alike on the whole, 1 where no answer is common to them.

    Parameters
    ----------
    labels, before, after
        int64 (N,): labels, and the outputs that each model answers with.
    classes
        int64 (K,): labels that are asked for.

    Returns
    -------
    numpy.ndarray
        float64 (K,), 0 … 1; 0 for a class without images.
    """
    known, one, other = _answers(labels, before, after)
    wanted: IntArray = np.asarray(classes, dtype=np.int64)
    found = np.zeros(len(wanted))
    for position, label in enumerate(wanted.tolist()):
        own = known == label
        if own.any():
            outputs, codes = np.unique(np.concatenate([one[own], other[own]]), return_inverse=True)
            count = int(own.sum())
            p = np.bincount(codes[:count], minlength=len(outputs))
            q = np.bincount(codes[count:], minlength=len(outputs))
            found[position] = np.abs(p - q).sum() / (2 * count)
    return found


def newly_confused(labels: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike) -> list[PairChange]:
    """Return the pairs of classes of which ``after`` confuses images that ``before`` answers rightly.

    With ``before`` and ``after`` exchanged, they are the pairs that are newly resolved.

    Parameters
    ----------
    labels, before, after
        int64 (N,): labels and answers, which are labels too.

    Returns
    -------
    list of PairChange
        Those with most images first, of equally many the pair of the lowest labels.
    """
    known, one, other = _answers(labels, before, after)
    lost = np.flatnonzero((one == known) & (other != known) & (other >= 0))
    pairs: dict[tuple[int, int], list[int]] = {}
    for image, label, answer in zip(lost.tolist(), known[lost].tolist(), other[lost].tolist(), strict=True):
        pairs.setdefault((min(label, answer), max(label, answer)), []).append(image)
    ordered = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [PairChange(classes, np.array(images, np.int64)) for classes, images in ordered]


def class_change(answers: DoubleArray | None, layers: npt.ArrayLike) -> DoubleArray:
    """Return one number for how much each class changed, by which classes are ranked.

    The mean of two numbers from 0 to 1: how differently its images are answered (:func:`answer_change`), and
    the mean over the layers of how much the share of its images that lie nearest to the mean of their own
    class has changed, |Δ|. Where the answers cannot be compared, the second alone.

    Parameters
    ----------
    answers
        float64 (K,), or None.
    layers
        float (L, K): accuracy of each class in each layer after, less before.

    Returns
    -------
    numpy.ndarray
        float64 (K,), 0 … 1.
    """
    moved: DoubleArray = np.abs(np.asarray(layers, np.float64)).mean(axis=0)
    return moved if answers is None else (answers + moved) / 2


def changed_pairs(before: npt.ArrayLike, after: npt.ArrayLike, most: int) -> list[tuple[int, int]]:
    """Return the pairs of classes that lost most accuracy against each other, the greatest loss first.

    Parameters
    ----------
    before, after
        float (K, K): how well two classes are told apart.
    most
        Pairs, at most; only such as lost any.
    """
    loss = np.asarray(before, np.float64) - np.asarray(after, np.float64)
    first, second = np.triu_indices(len(loss), 1)
    order = np.argsort(-loss[first, second], kind="stable")[:most]
    lost: BoolArray = loss[first, second][order] > 0
    return list(zip(first[order][lost].tolist(), second[order][lost].tolist(), strict=True))


def _answers(
    labels: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike
) -> tuple[IntArray, IntArray, IntArray]:
    known = label_array(labels, np.size(labels))
    one, other = (np.asarray(answers, dtype=np.int64) for answers in (before, after))
    if one.shape != known.shape or other.shape != known.shape:
        raise DatasetError(
            f"There must be one answer of each model for each image: {len(known):,} images, answers of shape "
            f"{one.shape} and {other.shape}."
        )
    return known, one, other
