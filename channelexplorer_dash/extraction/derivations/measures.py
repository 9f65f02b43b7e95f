"""How far the classes of a layer are apart: measures with their intervals, and all pairs of classes.

A record has ``figures``, one entry a measure: ``value``, ``low`` and ``high``, each None where it is not
defined, and ``why`` not; and of how many images it is: ``voters`` were asked, of ``images``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.bootstrap import Interval, bootstrap, jackknife, jackknives
from channelexplorer_dash.core.centroids import CentroidMeasures, centroid_measures
from channelexplorer_dash.core.collapse import simplex_gaps, within_class_variability
from channelexplorer_dash.core.dispersion import calinski_harabasz, davies_bouldin
from channelexplorer_dash.core.gdv import discrimination_value
from channelexplorer_dash.core.hubness import hubness, occurrences
from channelexplorer_dash.core.moments import ClassMoments, class_moments
from channelexplorer_dash.core.neighbourhood import nearest_ratio, neighbourhood
from channelexplorer_dash.core.normalise import apply_scaling
from channelexplorer_dash.core.picture import trustworthiness
from channelexplorer_dash.core.probe import ridge_probe
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.core.separability import knn_votes, loo_knn_accuracy
from channelexplorer_dash.core.silhouette import silhouettes
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.derivations.registry import (
    derives,
    given,
    publish_derivation,
    sample_of,
    scaling_given,
)
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.extraction.samples import sample_moments
from channelexplorer_dash.store import Kind, Store

TRUSTED = 5
"""Neighbours in the picture whose rank in all dimensions makes the trustworthiness, as in scikit-learn."""


@dataclass(frozen=True)
class _Layer:
    """The images of a plan: rows of S as it is, labels, and the moments of the classes."""

    rows: FloatArray
    labels: IntArray
    moments: ClassMoments

    def sample(self, images: int) -> IntArray:
        """Return a stratified sample; all images where there are not more, or where 0 are wanted."""
        return stratified(self.labels, images, 0) if images else np.arange(len(self.labels))


def _layer(store: Store, plan: Derivation) -> _Layer:
    ids, labels = sample_of(store, plan)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    return _Layer(rows, labels, sample_moments(store, plan.source, ids, labels))


def entry(measure: Callable[[], Interval]) -> dict[str, Any]:
    """Return a measure's entry; one that these images do not have says why."""
    try:
        found = measure()
    except DatasetError as error:
        return _undefined(str(error))
    return {**asdict(found), "why": ""}


def _undefined(why: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "why": why}


def _publish(
    store: Store, plan: Derivation, layer: _Layer, asked: int, figures: dict[str, dict[str, Any]], **more: Any
) -> None:
    record = {"figures": figures, "voters": asked, "images": len(layer.labels), **more}
    store.publish_record(plan.key, record)


@derives("knn")
def _knn(store: Store, plan: Derivation) -> None:
    layer = _layer(store, plan)
    neighbours, queries = plan.parameters["neighbours"], plan.parameters["queries"]
    right, voters = knn_votes(layer.rows, layer.labels, neighbours, "cosine", queries)
    figure = entry(lambda: bootstrap(right, layer.labels[voters], layer.labels))
    _publish(store, plan, layer, len(voters), {"knn": figure})


@derives("neighbourhood")
def _neighbourhood(store: Store, plan: Derivation) -> None:
    """Publish Thornton's index and N2 by queries among all images, and hubness among a sample."""
    layer = _layer(store, plan)
    asked = layer.sample(plan.parameters["queries"])
    some = layer.sample(plan.parameters["images"])
    labels = layer.labels[asked]
    figures = {"hubness": entry(lambda: _hubness(layer.rows[some], layer.labels[some]))}
    try:
        found = neighbourhood(layer.rows, layer.labels, asked)
    except DatasetError as error:
        figures |= dict.fromkeys(("thornton", "n2"), _undefined(str(error)))
    else:
        figures["thornton"] = entry(lambda: bootstrap(found.right, labels, layer.labels))
        figures["n2"] = entry(lambda: bootstrap(found.contributions, labels, layer.labels, nearest_ratio))
    _publish(store, plan, layer, len(asked), figures)


def _hubness(rows: FloatArray, labels: IntArray) -> Interval:
    counts = occurrences(rows)
    return jackknife(lambda left: hubness(counts[left]), labels)


@derives("silhouette")
def _silhouette(store: Store, plan: Derivation) -> None:
    layer = _layer(store, plan)
    asked = layer.sample(plan.parameters["queries"])

    def measured() -> Interval:
        found = silhouettes(layer.rows, layer.labels, asked, layer.moments)
        return bootstrap(found, layer.labels[asked], layer.labels)

    _publish(store, plan, layer, len(asked), {"silhouette": entry(measured)})


@derives("class_means")
def _class_means(store: Store, plan: Derivation) -> None:
    """Publish the measures by distances to class means; the pairs of classes come from the same pass."""
    layer = _layer(store, plan)
    found = centroid_measures(layer.rows, layer.labels, layer.moments)
    pairs = Derivation("class_pairs", plan.layer, plan.source, plan.sample, dict(plan.parameters))
    store.publish_array(Kind.ARRAY, pairs.key, _pairs(found, layer))
    figures = {
        "centroid": entry(lambda: bootstrap(found.right_left_out, layer.labels, layer.labels)),
        "silhouette_squared": entry(lambda: _squared(found, layer)),
    }
    _publish(store, plan, layer, len(layer.labels), figures)


