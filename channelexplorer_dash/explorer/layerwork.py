"""What a layer's results need done, and how far it is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from channelexplorer_dash.choices import Projection
from channelexplorer_dash.core.arrays import BitArray, DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.normalise import Scaling
from channelexplorer_dash.explorer.answers import PARTS, VIEWS
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.desk import Desk
from channelexplorer_dash.explorer.plans import Plans, leaf_parameters
from channelexplorer_dash.extraction.plan import (
    Derivation,
    DerivationName,
    Effects,
    Extraction,
    HeadInput,
    about_key,
)
from channelexplorer_dash.extraction.samples import read_scaling, readable_sample
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.results.answers import Answer, Job, PanelStatus, Pending, Ready, Sample
from channelexplorer_dash.selection import Grouping, View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.store import Kind, Store, digest, schema

logger = logging.getLogger(__name__)

# Parts of a panel that take longer than a person waits for an answer.
_LATER = {"classes", "placed", "scores", "clusters", "leaves"}


class LayerWork:
    """Has what a view needs computed, and turns published results into arrays."""

    def __init__(self, settings: Settings, desk: Desk, catalogue: Catalogue) -> None:
        self.settings = settings
        self._desk = desk
        self._catalogue = catalogue
        self.plans = Plans(settings, catalogue)
        self._predictions: dict[str, tuple[IntArray, FloatArray]] = {}
        self._warned: set[str] = set()

    @property
    def store(self) -> Store:
        """The store."""
        return self._desk.store

    def drawn(self, dataset: str, *, patience: float | None = None) -> Answer[str]:
        """Return the dataset's digest once its images can be read: a generated one is drawn first."""
        plan = self._catalogue.generation(dataset)
        if plan is None:
            digest_of = self._catalogue.dataset(dataset).digest
            return Ready(digest_of, digest_of)
        return self._desk.ask(plan, plan.key, Kind.ARRAY, patience=patience)

    # Summaries

    def summary(self, view: View, description: ModelDescription, layer: Layer) -> Answer[str]:
        """Return the key of a layer's S; the model runs only as far as that layer."""
        drawn = self.drawn(view.dataset)
        if isinstance(drawn, Pending):
            return drawn
        key = self.plans.summary_key(view, layer.name)
        # Blocks are tapped on the way to a block, leaves on the way to a leaf: they come for free.
        granularity = "block" if "block" in layer.granularities else layer.granularities[0]
        on_the_way = [other for other in description.at(granularity) if other.depth <= layer.depth]
        plan = self.plans.extraction(view, tuple(other.name for other in on_the_way), output=False)
        self._check_quota(plan, description)
        return self._desk.ask(plan, key, Kind.SUMMARY)

    def compute(
        self, view: View, description: ModelDescription, layers: tuple[str, ...], *, output: bool
    ) -> Answer[tuple[str, ...]]:
        """Return the keys of several layers' S (and of the predictions), from one pass."""
        drawn = self.drawn(view.dataset, patience=0)
        if isinstance(drawn, Pending):
            return drawn
        ordered = sorted((description.layer(name) for name in layers), key=lambda layer: layer.depth)
        plan = self.plans.extraction(
            view, tuple(layer.name for layer in ordered), output=output and description.outputs > 0
        )
        self._check_quota(plan, description)
        for key in plan.covers:
            kind = Kind.TABLE if key == plan.predictions else Kind.SUMMARY
            asked = self._desk.ask(plan, key, kind, patience=0)
            if isinstance(asked, Pending):
                return asked
        return Ready(plan.covers, plan.key)

    def readable(self, view: View, summary: str) -> Sample:
        """Return the view's sample without the images that could not be read."""
        sample, key = self._catalogue.sample(view)
        ids, labels = readable_sample(self.store, summary, key)
        return Sample(ids, labels, sample.class_names)

    def rows(self, summary: str, image_ids: IntArray) -> FloatArray:
        """Return rows of S, float32 (n, C)."""
        return np.asarray(self.store.array(Kind.SUMMARY, summary)[image_ids])

    def source(self, view: View, layer: Layer) -> str:
        """Return the key that a layer's S has, whether it is there or not."""
        return self.plans.summary_key(view, layer.name)

    def labels(self, view: View) -> IntArray:
        """Return the labels of the view's images, int64 (n,)."""
        return self._catalogue.sample(view)[0].labels

    # What is derived from S

    def derive(
        self,
        name: DerivationName,
        view: View,
        layer: Layer,
        source: str,
        *,
        patience: float | None = None,
        **more: Any,
    ) -> Answer[str]:
        """Return the key of a result derived from S, computed for the view's sample."""
        plan = self.plans.derivation(name, view, layer, source, more)
        return self._desk.ask(plan, plan.key, plan.result, patience=patience)

    def measured(self, name: DerivationName, view: View, layer: Layer, **more: Any) -> Answer[str] | None:
        """Return the key of a measure's result; None where neither it nor the layer's S is there."""
        source = self.source(view, layer)
        plan = self.plans.derivation(name, view, layer, source, more)
        if not (self.store.has(plan.result, plan.key) or self.store.has(Kind.SUMMARY, source)):
            return None
        return self._desk.ask(plan, plan.key, plan.result, patience=0)

    def is_measured(self, name: DerivationName, view: View, layer: Layer, **more: Any) -> bool:
        """Say whether a measure's result is there; nothing is computed."""
        plan = self.plans.derivation(name, view, layer, self.source(view, layer), more)
        return self.store.has(plan.result, plan.key)

    def scaling(self, view: View, layer: Layer, source: str) -> Answer[Scaling]:
        """Return how the view normalises S."""
        asked = self.derive("scaling", view, layer, source)
        if isinstance(asked, Pending):
            return asked
        return Ready(read_scaling(self.store, asked.value, view.normalisation), asked.key)

    def active(self, view: View, layer: Layer, source: str) -> Answer[BitArray]:
        """Return the active sets of the view's readable images, mapped: uint64 (n, words)."""
        asked = self.derive("active", view, layer, source, top_fraction=view.top_fraction)
        if isinstance(asked, Pending):
            return asked
        return Ready(self.store.array(Kind.ARRAY, asked.value), asked.key)

    def statistic(self, view: View, layer: Layer, source: str, sorting: str) -> Answer[DoubleArray]:
        """Return one number per channel, float64 (C,): what the sorting sorts by."""
        table: DerivationName = "scorecard" if sorting in schema.SCORECARD else "statistics"
        asked = self.derive(table, view, layer, source, top_fraction=view.top_fraction)
        if isinstance(asked, Pending):
            return asked
        column = self.store.table(asked.value, [sorting]).to_series()
        return Ready(column.to_numpy(), asked.key)

    def scores(self, view: View, layer: Layer, source: str) -> tuple[pl.DataFrame, str] | None:
        """Return the scorecard of a layer and its key, if it is there already."""
        asked = self.derive("scorecard", view, layer, source, patience=0, top_fraction=view.top_fraction)
        if isinstance(asked, Pending):
            return None
        return self.store.table(asked.value, [schema.BEST_CLASS, *schema.SCORES]), asked.key

    def classes(self, view: View, layer: Layer, source: str) -> Answer[tuple[FloatArray, bool]]:
        """Return the similarity of classes, and whether it is the exact mean over all pairs of images.

        What the expected overlap makes of it, in closed form, stands in while the pairs are compared.
        """
        exact = self.derive("class_jaccard", view, layer, source, patience=0, top_fraction=view.top_fraction)
        shown = exact
        if isinstance(exact, Pending):
            shown = self.derive("class_overlap", view, layer, source, top_fraction=view.top_fraction)
        if isinstance(shown, Pending):
            return shown
        similarity = np.asarray(self.store.array(Kind.ARRAY, shown.value))
        return Ready((similarity, shown is exact), shown.key)

    def subclasses(self, view: View, layer: Layer, source: str, grouping: Grouping) -> Answer[str]:
        """Return the key of the cluster of each image's subclass, int64 (n,)."""
        return self.derive("subclasses", view, layer, source, clusters=grouping.clusters)

    def leaf_distances(
        self, view: View, layer: Layer, source: str, grouping: Grouping, *, patience: float | None = None
    ) -> Answer[str]:
        """Return the key of the distances between the leaves of a hierarchy, float64 (P, P)."""
        needed = leaf_parameters(view, grouping)
        return self.derive("leaf_distances", view, layer, source, patience=patience, **needed)

    def kernel_norms(self, view: View, description: str, layer: Layer) -> Answer[str]:
        """Return the key of the norms of a layer's kernels, (C,), or (0,) where it has none."""
        plan = self.plans.kernel_norms(view, description, layer)
        return self._desk.ask(plan, plan.key, plan.result)

    def placed(
        self, name: DerivationName, view: View, layer: Layer, source: str, projection: Projection, **more: Any
    ) -> Answer[str]:
        """Return the key of what is found about what is in no dataset, placed in a projection."""
        wanted = {"projected": self.plans.projected(projection), **self.plans.of_the_model(view), **more}
        return self.derive(name, view, layer, source, **wanted)

    # Contributions

    def ask(self, plan: Derivation | Effects | HeadInput) -> Answer[str]:
        """Return the key of a result that is not of the view's own sample."""
        return self._desk.ask(plan, plan.key, plan.result)

    def keep_sample(self, view: View, image_ids: IntArray, labels: IntArray) -> str:
        """Return the key under which the engine finds some images with a label each, groups for example."""
        dataset = self._catalogue.dataset(view.dataset).digest
        what = {"what": "images", "dataset": dataset, "ids": image_ids.tolist(), "labels": labels.tolist()}
        key = digest(what)
        self.store.publish_array(Kind.ARRAY, key, np.stack([image_ids, labels]))
        return key

    def logits(
        self,
        view: View,
        sample: str,
        images: int,
        layer: Layer | None = None,
        channels: Sequence[int] = (),
        values: Sequence[float] = (),
    ) -> Answer[str]:
        """Return the key of the model's logits on a sample, with channels of a layer held at values."""
        plan = self.plans.logits(view, sample, images, layer, channels, values)
        return self._desk.ask(plan, plan.key, Kind.ARRAY)

    def label_issues(
        self, view: View, description: ModelDescription, layers: tuple[Layer, ...]
    ) -> Answer[str]:
        """Return the key of the ranked labels of the view's sample, found in several layers."""
        asked = self.compute(view, description, tuple(layer.name for layer in layers), output=False)
        if isinstance(asked, Pending):
            return asked
        sources = {layer.name: self.plans.summary_key(view, layer.name) for layer in layers}
        last = layers[-1]
        wanted = self.plans.label_issues(view, sources)
        return self.derive("label_issues", view, last, sources[last.name], **wanted)

    # Panels

    def status(
        self,
        view: View,
        description: ModelDescription,
        layer: Layer,
        projection: Projection,
        grouping: Grouping,
        *,
        clustered: bool,
    ) -> PanelStatus:
        """Say what a panel can show, and have the engine work on the rest, what is quick first.

        The clusters are looked for where the images are coloured by them (``clustered``).
        """
        summary = self.summary(view, description, layer)
        if isinstance(summary, Pending):
            return PanelStatus(dict.fromkeys((*VIEWS, *PARTS)), summary.job)
        top = {"top_fraction": view.top_fraction}
        wanted: dict[str, tuple[DerivationName, dict[str, Any]]] = {
            "scaling": ("scaling", {}),
            "statistics": ("statistics", top),
            "overlap": ("class_overlap", top),
            "pairs": ("image_jaccard", self.plans.drawn_pairs(view)),
            "pca": ("projection", self.plans.projected("pca")),
            "scores": ("scorecard", top),
            "classes": ("class_jaccard", top),
            "placed": ("projection", self.plans.projected(projection)),
        }
        if clustered:
            wanted["clusters"] = ("clusters", {"clusters": grouping.clusters})
        if grouping.leaves != "classes" or grouping.distance != "jaccard":
            wanted["leaves"] = ("leaf_distances", leaf_parameters(view, grouping))
        keys: dict[str, str | None] = {}
        waiting: list[Job] = []
        for part, (name, parameters) in wanted.items():
            # One wait a request: all are under way by the time that the first of them has been waited for.
            patience = 0.0 if waiting or part in _LATER else None
            answer = self.derive(name, view, layer, summary.value, patience=patience, **parameters)
            keys[part] = answer.key if isinstance(answer, Ready) else None
            if isinstance(answer, Pending):
                waiting.append(answer.job)
        scaled = keys["scaling"] is not None
        versions = {
            "scatterplot": keys["placed"] or keys["pca"],
            "jaccard": keys["pairs"] and (keys["classes"] or keys["overlap"]),
            "heatmap": (keys["scores"] or keys["statistics"]) if scaled and keys["statistics"] else None,
            "hierarchy": keys["leaves"] if "leaves" in wanted else keys["classes"] or keys["overlap"],
            "clusters": keys.get("clusters"),
        }
        return PanelStatus(versions, waiting[0] if waiting else None)

    def project(
        self, view: View, layer: Layer, source: str, projection: Projection, *, patience: float | None = None
    ) -> Answer[str]:
        """Return the key of 2-D positions."""
        return self.derive(
            "projection", view, layer, source, patience=patience, **self.plans.projected(projection)
        )

    def predictions(self, view: View) -> tuple[IntArray, FloatArray] | None:
        """Return predictions (-1: none) and confidences of all images of the dataset, if they are there."""
        dataset = self._catalogue.dataset(view.dataset)
        key = self.plans.predictions_key(view)
        if key not in self._predictions:
            if not self.store.has(Kind.TABLE, key):
                return None
            table = self.store.table(key)
            predicted = np.full(len(dataset), -1, np.int64)
            confidence = np.zeros(len(dataset), np.float32)
            rows = table[schema.IMAGE_ID].to_numpy()
            predicted[rows] = table[schema.PREDICTION].to_numpy()
            confidence[rows] = table[schema.CONFIDENCE].to_numpy()
            self._predictions = {key: (predicted, confidence)}
        return self._predictions.get(key)

    def left_out(self, view: View, description: ModelDescription) -> tuple[str, ...]:
        """Return one line for each image that could not be read, and one on images without a prediction."""
        summaries = [self.plans.summary_key(view, layer.name) for layer in reversed(description.at("block"))]
        for key in (self.plans.predictions_key(view), *summaries):
            if self.store.has(Kind.RECORD, about_key(key)):
                about = self.store.record(about_key(key))
                lines = [str(reason) for _, _, reason in about["left_out"]]
                if key not in summaries and (count := about["non_finite"]):
                    images = "1 image has" if count == 1 else f"{count:,} images have"
                    lines.insert(
                        0, f"{images} no prediction: the model's output is not finite (NaN or infinity)."
                    )
                return tuple(lines)
        return ()

    def _check_quota(self, plan: Extraction, description: ModelDescription) -> None:
        """Warn, once a plan, where its results alone are more than the quota allows."""
        quota = self.settings.store_quota_gb
        if not quota or plan.key in self._warned:
            return
        channels = sum(description.layer(name).channels for name in plan.layers)
        size = 4e-9 * plan.images * channels * len(plan.summaries)
        if size > quota:
            self._warned.add(plan.key)
            logger.warning(
                "%s: the results take %.3g GB, more than store_quota_gb = %g. They will be removed and "
                "computed again and again. Raise store_quota_gb, or name fewer summaries in the settings.",
                plan.label,
                size,
                quota,
            )
