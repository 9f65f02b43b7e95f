"""From a dataset's description to the dataset, and the objects that a caller's process registers."""

from __future__ import annotations

import threading
from typing import assert_never

from channelexplorer_dash.datasets.arrays import ArraysDataset
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.digits import DigitsDataset
from channelexplorer_dash.datasets.folder import FolderDataset
from channelexplorer_dash.datasets.generated import Drawn, GeneratedDataset
from channelexplorer_dash.datasets.objects import ObjectDataset
from channelexplorer_dash.datasets.table import TableDataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

_objects: dict[str, object] = {}
_lock = threading.Lock()


def open_dataset(spec: DatasetSpec, max_pixels: int, drawn: Drawn | None = None) -> Dataset:
    """Open what a spec describes.

    Parameters
    ----------
    spec
        The description.
    max_pixels
        Images with more pixels are refused, before they are decoded.
    drawn
        Where the images of a ``generated`` dataset are published.

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
        case "generated":
            return GeneratedDataset(spec, drawn)
        case "object":
            items = resolve_object(str(spec.path))
            return items if isinstance(items, Dataset) else ObjectDataset(spec, items, max_pixels)
        case _ as never:
            assert_never(never)


def register_object(name: str, items: object) -> str:
    """Keep an object of this process and return the token that stands for it in a spec's ``path``.

    The object is kept as long as the process lives. The same object under the same name has the same token.

    Parameters
    ----------
    name
        Name of the dataset, part of the token.
    items
        ``torch.utils.data.Dataset`` or anything else that
        :class:`channelexplorer_dash.datasets.objects.ObjectDataset` takes, or a
        :class:`channelexplorer_dash.datasets.base.Dataset`, which is served as it is.
    """
    with _lock:
        for token, kept in _objects.items():
            if kept is items and token.rpartition("#")[0] == name:
                return token
        token = f"{name}#{len(_objects)}"
        _objects[token] = items
        return token


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