def _squared(found: CentroidMeasures, layer: _Layer) -> Interval:
    if len(found.classes) < 2:
        raise DatasetError("The silhouette compares classes: choose at least two.")
    return bootstrap(found.silhouette, layer.labels, layer.labels)


def _pairs(found: CentroidMeasures, layer: _Layer) -> FloatArray:
    """Return the accuracies of the pairs of classes, and on the diagonal of each class among all."""
    pairs = found.pairs.copy()
    ranks = np.searchsorted(found.classes, layer.labels)
    np.fill_diagonal(pairs, np.bincount(ranks, found.right_left_out) / np.bincount(ranks))
    return pairs


@derives("class_pairs")
def _class_pairs(store: Store, plan: Derivation) -> None:
    """Publish float32 (K, K): off the diagonal two classes told apart, on it one class among all."""
    means = Derivation("class_means", plan.layer, plan.source, plan.sample, dict(plan.parameters))
    publish_derivation(store, means)
    if not store.has(plan.result, plan.key):
        layer = _layer(store, plan)
        found = centroid_measures(layer.rows, layer.labels, layer.moments)
        store.publish_array(Kind.ARRAY, plan.key, _pairs(found, layer))


@derives("dispersion")
def _dispersion(store: Store, plan: Derivation) -> None:
    layer = _layer(store, plan)
    whole = _dispersions(layer)

    def measured(left: IntArray) -> DoubleArray:
        rows, labels = layer.rows[left], layer.labels[left]
        found = _dispersions(_Layer(rows, labels, class_moments(rows, labels)))
        return np.array([np.nan if isinstance(value, str) else value for value in found.values()])

    intervals = jackknives(measured, layer.labels)
    figures = {
        name: _undefined(value) if isinstance(value, str) else {**asdict(interval), "why": ""}
        for (name, value), interval in zip(whole.items(), intervals, strict=True)
    }
    _publish(store, plan, layer, len(layer.labels), figures)


def _dispersions(layer: _Layer) -> dict[str, float | str]:
    """Return what needs the moments and at most the distances to the own mean; or why there is none."""
    measures: dict[str, Callable[[], float]] = {
        "davies_bouldin": lambda: davies_bouldin(layer.rows, layer.labels, layer.moments),
        "calinski_harabasz": lambda: calinski_harabasz(layer.moments),
        "nc2": lambda: simplex_gaps(layer.moments).simplex,
    }
    found: dict[str, float | str] = {}
    for name, measure in measures.items():
        try:
            found[name] = measure()
        except DatasetError as error:
            found[name] = str(error)
    return found


@derives("discrimination")
def _discrimination(store: Store, plan: Derivation) -> None:
    layer = _layer(store, plan)
    some = layer.sample(plan.parameters["images"])
    rows, labels = layer.rows[some], layer.labels[some]
    _publish(store, plan, layer, len(some), {"gdv": entry(lambda: discrimination_value(rows, labels))})


@derives("collapse")
def _collapse(store: Store, plan: Derivation) -> None:
    layer = _layer(store, plan)

    def measured() -> Interval:
        parts = within_class_variability(layer.rows, layer.labels, layer.moments)
        return bootstrap(parts, layer.labels, layer.labels)

    _publish(store, plan, layer, len(layer.labels), {"nc1": entry(measured)})


@derives("probe")
def _probe(store: Store, plan: Derivation) -> None:
    layer = _layer(store, plan)
    found = ridge_probe(layer.rows, layer.labels)
    figure = entry(lambda: bootstrap(found.right, layer.labels, layer.labels))
    _publish(store, plan, layer, len(layer.labels), {"probe": figure}, penalty=found.penalty)


@derives("whole")
def _whole(store: Store, plan: Derivation) -> None:
    """Publish what all dimensions of the normalised rows say of the classes."""
    ids, labels = sample_of(store, plan)
    scaling = scaling_given(store, plan)
    rows = apply_scaling(np.asarray(store.array(Kind.SUMMARY, plan.source)[ids]), scaling)
    store.publish_record(plan.key, _classes(rows, labels, plan))


@derives("picture")
def _picture(store: Store, plan: Derivation) -> None:
    """Publish what the two dimensions of a projection say, and how far its neighbours can be trusted."""
    ids, labels = sample_of(store, plan)
    method = plan.parameters["method"]
    placed = given(store, plan, "projection", "normalisation", *_projected(plan))
    xy = np.asarray(store.array(Kind.ARRAY, placed))
    some = stratified(labels, plan.parameters["pictured"], 0)
    values = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids[some]])
    rows = apply_scaling(values, scaling_given(store, plan))
    trust = None
    if len(some) > 2 * TRUSTED:
        trust = float(trustworthiness(rows, xy[some], TRUSTED).mean())
    record = {**_classes(xy, labels, plan), "trust": trust, "trusted": len(some), "method": method}
    store.publish_record(plan.key, record)


def _projected(plan: Derivation) -> tuple[str, ...]:
    return tuple(name for name in ("method", "seed", "images") if name in plan.parameters)


def _classes(rows: FloatArray, labels: IntArray, plan: Derivation) -> dict[str, Any]:
    """Return the kNN accuracy and the distance consistency of some positions."""
    neighbours, queries = plan.parameters["neighbours"], plan.parameters["queries"]
    nearest: BoolArray = centroid_measures(rows, labels).right
    return {
        "knn": loo_knn_accuracy(rows, labels, neighbours, "euclidean", queries).accuracy,
        "consistency": float(nearest.mean()),
    }
