"""A dataset of the caller's own process: anything with ``len()`` and ``[i]`` that gives (image, label).

``torch.utils.data.Dataset`` is such an object, and so are torchvision's datasets and a plain list. torch is
not imported: tensors are known by their ``detach`` and ``numpy``.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import polars as pl
from PIL import Image

from channelexplorer_dash.datasets import pixels
from channelexplorer_dash.datasets.decode import eight_bit
from channelexplorer_dash.datasets.labels import encode_labels
from channelexplorer_dash.datasets.tabled import TabledDataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

# Images whose pixels go into the digest: enough to notice another transform, few enough to start at once.
PROBED_IMAGES = 64


@runtime_checkable
class Items(Protocol):
    """What is asked of the object."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class ObjectDataset(TabledDataset):
    """Images and labels of an object with ``len()`` and ``[i]``.

    Images are PIL images, NumPy arrays (H×W, H×W×C or, where that does not fit, C×H×W) or torch tensors
    (H×W, C×H×W or, where that does not fit, H×W×C), of bool, uint8, uint16, or other numbers within 0…1 or
    0…255. Labels are integers or names. Whatever follows them in an item is not looked at.

    Labels are taken from the object's ``targets`` or ``labels`` (for ``Subset``, ``ConcatDataset`` and
    ``TensorDataset`` from what they wrap) where these agree with the items that are probed; otherwise every
    item is read once. Class names are the spec's, or the object's ``classes``, or the labels themselves.

    ``digest`` is SHA-256 over the name, all labels, and the pixels of ``PROBED_IMAGES`` images spread evenly:
    whoever changes single images gives the dataset another name.

    Raises
    ------
    DatasetError
        If the object is empty, has no length, or its items are not (image, label) as above.
    """

    def __init__(self, spec: DatasetSpec, items: object, max_pixels: int) -> None:
        where = f"Dataset {spec.name!r}"
        self._items = _checked(items, where)
        self._called_as = where
        self._max_pixels = max_pixels
        # Readers of files and databases that people write are seldom safe under threads.
        self._lock = threading.Lock()
        count = len(self._items)
        probes = np.unique(np.linspace(0, count - 1, min(count, PROBED_IMAGES)).astype(np.int64)).tolist()
        probed = {row: self._item(row) for row in probes}
        digest = hashlib.sha256(f"object\0{spec.name}\0{count}\0".encode())
        for row, (image, _) in probed.items():
            shown = self._image(row, image)
            digest.update(f"{row}\0{shown.mode}\0{shown.size}\0".encode() + shown.tobytes())
        notes = self._repeated(probes[0], probed[probes[0]][0])
        values = _known_labels(self._items)
        if values is None or any(values[row] != label for row, (_, label) in probed.items()):
            values = [self._item(row)[1] for row in range(count)]
        names = spec.class_names or _known_names(self._items, values)
        labels, class_names = encode_labels(values, names, where)
        digest.update(labels.tobytes())
        super().__init__(
            name=spec.name,
            class_names=class_names,
            labels=labels,
            sources=pl.Series([f"item {row}" for row in range(count)], dtype=pl.String),
            digest=digest.hexdigest(),
            notes=notes,
        )

    def _load(self, row: int) -> Image.Image:
        return self._image(row, self._item(row)[0])

    def _item(self, row: int) -> tuple[Any, int | str]:
        """Return image and label of one item."""
        try:
            with self._lock:
                item = self._items[row]
        except Exception as error:
            # The object is the caller's: it may raise anything.
            raise DatasetError(
                f"{self._called_as}: item {row} cannot be read: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise DatasetError(
                f"{self._called_as}: item {row} is a {type(item).__name__}. Each item must be (image, label)."
            )
        return item[0], _plain_label(item[1], f"{self._called_as}: item {row}")

    def _image(self, row: int, image: Any) -> Image.Image:
        name = f"{self._called_as}: item {row}"
        if isinstance(image, Image.Image):
            self._check_size(image.width, image.height, name)
            try:
                return eight_bit(image, name)
            except DatasetError:
                raise
            except Exception as error:
                # An image that was opened lazily is decoded here: see `decode`.
                raise DatasetError(f"{name} cannot be decoded: {error}.") from error
        tensor = hasattr(image, "detach")
        if not tensor and not isinstance(image, np.ndarray):
            raise DatasetError(
                f"{name} has an image of type {type(image).__name__}. Give a PIL image, a NumPy array or "
                "a tensor."
            )
        array = np.asarray(image.detach().cpu().numpy() if tensor else image)
        pixels.require_numbers(array.dtype, name)
        array = pixels.channels_last(array, name, prefer_first=tensor)
        self._check_size(array.shape[1], array.shape[0], name)
        found = pixels.extremes(array)
        span = pixels.value_range(array.dtype, found.low, found.high)
        if span not in {pixels.UNIT, pixels.EIGHT_BIT, pixels.SIXTEEN_BIT}:
            raise DatasetError(
                f"{name} has values from {found.low:.3g} to {found.high:.3g}. Give images of 0…1 or 0…255: "
                "leave normalisation out of the dataset's transform, the model's own preprocessing does it."
            )
        return pixels.array_image(array, span)

    def _check_size(self, width: int, height: int, name: str) -> None:
        if width * height > self._max_pixels:
            raise DatasetError(
                f"{name} is too large: {width} × {height} pixels, {self._max_pixels:,} are allowed. "
                "Scale it down, or raise max_image_pixels in the settings."
            )

    def _repeated(self, row: int, first: Any) -> list[str]:
        again = self._image(row, self._item(row)[0])
        if again.tobytes() == self._image(row, first).tobytes():
            return []
        return [
            "The same item gives another image each time. Leave random transforms out: what is shown is not "
            "what was computed."
        ]


