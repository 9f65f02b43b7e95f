"""Two models on the same images: layers beside each other, matched channels, classes by how they changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.change import (
    answer_change,
    changed_pairs,
    class_change,
    layer_pairs,
    newly_confused,
)
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.measuring import AllLayers
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Job, Pending, Ready, Sample
from channelexplorer_dash.store import Kind, digest

if TYPE_CHECKING:
    from channelexplorer_dash.explorer.layerwork import LayerWork

SHOWN_PAIRS = 8
"""Pairs of classes that are named in each list."""


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes (labels), and images (image_id) of either that one model answers rightly, the other not."""

    classes: tuple[int, int]
    images: IntArray


@dataclass(frozen=True)
class PairAccuracy:
    """How well two classes (labels) are told apart in the last layer of each model."""

    classes: tuple[int, int]
    before: float
    after: float


@dataclass(frozen=True)
class Comparison:
    """Two models on the images of a view.

    Attributes
    ----------
    models
        Names of both.
    layers
        The layers of both, in execution order.
    cka
        float64 (layers of the first, layers of the second).
    beside
        Which layers stand beside each other, as positions in ``layers``.
    knn
        kNN accuracy of each of these pairs of layers, None where it is not defined.
    classes
        int64 (K,): labels, those that changed most first; the next four are in this order.
    score
        float64 (K,), 0 … 1: :func:`~channelexplorer_dash.core.change.class_change`.
    answers
        float64 (K,), or None where the models' outputs are not the same classes.
    right
        float64 (2, K): the share that each model answers rightly, or None where that means nothing.
    layer_change
        float64 (pairs of layers, K): accuracy of the class among all, after less before.
    confused, resolved
        By the models' answers, those with most images first; empty where right and wrong mean nothing.
    closer, apart
        Pairs that the last layer tells apart less well than before, or better.
    """

    models: tuple[str, str]
    layers: tuple[tuple[Layer, ...], tuple[Layer, ...]]
    cka: DoubleArray
    beside: tuple[tuple[int, int], ...]
    knn: tuple[tuple[float | None, float | None], ...]
    classes: IntArray
    class_names: tuple[str, ...]
    score: DoubleArray
    answers: DoubleArray | None
    right: DoubleArray | None
    layer_change: DoubleArray
    confused: tuple[ConfusedPair, ...]
    resolved: tuple[ConfusedPair, ...]
    closer: tuple[PairAccuracy, ...]
    apart: tuple[PairAccuracy, ...]
    images: int


@dataclass(frozen=True)
class MatchedChannels:
    """Channels of two layers, one to one, the most alike first, and their correlations: (m,) each."""

    layers: tuple[Layer, Layer]
    first: IntArray
    second: IntArray
    correlation: DoubleArray


def compare(first: AllLayers, second: AllLayers, outputs: Sequence[tuple[str, ...]]) -> Answer[Comparison]:
    """Return what changed from one model to another, once both have been measured.

    Parameters
    ----------
    outputs
        Names of the outputs of each; empty where they are not known.
    """
    for model in (first, second):
        job = model.summaries()
        if job is not None:
            return Pending(job)
    sides = [_Side.of(model) for model in (first, second)]
    jobs = [job for side in sides for job in side.waiting]
    cka = cka_map(first, second)
    if jobs or isinstance(cka, Pending):
        # The layers' own measures first: there are many of them, and they say how far it is.
        total = 2 * (len(first.layers) + len(second.layers))
        if not jobs:
            return cka if isinstance(cka, Pending) else compare(first, second, outputs)
        return Pending(Job(jobs[0].key, jobs[0].label, total - len(jobs), total))
    return Ready(*_compared(first, second, sides, cka, outputs))


def matched(work: LayerWork, first: Prepared, second: Prepared) -> Answer[MatchedChannels]:
    """Return the channels of two models' layers matched by how they respond to the view's images."""
    asked = work.derive(
        "matching",
        first.view,
        first.layer,
        first.summary,
        other=second.summary,
        images=work.settings.compare_images,
    )
    if isinstance(asked, Pending):
        return asked
    found = np.asarray(work.store.array(Kind.ARRAY, asked.value))
    one, other = found[:2].astype(np.int64)
    return Ready(MatchedChannels((first.layer, second.layer), one, other, found[2]), asked.key)


@dataclass(frozen=True)
class _Side:
    """What is known of one model: keys of the pairs of classes, kNN accuracies, and the jobs of the rest."""

    pairs: list[str]
    knn: list[float | None]
    waiting: list[Job]

    @classmethod
    def of(cls, model: AllLayers) -> _Side:
        asked = [model.ask("class_pairs", layer) for layer in model.layers]
        records, waiting = model.records("knn")
        return cls(
            [answer.value for answer in asked if isinstance(answer, Ready)],
            [record["figures"]["knn"]["value"] if record else None for record in records],
            [*(answer.job for answer in asked if isinstance(answer, Pending)), *waiting],
        )


