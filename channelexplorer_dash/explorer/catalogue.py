"""The catalogue: the registered models and datasets, opened once, and what identifies them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from channelexplorer_dash.core.sampling import draw
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.filtering import check_only, rows_of
from channelexplorer_dash.datasets.generated import Drawn
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.errors import SelectionError, SettingsError, unknown_name
from channelexplorer_dash.extraction.plan import Generation
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.selection import Only, Selection, View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, digest


class Catalogue:
    """Looks up models and datasets by name, and draws samples."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._models = {spec.name: spec for spec in settings.models}
        self._dataset_specs = {spec.name: spec for spec in settings.datasets}
        self._datasets: dict[str, Dataset] = {}
        self._opening = threading.Lock()
        self._drawn = lru_cache(maxsize=64)(self._draw)

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The registered models, in the order of their registration."""
        return tuple(self._models.values())

    @property
    def datasets(self) -> tuple[DatasetSpec, ...]:
        """The registered datasets."""
        return tuple(self._dataset_specs.values())

    def model(self, name: str) -> ModelSpec:
        """Return a model's spec; raise UnknownNameError where there is none."""
        if name not in self._models:
            raise unknown_name("model", name, list(self._models))
        return self._models[name]

    def identity(self, name: str) -> Mapping[str, Any]:
        """Return what identifies a model's numbers."""
        return identity(self.model(name))

    def dataset_spec(self, name: str) -> DatasetSpec:
        """Return a dataset's spec; raise UnknownNameError where there is none."""
        if name not in self._dataset_specs:
            raise unknown_name("dataset", name, list(self._dataset_specs))
        return self._dataset_specs[name]

    def dataset(self, name: str) -> Dataset:
        """Return a dataset, opened at the first call."""
        spec = self.dataset_spec(name)
        with self._opening:
            if name not in self._datasets:
                drawn = self.generation(name)
                self._datasets[name] = open_dataset(
                    spec, self._settings.max_image_pixels, Drawn(self._store, drawn.key) if drawn else None
                )
            return self._datasets[name]

    def generation(self, name: str) -> Generation | None:
        """Return the plan that draws a generated dataset; None for any other."""
        spec = self.dataset_spec(name)
        if spec.kind != "generated" or not isinstance(spec.generator, ModelSpec):
            return None
        return Generation(spec, identity(spec.generator), self._settings.device)

    def selection(self, query: str) -> Selection:
        """Read a link, fill in what it leaves out, and check its names.

        Raises
        ------
        SelectionError, UnknownNameError, SettingsError
        """
        if not self._models or not self._dataset_specs:
            raise SettingsError(
                "No model or no dataset is registered. Name them with --model and --images, or in a settings "
                "file with --config; `channelexplorer serve --demo` shows the embedded ones."
            )
        first = next(iter(self._dataset_specs.values()))
        selection = Selection.from_query(query, model="", dataset=first.name)
        if not selection.view.model:
            preferred = self.dataset_spec(selection.view.dataset).model
            known = preferred if preferred in self._models else next(iter(self._models))
            selection = selection.with_model(known)
        self.model(selection.view.model)
        self._check_view(selection.view)
        if selection.compare:
            self.model(selection.compare)
        return selection

    def sample(self, view: View) -> tuple[Sample, str]:
        """Return the images of a view, and the key under which the store holds them for the engine."""
        self._check_view(view)
        # Views that mean the same images share one sample, whatever a request holds twice.
        dataset = self.dataset(view.dataset)
        classes = None if view.classes is None else tuple(sorted(set(view.classes)))
        if classes is not None and len(classes) == len(dataset.class_names):
            classes = None
        per_class = view.per_class if view.per_class < len(dataset) else 0
        drawn, key = self._drawn(view.dataset, classes, per_class, view.seed if per_class else 0, view.only)
        # Each time, since a quota may have taken it.
        if not self._store.has(Kind.ARRAY, key):
            self._store.publish_array(Kind.ARRAY, key, np.stack([drawn.image_ids, drawn.labels]))
        return drawn, key

    def _check_view(self, view: View) -> None:
        names = self.dataset(view.dataset).class_names
        check_only(self.dataset(view.dataset), view.only)
        if view.classes is not None and (wrong := [c for c in view.classes if not 0 <= c < len(names)]):
            raise SelectionError(
                f"The dataset {view.dataset} has {len(names)} classes, numbered from 0: "
                f"there is no class {wrong[0]}."
            )

    def _draw(
        self,
        name: str,
        classes: tuple[int, ...] | None,
        per_class: int,
        seed: int,
        only: tuple[Only, ...],
    ) -> tuple[Sample, str]:
        dataset = self.dataset(name)
        rows = rows_of(dataset, only)
        ids = rows[draw(dataset.labels[rows], classes, per_class, seed)]
        if not len(ids):
            raise SelectionError("The chosen classes have no images. Choose others in the Dataset View.")
        labels = dataset.labels[ids]
        key = digest(
            {
                "what": "sample",
                "dataset": dataset.digest,
                "classes": classes,
                "per_class": per_class,
                "seed": seed,
                # Samples of all rows keep the keys that they had before there were filters.
                **({"only": [one.to_text() for one in only]} if only else {}),
            }
        )
        return Sample(ids, labels, dataset.class_names), key
