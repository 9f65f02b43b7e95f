"""New latents: drawn by class and seed, or read from a file, and placed among a dataset's states.

They belong to no dataset, and go an hour after their last use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from channelexplorer_dash.choices import Projection
from channelexplorer_dash.datasets.generated import SEED, GeneratedDataset, states_key
from channelexplorer_dash.datasets.latents import read_latent
from channelexplorer_dash.errors import DatasetError, SelectionError
from channelexplorer_dash.explorer import answers
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.explorer.steps import timesteps_key
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.images import PlacedLatent
from channelexplorer_dash.selection import View
from channelexplorer_dash.specs import ModelSpec
from channelexplorer_dash.store import Kind, digest
from channelexplorer_dash.store.keys import is_key
from channelexplorer_dash.store.tidying import forget_passing

MOST_SEEDS = 2**31
_NAME_CHARACTERS = 60
_UNREADABLE = "The new latents cannot be read. Remove them and place them again."


@dataclass(frozen=True)
class Latent:
    """A new latent of a dataset.

    Attributes
    ----------
    label
        Class that the model is told.
    seed
        That its noise is drawn with; None where it comes from a file.
    noise
        Key of a file's values, or empty.
    timestep
        Of the one state that is placed; None for all on the way. A file's values are the state of that
        timestep, or the noise that the way begins with.
    name
        Of the file, or empty.
    """

    dataset: str
    label: int
    seed: int | None = None
    noise: str = ""
    timestep: int | None = None
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form, as the page keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Latent:
        """Read :meth:`to_json`'s form back; raise SelectionError where it was tampered with."""
        if not isinstance(data, Mapping):
            raise SelectionError(_UNREADABLE)
        try:
            seed, timestep, noise = data["seed"], data["timestep"], str(data["noise"])
            if noise and not is_key(noise):
                raise SelectionError(_UNREADABLE)
            return cls(
                str(data["dataset"]),
                int(data["label"]),
                None if seed is None else int(seed),
                noise,
                None if timestep is None else int(timestep),
                str(data["name"])[:_NAME_CHARACTERS],
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SelectionError(_UNREADABLE) from error


@dataclass(frozen=True)
class PlacedLatents:
    """New latents in one layer, by the projection ``method``, in the order in which they were asked for."""

    layer: Layer
    method: str
    latents: tuple[PlacedLatent, ...]


@dataclass(frozen=True)
class NewLatents:
    """Takes latents that are in no dataset, and says where they belong.

    Attributes
    ----------
    prepare
        What the explorer knows of a layer.
    """

    work: LayerWork
    catalogue: Catalogue
    prepare: Callable[[View, str], Prepared | Pending]

    def takes(self, view: View) -> bool:
        """Say whether a view's model starts from the latents or states that its dataset is made of."""
        dataset = self.catalogue.dataset(view.dataset)
        return (
            isinstance(dataset, GeneratedDataset) and dataset.takes == self.catalogue.model(view.model).takes
        )

    def timesteps(self, dataset: str) -> list[int]:
        """Return the timesteps of a dataset, from noise to image; 0 alone where it has none."""
        found = np.unique(self._generated(dataset).timesteps)[::-1]
        return [int(step) for step in found]

    def next_seed(self, dataset: str) -> int:
        """Return the least seed that is larger than all of a dataset."""
        return 1 + max(self._seeds(dataset))

    def take(self, view: View, name: str, content: bytes, label: int, timestep: int | None) -> Latent:
        """Read a file, and keep its values for the engine, for an hour at most.

        Raises
        ------
        DatasetError, SelectionError
            If it is no latent of the dataset's shape, or class or timestep are none.
        """
        dataset = self._generated(view.dataset)
        if isinstance(self.work.drawn(view.dataset, patience=0), Pending):
            raise SelectionError(f"{view.dataset} is being drawn. Drop the file when it is there.")
        called = name.replace("\\", "/").rpartition("/")[2][:_NAME_CHARACTERS] or "The file"
        values = read_latent(content, called, dataset.values(0).shape)
        key = digest(
            {
                "what": "new latent",
                "shape": list(values.shape),
                "values": hashlib.sha256(values.tobytes()).hexdigest(),
            }
        )
        latent = Latent(view.dataset, label, noise=key, timestep=timestep, name=called)
        self.check(latent)
        forget_passing(self.work.store)
        self.work.store.publish_array(Kind.PASSING, key, values)
        return latent

    def forget(self, latents: Sequence[Latent]) -> None:
        """Remove what files hold, and what was drawn from it, before their hour has passed."""
        for latent in latents:
            self.check(latent)
            drawn = self._drawing(latent).key
            for key in (latent.noise, drawn, states_key(drawn)) if latent.noise else ():
                self.work.store.path(Kind.PASSING, key).unlink(missing_ok=True)

    def check(self, latent: Latent) -> None:
        """Raise SelectionError where a latent has no class, seed or timestep that its dataset can have."""
        dataset = self._generated(latent.dataset)
        if not 0 <= latent.label < len(dataset.class_names):
            raise SelectionError(f"{dataset.name} has no class {latent.label} to draw a new latent of.")
        if latent.timestep is not None and latent.timestep not in self.timesteps(latent.dataset):
            raise SelectionError(f"{dataset.name} has no states at the timestep {latent.timestep}.")
        if latent.noise:
            return
        if latent.seed is None or not 0 <= latent.seed < MOST_SEEDS:
            raise SelectionError(f"A seed is a whole number from 0 to {MOST_SEEDS - 1:,}.")
        if latent.seed in self._seeds(latent.dataset):
            raise SelectionError(
                f"The seed {latent.seed} is in {dataset.name} already. Choose one from "
                f"{self.next_seed(latent.dataset)} on."
            )

    def look(
        self, view: View, layer: str, latents: Sequence[Latent], projection: Projection
    ) -> Answer[PlacedLatents]:
        """Return where latents belong among a layer's states, placed in the scatterplot as it is shown.

        Raises
        ------
        SelectionError
            If a latent is none of the view's dataset, or there are too many.
        DatasetError
            If a file's values were removed meanwhile.
        """
        if len(latents) > self.work.settings.new_images:
            raise SelectionError(f"At most {self.work.settings.new_images} latents are placed at once.")
        for latent in latents:
            self.check(latent)
        prepared = self.prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        shown = answers.scatter(self.work, prepared, projection)
        if isinstance(shown, Pending):
            return shown
        method: Projection = shown.value.method  # type: ignore[assignment]
        placed, keys = [], []
        for latent in latents:
            found = self._placed(view, prepared, latent, method)
            if isinstance(found, Pending):
                return found
            placed.append(found.value)
            keys.append(found.key)
        return Ready(PlacedLatents(prepared.layer, method, tuple(placed)), digest(keys))

    def _placed(
        self, view: View, prepared: Prepared, latent: Latent, method: Projection
    ) -> Answer[PlacedLatent]:
        store = self.work.store
        if latent.noise and not store.has(Kind.PASSING, latent.noise):
            raise DatasetError("A new latent is no longer kept: an hour has passed. Drop it again.")
        drawing = self._drawing(latent)
        visited = drawing.parameters["visited"]
        shown = [at for at, step in enumerate(visited) if latent.timestep in {None, step}]
        asked = self.work.placed(
            "placed_latent",
            view,
            prepared.layer,
            prepared.summary,
            method,
            neighbours=self.work.settings.knn_neighbours,
            drawing=drawing.key,
            shown=shown,
            timesteps=timesteps_key(store, self.catalogue.dataset(latent.dataset)),
            _drawing={"source": drawing.source, "parameters": dict(drawing.parameters)},
        )
        if isinstance(asked, Pending):
            return asked
        # There already, unless the same file was removed and is dropped again.
        drawn = self.work.ask(drawing)
        if isinstance(drawn, Pending):
            return drawn
        record = store.record(asked.value, Kind.PASSING_RECORD)
        images = np.asarray(store.array(Kind.PASSING, drawing.key))[shown]
        return Ready(_entry(latent.label, record, images), asked.key)

    def _drawing(self, latent: Latent) -> Derivation:
        """Return the plan that draws a latent's way by the model that has drawn the dataset."""
        generation = self.catalogue.generation(latent.dataset)
        assert generation is not None
        assert isinstance(generation.dataset.generator, ModelSpec)
        one = latent.noise and latent.timestep is not None
        drawn = {
            "label": latent.label,
            "seed": latent.seed,
            "noise": latent.noise,
            "visited": [latent.timestep] if one else self.timesteps(latent.dataset),
            "_model": generation.dataset.generator.model_dump(mode="json"),
            "_identity": dict(generation.identity),
            "_device": generation.device,
        }
        return Derivation("latent_states", "", generation.key, "", drawn)

    def _generated(self, name: str) -> GeneratedDataset:
        dataset = self.catalogue.dataset(name)
        if not isinstance(dataset, GeneratedDataset):
            raise SelectionError(f"{name} is not made of latents. Choose what a generative model has drawn.")
        return dataset

    def _seeds(self, name: str) -> set[int]:
        return set(self._generated(name).table[SEED].drop_nulls().unique().to_list())


def _entry(label: int, record: Mapping[str, Any], images: np.ndarray) -> PlacedLatent:
    return PlacedLatent(
        label=label,
        timesteps=np.array(record["timesteps"], np.int64),
        labels=np.array(record["labels"], np.int64),
        label_share=np.array(record["label_share"]),
        placed=np.array(record["placed"], np.int64),
        placed_share=np.array(record["placed_share"]),
        near=np.array(record["near"], np.int64),
        positions=np.array(record["positions"]),
        images=images,
    )
