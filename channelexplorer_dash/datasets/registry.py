"""From a dataset's description to the dataset, and the objects that a caller's process registers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from channelexplorer_dash.datasets.arrays import ArraysDataset
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.digits import DigitsDataset
from channelexplorer_dash.datasets.folder import FolderDataset
from channelexplorer_dash.datasets.objects import ObjectDataset
from channelexplorer_dash.datasets.table import TableDataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

_objects: dict[str, object] = {}
_lock = threading.Lock()


def open_dataset(spec: DatasetSpec, max_pixels: int) -> Dataset:
    """Open what a spec describes.

    Parameters
    ----------
    spec
        The description.
    max_pixels
        Images with more pixels are refused, before they are decoded.

    Raises
    ------
    DatasetError
        If it cannot be used; the message says what to do.
    """
    match spec.kind:
        case "folder":
            return FolderDataset(spec, max_pixels)
        case "arrays":
            return ArraysDataset(spec, max_pixels)
        case "table":
            return TableDataset(spec, max_pixels)
        case "digits":
            return DigitsDataset(spec)
        case "object":
            items = resolve_object(str(spec.path))
            return items if isinstance(items, Dataset) else ObjectDataset(spec, items, max_pixels)
        case _ as never:
            assert_never(never)


def register_object(
    items: object,
    name: str,
    *,
    title: str = "",
    class_names: Sequence[str] | None = None,
    model: str | None = None,
    licence: str = "",
) -> DatasetSpec:
    """Register a dataset of this process and return the spec that names it.

    The object is kept as long as the process lives, and must not change meanwhile.

    Parameters
    ----------
    items
        ``torch.utils.data.Dataset`` or anything else that
        :class:`channelexplorer_dash.datasets.objects.ObjectDataset` takes, or a
        :class:`channelexplorer_dash.datasets.base.Dataset`.
    name, title, class_names, model, licence
        As in :class:`~channelexplorer_dash.specs.DatasetSpec`.

    Returns
    -------
    DatasetSpec
        Of kind ``object``, with a token as ``path``; it opens in this process only.
    """
    with _lock:
        token = next((known for known, kept in _objects.items() if kept is items), f"object-{len(_objects)}")
        _objects[token] = items
    names = None if class_names is None else tuple(class_names)
    return DatasetSpec(
        name=name,
        title=title,
        kind="object",
        path=Path(token),
        class_names=names,
        model=model,
        licence=licence,
    )


def resolve_object(token: str) -> object:
    """Return the object that :func:`register_object` keeps under a token.

    Raises
    ------
    DatasetError
        If this process has no such object.
    """
    try:
        return _objects[token]
    except KeyError as error:
        raise DatasetError(
            f"There is no dataset object {token!r} in this process. An object lives in the process that "
            "registered it: register it here, or describe the data as a folder, arrays or a table."
        ) from error