def cka_map(first: AllLayers, second: AllLayers) -> Answer[str]:
    """Return the key of the CKA of all layers of two models, whose S are there: float64 (layers, layers)."""
    work, last = first.work, first.layers[-1]
    sources = [[model.work.source(model.view, layer) for layer in model.layers] for model in (first, second)]
    return work.derive(
        "cka",
        first.view,
        last,
        sources[0][-1],
        patience=0,
        sources=sources[0],
        others=sources[1],
        images=work.settings.compare_images,
    )


def _compared(
    first: AllLayers,
    second: AllLayers,
    sides: list[_Side],
    cka: Ready[str],
    outputs: Sequence[tuple[str, ...]],
) -> tuple[Comparison, str]:
    store = first.work.store
    sample = first.work.readable(first.view, first.work.source(first.view, first.layers[-1]))
    labels = np.unique(sample.labels)
    beside = layer_pairs(*([layer.name for layer in model.layers] for model in (first, second)))
    before, after = ([np.asarray(store.array(Kind.ARRAY, key)) for key in side.pairs] for side in sides)
    change = np.array([np.diagonal(after[j]) - np.diagonal(before[i]) for i, j in beside], np.float64)
    given = _Answers.of(first, second, sample, outputs)
    answers = None if given is None else answer_change(given.labels, given.before, given.after, labels)
    score = class_change(answers, change)
    order = np.argsort(-score, kind="stable")
    known = given if given is not None and given.named else None
    lost, won = (_accuracies(*pair, labels) for pair in ((before[-1], after[-1]), (after[-1], before[-1])))
    found = Comparison(
        models=(first.view.model, second.view.model),
        layers=(first.layers, second.layers),
        cka=np.asarray(store.array(Kind.ARRAY, cka.value)),
        beside=tuple(beside),
        knn=tuple((sides[0].knn[i], sides[1].knn[j]) for i, j in beside),
        classes=labels[order],
        class_names=sample.class_names,
        score=score[order],
        answers=None if answers is None else answers[order],
        right=None if known is None else known.right(labels[order]),
        layer_change=change[:, order],
        confused=() if known is None else known.confused(),
        resolved=() if known is None else known.exchanged().confused(),
        closer=lost,
        apart=tuple(PairAccuracy(pair.classes, pair.after, pair.before) for pair in won),
        images=len(sample.labels),
    )
    return found, digest([cka.key, *sides[0].pairs, *sides[1].pairs, answers is None])


def _accuracies(before: FloatArray, after: FloatArray, labels: IntArray) -> tuple[PairAccuracy, ...]:
    return tuple(
        PairAccuracy((int(labels[i]), int(labels[j])), float(before[i, j]), float(after[i, j]))
        for i, j in changed_pairs(before, after, SHOWN_PAIRS)
    )


@dataclass(frozen=True)
class _Answers:
    """What two models answer, int64 (n,), and whether their outputs are the dataset's classes (``named``)."""

    images: IntArray
    labels: IntArray
    before: IntArray
    after: IntArray
    named: bool

    @classmethod
    def of(
        cls, first: AllLayers, second: AllLayers, sample: Sample, outputs: Sequence[tuple[str, ...]]
    ) -> _Answers | None:
        """Return the answers to the images that both have answered; None where they are of other classes."""
        predictions = [model.work.predictions(model.view) for model in (first, second)]
        if first.description.outputs != second.description.outputs or outputs[0] != outputs[1]:
            return None
        if predictions[0] is None or predictions[1] is None:
            return None
        before, after = (predicted[0][sample.image_ids] for predicted in predictions if predicted is not None)
        kept = (before >= 0) & (after >= 0)
        named = outputs[0] == sample.class_names
        return cls(sample.image_ids[kept], sample.labels[kept], before[kept], after[kept], named)

    def exchanged(self) -> _Answers:
        """Return the answers with the models exchanged."""
        return _Answers(self.images, self.labels, self.after, self.before, self.named)

    def confused(self) -> tuple[ConfusedPair, ...]:
        """Return the pairs that the second model newly confuses."""
        return tuple(
            ConfusedPair(pair.classes, self.images[pair.images])
            for pair in newly_confused(self.labels, self.before, self.after)
        )

    def right(self, classes: IntArray) -> DoubleArray:
        """Return the share of each class that each model answers rightly, float64 (2, K)."""
        shares = np.zeros((2, len(classes)))
        for side, answers in enumerate((self.before, self.after)):
            for position, label in enumerate(classes.tolist()):
                own = self.labels == label
                shares[side, position] = (answers[own] == label).mean() if own.any() else 0.0
        return shares
