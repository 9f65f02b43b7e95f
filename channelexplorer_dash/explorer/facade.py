"""The explorer: everything that the page, the command line and a notebook ask for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
import polars as pl

from channelexplorer_dash.core.arrays import FloatArray, IntArray
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import answers, contributions, effects, measuring, steps
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.contributions import Ablated, Fill, Groups
from channelexplorer_dash.explorer.desk import Desk
from channelexplorer_dash.explorer.flow import layer_graph
from channelexplorer_dash.explorer.hierarchy import clusters, hierarchy
from channelexplorer_dash.explorer.images import (
    ColourValues,
    Predictions,
    check_images,
    image_rows,
    image_table,
)
from channelexplorer_dash.explorer.images import colours as image_colours
from channelexplorer_dash.explorer.labels import LabelDesk, colour_values, review_layers
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.explorer.new_images import NewImages
from channelexplorer_dash.explorer.new_latents import NewLatents
from channelexplorer_dash.explorer.two_models import TwoModels
from channelexplorer_dash.extraction.engine import Engine
from channelexplorer_dash.extraction.plan import Describe
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.answers import Answer, Job, PanelStatus, Pending, Ready, Sample
from channelexplorer_dash.results.channels import (
    AblationDetail,
    ChannelDetail,
    ContrastDetail,
    ScorecardTable,
)
from channelexplorer_dash.results.images import ImageRow, LabelReview
from channelexplorer_dash.results.layers import ComingApart, LayerGraph, MeasureMatrix, Profile, StepMatrix
from channelexplorer_dash.results.views import (
    ClassJaccard,
    ClusterAnswer,
    Heatmap,
    Hierarchy,
    Honesty,
    ImageJaccard,
    PairDetail,
    Scatter,
)
from channelexplorer_dash.selection import (
    ChannelMark,
    Distance,
    Granularity,
    Grouping,
    JaccardMode,
    JaccardOrder,
    Marks,
    Measure,
    PairMark,
    Projection,
    Selection,
    Sorting,
    View,
    check_granularity,
    check_measure,
    check_projection,
    check_sorting,
)
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, StoreSize, digest
from channelexplorer_dash.store.decisions import Decision

PLAIN = Grouping()
_OVERLAY_PATIENCE_SECONDS = 8.0
_SIZE_SECONDS = 30.0
# A channel's card asks for a dozen overlays at once. While the engine is busy they would take all threads of
# the server, for everybody; the others are told to ask again.
_OVERLAYS_WAITING = 3


class Explorer:
    """Answers questions about models on datasets; computes what is missing on the engine.

    Any number of threads may share one. Nothing is computed before it is asked for.

    Parameters
    ----------
    settings
        The registered models and datasets, the store and the engine.
    batch
        Whether nobody waits in front of a page, so that the engine serves others first.

    Raises
    ------
    StoreError
        If the store cannot be used.
    """

    def __init__(self, settings: Settings, *, batch: bool = False) -> None:
        self.settings = settings
        self._store = Store(settings.store)
        self._engine = Engine(settings, self._store, batch=batch)
        self._desk = Desk(self._store, self._engine, settings.patience_seconds)
        self._catalogue = Catalogue(settings, self._store)
        self._work = LayerWork(settings, self._desk, self._catalogue)
        self.labels = LabelDesk(self._store, self._catalogue, settings.reviewer)
        self.two_models = TwoModels(
            self._catalogue, self._work, self._of_all_layers, self._prepare, self._output_names
        )
        self.new_images = NewImages(self._work, self._prepare, self._output_names, self.dataset)
        self.new_latents = NewLatents(self._work, self._catalogue, self._prepare)
        self._overlays_waiting = threading.BoundedSemaphore(_OVERLAYS_WAITING)
        self._sized = lru_cache(maxsize=1)(lambda _moment: self._store.size())
        self._described = lru_cache(maxsize=32)(
            lambda key: ModelDescription.from_json(self._store.record(key))
        )
        self._graphs = lru_cache(maxsize=32)(
            lambda key, granularity: layer_graph(self._described(key), granularity)
        )

    # What there is

    def models(self) -> tuple[ModelSpec, ...]:
        """Return the registered models."""
        return self._catalogue.models

    def datasets(self) -> tuple[DatasetSpec, ...]:
        """Return the registered datasets."""
        return self._catalogue.datasets

    def dataset(self, name: str) -> Dataset:
        """Return a dataset, opened at the first call; raise UnknownNameError or DatasetError."""
        return self._catalogue.dataset(name)

    def drawn(self, name: str, *, wait: bool = True) -> Answer[str]:
        """Say whether the images of a dataset can be read; those of a generated one are drawn first."""
        return self._work.drawn(name, patience=_OVERLAY_PATIENCE_SECONDS if wait else 0)

    def selection(self, query: str) -> Selection:
        """Read a link's query, fill in defaults and check its names; layers stay as the link has them."""
        return self._catalogue.selection(query)

    def describe(self, model: str) -> Answer[ModelDescription]:
        """Return a model's layers; the first time, the engine builds the model."""
        plan = Describe(self._catalogue.model(model), self._catalogue.identity(model))
        asked = self._desk.ask(plan, plan.key, Kind.RECORD)
        return asked if isinstance(asked, Pending) else Ready(self._described(asked.key), asked.key)

    def graph(self, model: str, granularity: Granularity) -> Answer[LayerGraph]:
        """Return what flows where between a model's layers, laid out from top to bottom."""
        check_granularity(granularity)
        described = self.describe(model)
        if isinstance(described, Pending):
            return described
        return Ready(self._graphs(described.key, granularity), digest([described.key, granularity]))

    def default_layers(self, description: ModelDescription) -> tuple[str, ...]:
        """Return the layers that the page opens with: a block in the middle, and the last with positions."""
        blocks = [layer for layer in description.at("block") if layer.layout != "dense"]
        # A stem's convolution or a pooling tells less than a block that is made of several modules.
        composed = [layer for layer in blocks if "leaf" not in layer.granularities]
        shown = composed or blocks or list(description.layers)
        return tuple(dict.fromkeys((shown[len(shown) // 2].name, shown[-1].name)))

    def sample(self, view: View) -> Sample:
        """Return the images that take part in a view."""
        return self._catalogue.sample(view)[0]

    # The three views

    def status(
        self,
        view: View,
        layer: str,
        projection: Projection,
        grouping: Grouping = PLAIN,
        *,
        clustered: bool = False,
    ) -> PanelStatus:
        """Say what a panel can show, and have the engine work on the rest, clusters where ``clustered``."""
        check_projection(projection)
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return PanelStatus(dict.fromkeys((*answers.VIEWS, *answers.PARTS)), described.job)
        found = described.value.layer(layer)
        return self._work.status(view, described.value, found, projection, grouping, clustered=clustered)

    def scatter(self, view: View, layer: str, projection: Projection) -> Answer[Scatter]:
        """Return 2-D positions of the images; PCA's while another projection is computed."""
        check_projection(projection)
        prepared = self._prepare(view, layer)
        return (
            prepared if isinstance(prepared, Pending) else answers.scatter(self._work, prepared, projection)
        )

    def jaccard(
        self,
        view: View,
        layer: str,
        mode: JaccardMode,
        order: JaccardOrder,
        distance: Distance = "jaccard",
    ) -> Answer[ImageJaccard | ClassJaccard]:
        """Return the Jaccard similarity of images or of classes; ``auto`` chooses by their number."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        return answers.jaccard(self._work, prepared, mode, order, Grouping(distance=distance).distance)

    def hierarchy(
        self, view: View, layer: str, grouping: Grouping = PLAIN, order: JaccardOrder = "hierarchy"
    ) -> Answer[Hierarchy]:
        """Return the tree of the classes or subclasses, compared with a known one where there is one."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        tree = self._catalogue.dataset_spec(view.dataset).tree
        return hierarchy(self._work, prepared, grouping, order, tree)

    def clusters(self, view: View, layer: str, grouping: Grouping = PLAIN) -> Answer[ClusterAnswer]:
        """Return the clusters of a layer's images; of one class alone, they are its sub-clusters."""
        prepared = self._prepare(view, layer)
        return prepared if isinstance(prepared, Pending) else clusters(self._work, prepared, grouping)

    def heatmap(
        self, view: View, layer: str, sorting: Sorting, marks: Marks, fill: Fill = "zero"
    ) -> Answer[Heatmap]:
        """Return channels × images, marked images first; effects are those of channels set to ``fill``."""
        check_sorting(sorting)
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return effects.heatmap(self._work, prepared, sorting, marks, names, fill)

    # Generated states

    def steps(self, view: View, granularity: Granularity, measure: Measure = "knn") -> Answer[StepMatrix]:
        """Return how far the classes are apart in every layer at each timestep."""
        asked = self._of_all_layers(view, granularity)
        if isinstance(asked, Pending):
            return asked
        return steps.step_matrix(asked, self.dataset(view.dataset), measure)

    def trajectories(self, view: View, sample: Sample, *, shown: bool) -> IntArray | None:
        """Return the positions in a sample along each trajectory, -1 between two; None for no trajectory."""
        ways = steps.trajectories(self.dataset(view.dataset), sample)
        return ways if ways is None or shown else ways[:0]

    # Details

    def pair(self, view: View, pair: PairMark) -> Answer[PairDetail]:
        """Return the overlap of two images' active sets."""
        prepared = self._prepare(view, pair.layer)
        return prepared if isinstance(prepared, Pending) else answers.pair(self._work, prepared, pair)

    def channel(self, view: View, mark: ChannelMark) -> Answer[ChannelDetail]:
        """Return one channel's values over the sample, and its most activating images."""
        prepared = self._prepare(view, mark.layer)
        return prepared if isinstance(prepared, Pending) else answers.channel(self._work, prepared, mark)

    def scorecard(self, view: View, layer: str, fill: Fill = "zero") -> Answer[ScorecardTable]:
        """Return figures of every channel of a layer; effects of channels set to ``fill`` if measured."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return effects.scorecard(self._work, prepared, names, fill)

    def effects(self, view: View, layer: str, fill: Fill = "zero") -> Answer[str]:
        """Have the effect of ablating every channel of a layer measured, for the scorecard to show."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return effects.measure(self._work, prepared, names, fill)

    def contrast(self, view: View, groups: Groups) -> Answer[ContrastDetail]:
        """Return the smallest set of channels that tells two groups of images apart."""
        prepared = self._prepare(view, groups.layer)
        return (
            prepared
            if isinstance(prepared, Pending)
            else contributions.contrast(self._work, prepared, groups)
        )

    def ablation(self, view: View, ablated: Ablated) -> Answer[AblationDetail]:
        """Return what a model answers with channels of a layer held at zero or at their mean."""
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        prepared = self._prepare(view, ablated.layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return contributions.ablation(self._work, prepared, described.value, ablated, names)

    def overlay(self, view: View, mark: ChannelMark, image_id: int) -> Answer[FloatArray]:
        """Return one channel's activation map of one image, float32 (H, W), recomputed for it alone."""
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        layer = described.value.layer(mark.layer)
        answers.check_channel(layer, mark.channel)
        check_images(self.dataset(view.dataset), np.array([image_id]))
        plan = self._work.overlay_plan(view, described.key, layer, mark.channel, image_id)
        waits = self._overlays_waiting.acquire(blocking=False)
        try:
            patience = _OVERLAY_PATIENCE_SECONDS if waits else 0
            asked = self._desk.ask(plan, plan.key, Kind.ARRAY, patience=patience)
        finally:
            if waits:
                self._overlays_waiting.release()
        if isinstance(asked, Pending):
            return asked
        return Ready(np.asarray(self._store.array(Kind.ARRAY, asked.key)), asked.key)

    # How far the classes are apart

    def profile(self, view: View, granularity: Granularity, measure: Measure = "knn") -> Answer[Profile]:
        """Return the depth profile, with the layers that are known so far; have the rest computed."""
        check_measure(measure)
        asked = self._of_all_layers(view, granularity)
        return asked if isinstance(asked, Pending) else measuring.profile(asked, measure)

    def measures(self, view: View, granularity: Granularity) -> Answer[MeasureMatrix]:
        """Return every measure of every layer, as far as they are known; have the rest computed."""
        asked = self._of_all_layers(view, granularity)
        return asked if isinstance(asked, Pending) else measuring.matrix(asked)

    def coming_apart(self, view: View, granularity: Granularity) -> Answer[ComingApart]:
        """Return at which layer each pair of classes comes apart, once all layers are known."""
        asked = self._of_all_layers(view, granularity)
        return asked if isinstance(asked, Pending) else measuring.coming_apart(asked)

    def honesty(self, view: View, layer: str, projection: Projection) -> Answer[Honesty]:
        """Return how far a layer's picture can be believed."""
        check_projection(projection)
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        return measuring.honesty(self._work, prepared.view, prepared.layer, prepared.summary, projection)

    def _of_all_layers(self, view: View, granularity: Granularity) -> measuring.AllLayers | Pending:
        check_granularity(granularity)
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        return measuring.AllLayers(self._work, view, described.value, described.key, granularity)

    def images(self, view: View, image_ids: Iterable[int]) -> tuple[ImageRow, ...]:
        """Return what is known of some images, at once; predictions are None until they are computed.

        Raises
        ------
        UnknownNameError
            If the dataset has no such image.
        """
        return image_rows(*self._known_of(view, image_ids))

    def image_table(self, view: View, image_ids: Iterable[int]) -> pl.DataFrame:
        """Return what is known of any number of images, one row each, as for an export.

        Raises
        ------
        UnknownNameError
            If the dataset has no such image.
        """
        return image_table(*self._known_of(view, image_ids))

    def colours(self, view: View, sample: Sample, colour_by: str) -> ColourValues:
        """Return what the images of a sample are coloured by, other than a channel.

        Parameters
        ----------
        colour_by
            ``class``, ``prediction``, ``correct``, ``confidence``, ``suspicion``, ``decision``, or a column
            of the dataset's table.
        """
        dataset = self.dataset(view.dataset)
        if colour_by in {"suspicion", "decision"}:
            review = self.label_review(view) if colour_by == "suspicion" else None
            found = review.value if isinstance(review, Ready) else None
            return colour_values(sample, found, self.labels.current(view.dataset))
        return image_colours(
            dataset, sample, colour_by, self._work.predictions(view), self._output_names(view, dataset)
        )

    def left_out(self, view: View) -> tuple[str, ...]:
        """Return one line for each image that could not be read, once the model has run over them."""
        described = self.describe(view.model)
        return () if isinstance(described, Pending) else self._work.left_out(view, described.value)

    # Labels

    def label_review(self, view: View) -> Answer[LabelReview]:
        """Return the view's labels, the most suspicious first, found in the later layers of the model.

        Raises
        ------
        SelectionError
            If the view has only one class.
        """
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        if len(np.unique(self.sample(view).labels)) < 2:
            raise SelectionError("Labels can be reviewed where there are at least two classes. Choose more.")
        layers = review_layers(described.value, self.settings.label_layers)
        names = tuple(layer.name for layer in layers)
        asked = self._work.label_issues(view, described.value, layers)
        if isinstance(asked, Pending):
            return asked
        return Ready(
            self.labels.review(asked.value, names, self.dataset(view.dataset).class_names), asked.key
        )

    # Jobs

    def jobs(self) -> tuple[Job, ...]:
        """Return what the engine is doing, for whomever."""
        return self._desk.jobs()

    def store_size(self) -> StoreSize:
        """Return what the store takes, as of at most half a minute ago: every file is looked at."""
        return self._sized(int(time.monotonic() / _SIZE_SECONDS))

    def cancel(self, key: str) -> None:
        """Stop a job; what it has published stays."""
        self._engine.cancel(key)

    def retry(self, key: str) -> None:
        """Allow a failed job to be tried again."""
        self._engine.retry(key)

    def close(self) -> None:
        """Leave the engine."""
        self._engine.close()

    def compute(self, view: View, layers: tuple[str, ...], *, output: bool) -> Answer[tuple[str, ...]]:
        """Have summaries computed in one pass, up to the deepest of ``layers``.

        Returns
        -------
        Answer
            The keys of what was published, once all of it is there.
        """
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        return self._work.compute(view, described.value, layers, output=output)

    def _prepare(self, view: View, layer: str) -> answers.Prepared | Pending:
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        found = described.value.layer(layer)
        asked = self._work.summary(view, described.value, found)
        if isinstance(asked, Pending):
            return asked
        return answers.Prepared(
            view, described.key, found, asked.value, self._work.readable(view, asked.value)
        )

    def _known_of(
        self, view: View, image_ids: Iterable[int]
    ) -> tuple[Dataset, IntArray, Predictions | None, tuple[str, ...], Mapping[int, Decision]]:
        dataset = self.dataset(view.dataset)
        ids = np.fromiter(image_ids, np.int64)
        check_images(dataset, ids)
        decisions = self.labels.current(view.dataset)
        return dataset, ids, self._work.predictions(view), self._output_names(view, dataset), decisions

    def _output_names(self, view: View, dataset: Dataset) -> tuple[str, ...]:
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return ()
        if described.value.class_names:
            return described.value.class_names
        matching = described.value.outputs == len(dataset.class_names)
        return dataset.class_names if matching else ()
