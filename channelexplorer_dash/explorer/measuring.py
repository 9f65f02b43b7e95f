"""How far the classes are apart, layer by layer: one measure, all of them, and every pair of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from channelexplorer_dash.choices import Granularity, Measure, Projection
from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.extraction.plan import MEASURED, DerivationName, about_key
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.results.answers import Answer, Job, Pending, Ready
from channelexplorer_dash.results.layers import ComingApart, LayerFigure, MeasureMatrix, Profile
from channelexplorer_dash.results.views import Honesty
from channelexplorer_dash.selection import View
from channelexplorer_dash.store import Kind, digest

HARDEST = 8
"""Pairs of classes that are named beside the map of all of them."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class AllLayers:
    """The layers of a granularity, and the view that they are measured for."""

    work: LayerWork
    view: View
    description: ModelDescription
    key: str
    granularity: Granularity

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in execution order."""
        return tuple(self.description.at(self.granularity))

    def extraction(self, *names: DerivationName) -> Job | None:
        """Have the model run for what some results need; return the job while it does.

        Only layers that were not measured need their S: with a quota it may be gone, and stay so.
        """
        needed = tuple(
            layer.name
            for layer in self.layers
            if not all(
                self.work.is_measured(name, self.view, layer, **self.parameters(name)) for name in names
            )
        )
        if not needed and self.description.outputs and self.work.predictions(self.view) is None:
            needed = (self.layers[-1].name,)
        return self._run_for(needed) if needed else None

    def summaries(self) -> Job | None:
        """Have the model run for the S of every layer; return the job while it does."""
        return self._run_for(tuple(layer.name for layer in self.layers))

    def _run_for(self, layers: tuple[str, ...]) -> Job | None:
        asked = self.work.compute(self.view, self.description, layers, output=True)
        return asked.job if isinstance(asked, Pending) else None

    def parameters(self, name: DerivationName) -> dict[str, Any]:
        """Return what decides a record beside the layer and its images."""
        settings = self.work.settings
        neighbours, queries = settings.knn_neighbours, settings.knn_queries
        known: Mapping[str, dict[str, Any]] = {
            "knn": {"neighbours": neighbours, "queries": queries, "intervals": True},
            "neighbourhood": {"queries": queries, "images": settings.measure_images},
            "silhouette": {"queries": queries},
            "discrimination": {"images": settings.measure_images},
        }
        return known.get(name, {})

    def ask(self, name: DerivationName, layer: Layer) -> Answer[str] | None:
        """Return the key of a layer's record or array; None where its S is not there yet."""
        return self.work.measured(name, self.view, layer, **self.parameters(name))

    def records(self, name: DerivationName) -> tuple[list[Record | None], list[Job]]:
        """Return the records that are there, in the order of the layers, and the jobs of the others."""
        found: list[Record | None] = []
        waiting: list[Job] = []
        for layer in self.layers:
            answer = self.ask(name, layer)
            found.append(self.work.store.record(answer.value) if isinstance(answer, Ready) else None)
            if isinstance(answer, Pending):
                waiting.append(answer.job)
        return found, waiting

    def figures(self, measure: Measure, records: list[Record | None]) -> tuple[LayerFigure, ...]:
        """Return a measure of every layer."""
        return tuple(
            self._figure(layer, record["figures"][measure] if record else {})
            for layer, record in zip(self.layers, records, strict=True)
        )

    def _figure(self, layer: Layer, entry: Record) -> LayerFigure:
        about = about_key(self.work.source(self.view, layer))
        there = self.work.store.has(Kind.RECORD, about)
        non_finite = int(self.work.store.record(about)["non_finite"]) if there else 0
        value, low, high = (entry.get(name) for name in ("value", "low", "high"))
        return LayerFigure(layer, value, low, high, non_finite, entry.get("why", ""))


def profile(asked: AllLayers, measure: Measure) -> Answer[Profile]:
    """Return the depth profile with what is known; have the model run to its end for the rest."""
    job = asked.extraction(MEASURED[measure])
    records, waiting = asked.records(MEASURED[measure])
    rows = asked.figures(measure, records)
    job = job or _first(waiting, len(rows))
    last: Record = next((record for record in reversed(records) if record), {})
    voters, images = last.get("voters", 0), last.get("images", 0)
    neighbours = asked.work.settings.knn_neighbours
    chance = _chance(measure, asked.work.labels(asked.view))
    known = [(row.value, row.why, row.non_finite) for row in rows]
    state = digest([asked.key, asked.granularity, measure, known, job is None])
    return Ready(Profile(rows, measure, neighbours, chance, voters, images, job), state)


def _first(waiting: list[Job], total: int) -> Job | None:
    """Return the first of several jobs, with how many of all are done."""
    if not waiting:
        return None
    return Job(waiting[0].key, waiting[0].label, total - len(waiting), total)


def _chance(measure: Measure, labels: IntArray) -> float | None:
    """Return what guessing reaches: by the largest class, or by any image as the nearest."""
    counts = np.bincount(labels).astype(np.float64)
    total = counts.sum()
    if measure in {"knn", "centroid", "probe"}:
        return float(counts.max() / total)
    if measure == "thornton":
        return float(counts @ (counts - 1) / (total * max(total - 1, 1)))
    return None


