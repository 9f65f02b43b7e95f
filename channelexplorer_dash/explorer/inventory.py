"""The inventory: models and datasets, the layers and images that they have, and what is being computed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl

from channelexplorer_dash.choices import Granularity, check_granularity
from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.explorer import answers
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.desk import Desk
from channelexplorer_dash.explorer.flow import layer_graph
from channelexplorer_dash.explorer.images import Predictions, check_images, image_rows, image_table
from channelexplorer_dash.explorer.labels import LabelDesk
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.extraction.engine import Engine
from channelexplorer_dash.extraction.plan import Describe
from channelexplorer_dash.models.description import ModelDescription, check_names
from channelexplorer_dash.results.answers import Answer, Job, Pending, Ready, Sample
from channelexplorer_dash.results.images import ImageRow
from channelexplorer_dash.results.layers import LayerGraph
from channelexplorer_dash.selection import Selection, View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, StoreSize, digest
from channelexplorer_dash.store.decisions import Decision

# What a request may wait for drawing or overlaying images, which its page cannot show in parts.
IMAGE_PATIENCE_SECONDS = 8.0
_SIZE_SECONDS = 30.0


class Inventory:
    """Says what there is, and has layers computed ahead.

    :class:`~channelexplorer_dash.explorer.facade.Explorer`, whose parameters these are, adds what can be
    asked of it.
    """

    def __init__(self, settings: Settings, *, batch: bool = False) -> None:
        self.settings = settings
        self._store = Store(settings.store)
        self._engine = Engine(settings, self._store, batch=batch)
        self._desk = Desk(self._store, self._engine, settings.patience_seconds)
        self._catalogue = Catalogue(settings, self._store)
        self._work = LayerWork(settings, self._desk, self._catalogue)
        self.labels = LabelDesk(self._store, self._catalogue, settings.reviewer)
        self._sized = lru_cache(maxsize=1)(lambda _moment: self._store.size())
        self._described = lru_cache(maxsize=32)(
            lambda key: ModelDescription.from_json(self._store.record(key))
        )
        self._graphs = lru_cache(maxsize=32)(
            lambda key, granularity: layer_graph(self._described(key), granularity)
        )

    # Models and datasets

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
        return self._work.drawn(name, patience=IMAGE_PATIENCE_SECONDS if wait else 0)

    def selection(self, query: str) -> Selection:
        """Read a link's query, fill in defaults and check its names; layers stay as the link has them."""
        return self._catalogue.selection(query)

    def describe(self, model: str) -> Answer[ModelDescription]:
        """Return a model's layers; the first time, the engine builds the model."""
        spec = self._catalogue.model(model)
        plan = Describe(spec, self._catalogue.identity(model))
        asked = self._desk.ask(plan, plan.key, Kind.RECORD)
        if isinstance(asked, Pending):
            return asked
        return Ready(_named(self._described(asked.key), spec), asked.key)

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

    # Images

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

    def left_out(self, view: View) -> tuple[str, ...]:
        """Return one line for each image that could not be read, once the model has run over them."""
        described = self.describe(view.model)
        return () if isinstance(described, Pending) else self._work.left_out(view, described.value)

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


def _named(description: ModelDescription, spec: ModelSpec) -> ModelDescription:
    """Return a description with the names that the settings have now.

    Names change no number, so that the record stays when they change, and has those of its first day. The
    names of ImageNet are known to the engine alone.

    Raises
    ------
    ModelError
        If there are not as many as the model has outputs.
    """
    if spec.class_names == "imagenet":
        return description
    names = spec.class_names or ()
    check_names(spec.name, description.outputs, names)
    return replace(description, class_names=names)
