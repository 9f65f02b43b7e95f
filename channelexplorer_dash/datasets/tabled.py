"""What all datasets have in common: a table of images, and checked access by row number."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from channelexplorer_dash.datasets.base import IMAGE_ID, LABEL, SOURCE
from channelexplorer_dash.datasets.labels import Labels
from channelexplorer_dash.errors import DatasetError, UnknownNameError

_NAMED = 3


class TabledDataset(ABC):
    """A :class:`~channelexplorer_dash.datasets.base.Dataset` whose table is known when it is opened.

    Parameters
    ----------
    name, class_names, digest
        As in the protocol.
    labels
        int64 (N,), N ≥ 1.
    sources
        What names each image to a person.
    columns
        Further columns, N rows, with other names than the three of the protocol.
    notes
        What a person should know; a note is added where there is only one image, or one class.
    """

    def __init__(
        self,
        *,
        name: str,
        class_names: tuple[str, ...],
        labels: Labels,
        sources: pl.Series,
        digest: str,
        columns: pl.DataFrame | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.name: str = name
        self.class_names: tuple[str, ...] = class_names
        self.labels: npt.NDArray[np.int64] = labels
        # Many threads share the dataset.
        self.labels.flags.writeable = False
        self.digest: str = digest
        own = pl.DataFrame(
            {
                IMAGE_ID: pl.arange(0, len(labels), eager=True, dtype=pl.UInt32),
                LABEL: pl.Series(labels, dtype=pl.Int32),
                SOURCE: sources,
            }
        )
        self.table: pl.DataFrame = own if columns is None else own.hstack(columns)
        self.notes: Sequence[str] = (*notes, *_sizes(labels, class_names))

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, image_id: int) -> Image.Image:
        """Return one image, upright, in mode ``RGB`` or ``L`` (8 bit).

        Raises
        ------
        DatasetError
            If the image cannot be decoded; the message names it.
        UnknownNameError
            If ``image_id`` is not a row of the table.
        """
        row = operator.index(image_id)
        if not 0 <= row < len(self):
            raise UnknownNameError(
                f"Dataset {self.name!r} has no image {row}. Its images have the numbers 0 to {len(self) - 1}."
            )
        return self._load(row)

    @abstractmethod
    def _load(self, row: int) -> Image.Image:
        """Load the image of a row that is known to exist."""

    def _called(self, row: int) -> str:
        """Return what a message calls the image of a row."""
        return f"{self.table[SOURCE][row]} (image {row} of dataset {self.name!r})"


def some(names: Sequence[str], most: int = _NAMED) -> str:
    """Return the first few of many names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def need_images(count: int, where: str) -> None:
    """Raise DatasetError if there is no image at all."""
    if not count:
        raise DatasetError(f"{where} has no images. Put at least one image with a label in it.")


def _sizes(labels: Labels, class_names: tuple[str, ...]) -> list[str]:
    counts = np.bincount(labels, minlength=len(class_names))
    notes = []
    if len(labels) == 1:
        notes.append("There is only one image: nothing can be compared with it.")
    elif np.count_nonzero(counts) == 1:
        only = class_names[int(labels[0])]
        notes.append(f"There is only one class, {only!r}: nothing says how far classes are apart.")
    if empty := [name for name, count in zip(class_names, counts, strict=True) if not count]:
        notes.append(f"No image has the class {some([repr(name) for name in empty])}.")
    return notes