def matrix(asked: AllLayers) -> Answer[MeasureMatrix]:
    """Return every measure of every layer, as far as they are known."""
    names = tuple(dict.fromkeys(MEASURED.values()))
    job = asked.extraction(*names)
    records: dict[DerivationName, list[Record | None]] = {}
    waiting: list[Job] = []
    for name in names:
        records[name], others = asked.records(name)
        waiting += others
    measures: tuple[Measure, ...] = get_args(Measure)
    figures = {measure: asked.figures(measure, records[MEASURED[measure]]) for measure in measures}
    found = MeasureMatrix(asked.layers, figures, job or _first(waiting, len(names) * len(asked.layers)))
    known = [[(row.value, row.why) for row in rows] for rows in figures.values()]
    return Ready(found, digest([asked.key, asked.granularity, known, found.job is None]))


def coming_apart(asked: AllLayers) -> Answer[ComingApart]:
    """Return at which layer each pair of classes comes apart, once all layers are known."""
    answers = [asked.ask("class_pairs", layer) for layer in asked.layers]
    job = asked.extraction("class_pairs")
    if job is not None:
        return Pending(job)
    ready = [answer for answer in answers if isinstance(answer, Ready)]
    if len(ready) < len(answers):
        jobs = [answer.job for answer in answers if isinstance(answer, Pending)]
        if jobs:
            return Pending(Job(jobs[0].key, jobs[0].label, len(ready), len(answers)))
        # The last summaries came between the questions above.
        return coming_apart(asked)
    settings = asked.work.settings
    last = np.asarray(asked.work.store.array(Kind.ARRAY, ready[-1].value))
    depth = np.full(last.shape, len(ready), np.int64)
    still = np.ones(last.shape, np.bool_)
    for position in reversed(range(len(ready))):
        still &= np.asarray(asked.work.store.array(Kind.ARRAY, ready[position].value)) >= settings.apart_from
        depth[still] = position
    sample = asked.work.readable(asked.view, asked.work.source(asked.view, asked.layers[-1]))
    labels = np.unique(sample.labels)
    # Those that come apart last, in the order of their labels.
    chosen = np.sort(_latest(np.diagonal(depth), np.diagonal(last))[: settings.apart_classes])
    square = np.ix_(chosen, chosen)
    first, second = np.triu_indices(len(chosen), 1)
    order = _latest(depth[square][first, second], last[square][first, second])[:HARDEST]
    found = ComingApart(
        layers=asked.layers,
        classes=labels[chosen],
        class_names=sample.class_names,
        depth=depth[square],
        accuracy=last[square],
        hardest=tuple(zip(first[order].tolist(), second[order].tolist(), strict=True)),
        threshold=settings.apart_from,
        of=len(labels),
    )
    return Ready(found, digest([answer.key for answer in ready]))


def _latest(depth: IntArray, accuracy: np.ndarray[Any, Any]) -> IntArray:
    """Return the order from what comes apart last, of equal ones the least accurate first."""
    return np.lexsort((accuracy, -depth)).astype(np.int64)


def honesty(
    work: LayerWork, view: View, layer: Layer, source: str, projection: Projection
) -> Answer[Honesty]:
    """Return what a picture says of the classes beside what all dimensions say."""
    settings = work.settings
    classes = {"neighbours": settings.knn_neighbours, "queries": settings.knn_queries}
    pictured = {**work.plans.projected(projection), "pictured": settings.picture_images}
    picture = work.derive("picture", view, layer, source, patience=0, **classes, **pictured)
    whole = work.derive("whole", view, layer, source, patience=0, **classes)
    if isinstance(picture, Pending):
        return picture
    if isinstance(whole, Pending):
        return whole
    flat, full = work.store.record(picture.value), work.store.record(whole.value)
    knn, consistency = (flat["knn"], full["knn"]), (flat["consistency"], full["consistency"])
    trust = flat["trust"]
    flags = _flags(knn, consistency, settings.picture_gap)
    if trust is not None and trust < settings.picture_trust:
        flags += (f"many neighbours in the picture are none in the layer (trustworthiness {trust:.2f})",)
    found = Honesty(knn, consistency, trust, flat["trusted"], flat["method"], flags)
    return Ready(found, digest([picture.key, whole.key]))


def _flags(knn: tuple[float, float], consistency: tuple[float, float], gap: float) -> tuple[str, ...]:
    """Return what the picture shows of the classes that is not so."""
    flags = []
    for name, (flat, full) in (("kNN accuracy", knn), ("distance consistency", consistency)):
        if full - flat > gap:
            flags.append(
                f"the classes are further apart in the layer than here ({name} {full:.2f}, not {flat:.2f})"
            )
        elif flat - full > gap:
            flags.append(
                f"the classes are closer together in the layer than here ({name} {full:.2f}, not {flat:.2f})"
            )
    return tuple(flags)