def _checked(items: object, where: str) -> Items:
    if not isinstance(items, Items):
        raise DatasetError(
            f"{where}: a {type(items).__name__} has no length or no [i]. Give a map-style dataset, such as "
            "torch.utils.data.Dataset with __len__, or a list of (image, label)."
        )
    if not len(items):
        raise DatasetError(f"{where} has no images. Give at least one (image, label).")
    return items


def _plain_label(label: Any, name: str) -> int | str:
    item = getattr(label, "item", None)
    try:
        value = item() if callable(item) else label
    except (ValueError, RuntimeError):
        # More than one element.
        value = label
    if isinstance(value, str | int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise DatasetError(f"{name} has the label {str(value)[:60]!r}. Give an integer or a name.")


def _known_labels(items: Any) -> list[int | str] | None:
    """Return the labels that the object keeps in a list, or None."""
    if (inner := _known_inner(items)) is not None:
        return inner
    for attribute in ("targets", "labels"):
        kept = getattr(items, attribute, None)
        tolist = getattr(kept, "tolist", None)
        listed = tolist() if callable(tolist) else kept
        if (
            isinstance(listed, list | tuple)
            and len(listed) == len(items)
            and all(isinstance(label, int | str) for label in listed)
        ):
            return list(listed)
    return None


def _known_inner(items: Any) -> list[int | str] | None:
    """Return the labels of what ``Subset``, ``ConcatDataset`` and ``TensorDataset`` wrap."""
    if hasattr(items, "dataset") and hasattr(items, "indices"):
        inner = _known_labels(items.dataset)
        return None if inner is None else [inner[int(index)] for index in items.indices]
    if isinstance(parts := getattr(items, "datasets", None), Iterable):
        lists = [_known_labels(part) for part in parts]
        return None if any(one is None for one in lists) else [label for one in lists if one for label in one]
    tensors = getattr(items, "tensors", None)
    if isinstance(tensors, tuple) and len(tensors) > 1:
        return cast("list[int | str]", tensors[1].tolist())
    return None


def _known_names(items: Any, labels: Sequence[int | str]) -> tuple[str, ...] | None:
    """Return the ``classes`` of the object, or of the one that it wraps, where they fit the labels."""
    if isinstance(parts := getattr(items, "datasets", None), Sequence) and parts:
        return _known_names(parts[0], labels)
    names = getattr(items, "classes", None)
    if names is None and hasattr(items, "dataset"):
        return _known_names(items.dataset, labels)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    integers = [label for label in labels if isinstance(label, int)]
    fit = len(set(names)) == len(names) and all(0 <= label < len(names) for label in integers)
    return tuple(names) if fit and len(integers) == len(labels) else None
