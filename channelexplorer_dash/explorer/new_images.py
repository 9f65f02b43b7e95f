"""Images that somebody drops on the page: they belong to no dataset, and are kept for an hour at most."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from channelexplorer_dash.choices import Projection
from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.decode import decode_bytes
from channelexplorer_dash.errors import DatasetError, SelectionError
from channelexplorer_dash.explorer import answers
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.store import Kind, digest
from channelexplorer_dash.store.keys import is_key
from channelexplorer_dash.store.tidying import forget_passing

_NAME_CHARACTERS = 60


@dataclass(frozen=True)
class Taken:
    """A new image: the key of its pixels, what the person calls it, and the pixels themselves."""

    key: str
    name: str
    image: Image.Image


@dataclass(frozen=True)
class PlacedImage:
    """What a layer says of a new image.

    Attributes
    ----------
    position
        In the scatterplot.
    answers
        Names of the most probable outputs and their probabilities, the most probable first; empty where the
        model has no class outputs.
    neighbours
        int64 (k,): the nearest images (image_id) by S, nearest first, by cosine distance.
    distances, similarity
        float64 (k,): their cosine distance, and the Jaccard similarity of the active sets.
    shared, sharing
        Channels of its active set that are in those of most neighbours, and in how many.
    active
        Channels in its own active set.
    """

    position: tuple[float, float]
    answers: tuple[tuple[str, float], ...]
    neighbours: IntArray
    distances: DoubleArray
    similarity: DoubleArray
    shared: tuple[int, ...]
    sharing: tuple[int, ...]
    active: int


@dataclass(frozen=True)
class Placed:
    """New images in one layer, by the projection ``method``, in the order in which they were asked for."""

    layer: Layer
    method: str
    images: tuple[PlacedImage, ...]
    non_finite: int


@dataclass(frozen=True)
class NewImages:
    """Takes images that are in no dataset, and says what a model makes of them.

    Attributes
    ----------
    prepare, output_names, dataset
        What the explorer knows of a layer, of a model's outputs and of a dataset.
    """

    work: LayerWork
    prepare: Callable[[View, str], Prepared | Pending]
    output_names: Callable[[View, Dataset], tuple[str, ...]]
    dataset: Callable[[str], Dataset]

    def check(self, sizes: Sequence[int]) -> None:
        """Raise SelectionError where files, given by their bytes, are too many or too large together."""
        settings = self.work.settings
        if len(sizes) > settings.new_images:
            raise SelectionError(
                f"{len(sizes)} files were dropped; at most {settings.new_images} are taken. Drop fewer."
            )
        if sum(sizes) > settings.new_images_mb * 1e6:
            raise SelectionError(
                f"The dropped files have {sum(sizes) / 1e6:.1f} MB; {settings.new_images_mb:g} MB are "
                "allowed together. Drop fewer, or scale them down."
            )

    def take(self, name: str, content: bytes) -> Taken:
        """Decode a file, and keep its pixels for the engine: no metadata, no name, for an hour at most.

        Parameters
        ----------
        name
            What the person calls it: for messages, never for a path.

        Raises
        ------
        DatasetError
            If it is no image, damaged or too large.
        """
        called = name.replace("\\", "/").rpartition("/")[2][:_NAME_CHARACTERS] or "The file"
        limit = self.work.settings.new_image_pixels
        image = decode_bytes(content, called, limit)
        pixels = np.asarray(image)
        key = digest(
            {
                "what": "new image",
                "shape": list(pixels.shape),
                "pixels": hashlib.sha256(pixels.tobytes()).hexdigest(),
            }
        )
        forget_passing(self.work.store)
        self.work.store.publish_array(Kind.PASSING, key, pixels)
        return Taken(key, called, image)

    def forget(self, keys: Sequence[str]) -> None:
        """Remove images before their hour has passed."""
        for key in self._checked(keys):
            self.work.store.path(Kind.PASSING, key).unlink(missing_ok=True)

    def look(self, view: View, layer: str, keys: Sequence[str], projection: Projection) -> Answer[Placed]:
        """Return what a layer says of images that were taken, placed in the scatterplot as it is shown.

        Raises
        ------
        SelectionError
            If a key is none.
        DatasetError
            If an image was removed meanwhile.
        """
        images = self._checked(keys)
        prepared = self.prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        shown = answers.scatter(self.work, prepared, projection)
        if isinstance(shown, Pending):
            return shown
        method: Projection = shown.value.method  # type: ignore[assignment]
        if not all(self.work.store.has(Kind.PASSING, key) for key in images):
            raise DatasetError("A new image is no longer kept: an hour has passed. Drop it again.")
        asked = self.work.placed(
            "new_images",
            view,
            prepared.layer,
            prepared.summary,
            method,
            top_fraction=view.top_fraction,
            images=images,
            neighbours=self.work.settings.new_image_neighbours,
        )
        if isinstance(asked, Pending):
            return asked
        record = self.work.store.record(asked.value, Kind.PASSING_RECORD)
        names = self.output_names(view, self.dataset(view.dataset))
        entries = tuple(_entry(found, names) for found in record["images"])
        return Ready(Placed(prepared.layer, method, entries, record["non_finite"]), asked.key)

    def _checked(self, keys: Sequence[str]) -> list[str]:
        if len(keys) > self.work.settings.new_images or not all(
            isinstance(key, str) and is_key(key) for key in keys
        ):
            raise SelectionError("The new images cannot be read. Drop them again.")
        return list(keys)


def _entry(found: Mapping[str, Any], names: tuple[str, ...]) -> PlacedImage:
    answered = tuple(
        (names[int(output)] if int(output) < len(names) else f"output {int(output)}", float(share))
        for output, share in found["answers"]
    )
    x, y = found["position"]
    return PlacedImage(
        position=(x, y),
        answers=answered,
        neighbours=np.array(found["neighbours"], np.int64),
        distances=np.array(found["distances"], np.float64),
        similarity=np.array(found["similarity"], np.float64),
        shared=tuple(int(channel) for channel in found["shared"]),
        sharing=tuple(int(count) for count in found["sharing"]),
        active=int(found["active"]),
    )
