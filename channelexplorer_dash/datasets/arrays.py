"""Images in arrays: ``.npz`` files, and idx files with their labels."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from channelexplorer_dash.datasets import pixels
from channelexplorer_dash.datasets.idx import read_idx, read_idx_header
from channelexplorer_dash.datasets.inside import real_file
from channelexplorer_dash.datasets.labels import encode_labels
from channelexplorer_dash.datasets.npz import Member, read_members
from channelexplorer_dash.datasets.tabled import TabledDataset, need_images
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

# Pairs of names under which people save images and labels, the first one found counts.
_WHOLE = (("images", "labels"), ("x", "y"), ("data", "labels"), ("data", "target"), ("data", "targets"))
_SPLITS = ("train", "val", "valid", "test")
_SPLIT_PATTERNS = (("x_{}", "y_{}"), ("images_{}", "labels_{}"), ("{}_images", "{}_labels"))
_CLASS_NAMES = "class_names"
_EXPECTED = (
    "images and labels, x and y, x_train and y_train (with x_test and y_test), or train_images and "
    "train_labels"
)
# Rows looked at together when the extremes are searched: bounds memory, not accuracy.
_CHUNK_BYTES = 64 * 2**20

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class _Part:
    """Images of one split, not read yet; ``shape`` is of the whole array."""

    split: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Values]
    labels: Values


class ArraysDataset(TabledDataset):
    """Images of N×H×W, N×H×W×C or N×C×H×W, C of 1, 3 or 4; where both fit, the last axis holds the channels.

    ``.npz``: members are found by name, in any case: ``images``/``labels``, ``x``/``y``, ``data`` with
    ``labels``, ``target`` or ``targets``, or one pair per split, which are joined in the order train, val,
    test, with a column ``split``: ``x_train``/``y_train``, ``images_train``/``labels_train`` or
    ``train_images``/``train_labels``. A member ``class_names`` names the classes unless the spec does.
    idx: ``path`` is the file of the images, ``labels`` that of the labels; both may be gzipped.

    Which values are black and white is decided once for all images by
    :func:`channelexplorer_dash.datasets.pixels.value_range`. Images are read when the first one is asked
    for; what is stored uncompressed is mapped, not read.

    ``digest`` is SHA-256 over the bytes of the files.

    Raises
    ------
    DatasetError
        If a file is missing, damaged or in another format, if images and labels are not equally many, or
        if a shape, type or label is not one of the above. Arrays of Python objects are never loaded.
    """

    def __init__(self, spec: DatasetSpec, max_pixels: int) -> None:
        file = real_file(spec.path, spec.name, "file of images")
        where = f"Dataset {spec.name!r}"
        names: Sequence[str] | None = spec.class_names
        if file.suffix.lower() == ".npz":
            members = read_members(file)
            parts = _npz_parts(members, f"{where}: {file}")
            names = names or _names_in(members)
            digest = _digest(file)
        else:
            labels_file = real_file(spec.labels, spec.name, "file of labels (`labels`)")
            parts = [_idx_part(file, labels_file)]
            digest = _digest(file, labels_file)
        self._parts = parts
        self._axis = _check(parts, max_pixels, where)
        labels, class_names = encode_labels(_joined_labels(parts, where), names, where)
        need_images(len(labels), where)
        self._starts = np.cumsum([0, *(part.shape[0] for part in parts)])
        self._lock = threading.Lock()
        self._read: dict[int, Values] = {}
        self._span = self._value_range()
        super().__init__(
            name=spec.name,
            class_names=class_names,
            labels=labels,
            sources=self._sources(),
            digest=digest,
            columns=self._split_column(),
        )

    def _load(self, row: int) -> Image.Image:
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        values = self._values(part)[row - self._starts[part]]
        if values.ndim == 3:
            values = np.moveaxis(values, 0, 2) if self._axis == 1 else values
            values = values[:, :, 0] if values.shape[2] == 1 else values
        return pixels.array_image(values, self._span)

    def _values(self, part: int) -> Values:
        with self._lock:
            if part not in self._read:
                self._read[part] = self._parts[part].read()
            return self._read[part]

    def _value_range(self) -> pixels.ValueRange:
        dtype = np.result_type(*(part.dtype for part in self._parts))
        if dtype == np.bool_ or dtype in (np.uint8, np.uint16):
            return pixels.value_range(dtype, 0, 0)
        found = []
        for part in range(len(self._parts)):
            values = self._values(part)
            step = max(1, _CHUNK_BYTES // max(1, values[:1].nbytes))
            found += [pixels.extremes(values[start : start + step]) for start in range(0, len(values), step)]
        return pixels.value_range(dtype, min(one.low for one in found), max(one.high for one in found))

    def _sources(self) -> pl.Series:
        rows = [f"{part.split or 'row'} {row}" for part in self._parts for row in range(part.shape[0])]
        return pl.Series(rows, dtype=pl.String)

    def _split_column(self) -> pl.DataFrame | None:
        if self._parts[0].split is None:
            return None
        splits = [part.split for part in self._parts for _ in range(part.shape[0])]
        return pl.DataFrame({"split": pl.Series(splits, dtype=pl.String)})


def _npz_parts(members: Mapping[str, Member], where: str) -> list[_Part]:
    by_name = {name.lower(): member for name, member in members.items()}
    for images, labels in _WHOLE:
        if images in by_name and labels in by_name:
            return [_npz_part(None, by_name[images], by_name[labels])]
    for images, labels in _SPLIT_PATTERNS:
        pairs = [(split, images.format(split), labels.format(split)) for split in _SPLITS]
        if found := [
            _npz_part(split, by_name[x], by_name[y]) for split, x, y in pairs if x in by_name and y in by_name
        ]:
            return found
    raise DatasetError(
        f"{where} holds {', '.join(sorted(members)) or 'no arrays'}, which does not say what are images "
        f"and what are labels. Name the arrays {_EXPECTED}."
    )


def _npz_part(split: str | None, images: Member, labels: Member) -> _Part:
    return _Part(split, images.shape, images.dtype, images.read, np.atleast_1d(labels.read()))


def _idx_part(images: Path, labels: Path) -> _Part:
    shape, dtype = read_idx_header(images)
    return _Part(None, shape, dtype, partial(read_idx, images), read_idx(labels))


def _names_in(members: Mapping[str, Member]) -> tuple[str, ...] | None:
    if _CLASS_NAMES not in members:
        return None
    return tuple(str(name) for name in members[_CLASS_NAMES].read().ravel().tolist())


def _check(parts: Sequence[_Part], max_pixels: int, where: str) -> int | None:
    """Check types and shapes; return the axis of the channels, or None where there is none."""
    axes = set()
    for part in parts:
        pixels.require_numbers(part.dtype, where)
        shape = "×".join(str(n) for n in part.shape)
        if len(part.shape) not in {3, 4}:
            raise DatasetError(f"{where}: the images have the shape {shape}. Give N×H×W, N×H×W×C or N×C×H×W.")
        axis = _channel_axis(part.shape)
        if axis == 0:
            raise DatasetError(
                f"{where}: images of shape {shape} have no axis of 1, 3 or 4 channels, last or second."
            )
        axes.add(axis)
        height, width = [n for i, n in enumerate(part.shape) if i not in {0, axis}]
        if part.shape[0] and not height * width:
            raise DatasetError(f"{where}: the images have no pixels: their shape is {shape}.")
        if height * width > max_pixels:
            raise DatasetError(
                f"{where}: the images have {width} × {height} pixels, {max_pixels:,} are allowed. "
                "Scale them down, or raise max_image_pixels in the settings."
            )
        if len(part.labels) != part.shape[0]:
            raise DatasetError(
                f"{where}: {part.shape[0]:,} images have {len(part.labels):,} labels. "
                "Give one label per image."
            )
    if len(axes) > 1:
        raise DatasetError(f"{where}: the splits differ in their layout. Save all of them as N×H×W×C.")
    return axes.pop()


def _joined_labels(parts: Sequence[_Part], where: str) -> Values:
    if len({(part.labels.ndim, part.labels.dtype.kind in "biuf") for part in parts}) > 1:
        raise DatasetError(
            f"{where}: the labels of the splits differ in type or shape. Save all of them alike."
        )
    try:
        return np.concatenate([part.labels for part in parts])
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{where}: the labels of the splits cannot be joined: {error}.") from error


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Return 3 or 1, None for images without an axis of channels, 0 where no axis can be it."""
    if len(shape) == 3:
        return None
    return next((axis for axis in (3, 1) if shape[axis] in pixels.PIXEL_CHANNELS), 0)


def _digest(*files: Path) -> str:
    digest = hashlib.sha256(b"arrays")
    for file in files:
        try:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise DatasetError(f"{file} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()
