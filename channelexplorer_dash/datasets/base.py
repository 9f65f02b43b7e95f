"""What a dataset is: a table of images in a fixed order, and a way to load one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

IMAGE_ID = "image_id"
LABEL = "label"
SOURCE = "source"


@runtime_checkable
class Dataset(Protocol):
    """Images with an integer label each.

    Attributes
    ----------
    name
        Name in the registry.
    class_names
        One name per label 0 … K-1.
    table
        One row per image, in order: ``image_id`` (UInt32, equal to the row number), ``label`` (Int32),
        ``source`` (String: what names the image to a person, a relative path or a row), and any further
        columns.
    labels
        int64 (N,): the ``label`` column.
    digest
        Hex digest of content identity: changes when an image, a label or their order changes.
    notes
        What a person should know: files that were skipped and why, one line each.
    """

    name: str
    class_names: tuple[str, ...]
    table: pl.DataFrame
    labels: npt.NDArray[np.int64]
    digest: str
    notes: Sequence[str]

    def __len__(self) -> int: ...

    def image(self, image_id: int) -> Image.Image:
        """Return one image, upright, in mode ``RGB`` or ``L`` (8 bit).

        Raises
        ------
        DatasetError
            If the image cannot be decoded; the message names it.
        UnknownNameError
            If ``image_id`` is not a row of the table.
        """
        ...
