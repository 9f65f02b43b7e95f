"""Labels of any kind as integers 0 … K-1 with a name each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.errors import DatasetError

Labels = npt.NDArray[np.int64]


def encode_labels(
    values: npt.ArrayLike, class_names: Sequence[str] | None, where: str
) -> tuple[Labels, tuple[str, ...]]:
    """Give every label its number and every number its name.

    With ``class_names``, integers are positions in it, and strings are members of it. Without, the distinct
    values, sorted, are the classes: integers are numbered anew (labels 3 and 7 become 0 and 1, with the
    names "3" and "7"), strings go by code point, as in torchvision's ``ImageFolder``.

    Parameters
    ----------
    values
        (N,) or (N, 1) of integers, whole floats, booleans or strings.
    class_names
        Names in the order of the integers, or None.
    where
        What the messages call the labels.

    Returns
    -------
    labels : int64 (N,)
    class_names : tuple of str

    Raises
    ------
    DatasetError
        If a label is none of these, is missing, or has no name in ``class_names``.
    """
    if class_names is not None and len(set(class_names)) < len(class_names):
        twice = next(name for name in class_names if list(class_names).count(name) > 1)
        raise DatasetError(f"{where}: two classes are called {twice[:60]!r}. Give each class its own name.")
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        shape = "×".join(map(str, array.shape))
        raise DatasetError(f"{where}: labels have the shape {shape}. Give one integer or name per image.")
    if array.dtype.kind in "OTU":
        return _encode_names(_strings(array, where), class_names, where)
    return _encode_integers(_whole(array, where), class_names, where)


def _strings(array: npt.NDArray[Any], where: str) -> list[str]:
    items: list[str] = array.tolist()
    if wrong := [item for item in items if not isinstance(item, str)]:
        raise DatasetError(
            f"{where}: {str(wrong[0])[:60]!r} is not a label. Give each image an integer or a name, "
            "one kind for all."
        )
    return items


def _whole(array: npt.NDArray[Any], where: str) -> Labels:
    if array.dtype.kind not in "buif":
        raise DatasetError(f"{where}: labels are of type {array.dtype}. Give integers or names.")
    with np.errstate(invalid="ignore"):
        whole = array.astype(np.int64)
        wrong = np.flatnonzero(whole != array)
    if wrong.size:
        raise DatasetError(
            f"{where}: label {array[wrong[0]]} of row {wrong[0]} is not a whole number. "
            "Give integers or names."
        )
    return whole


def _encode_integers(
    whole: Labels, class_names: Sequence[str] | None, where: str
) -> tuple[Labels, tuple[str, ...]]:
    if class_names is None:
        distinct, labels = np.unique(whole, return_inverse=True)
        return labels.astype(np.int64), tuple(str(value) for value in distinct.tolist())
    wrong = np.flatnonzero((whole < 0) | (whole >= len(class_names)))
    if wrong.size:
        raise DatasetError(
            f"{where}: label {whole[wrong[0]]} of row {wrong[0]} has no class name; {len(class_names)} names "
            f"are given, for the labels 0 to {len(class_names) - 1}. "
            "Add the missing names, or leave class_names out."
        )
    return whole, tuple(class_names)


def _encode_names(
    names: list[str], class_names: Sequence[str] | None, where: str
) -> tuple[Labels, tuple[str, ...]]:
    known = tuple(sorted(set(names))) if class_names is None else tuple(class_names)
    number = {name: position for position, name in enumerate(known)}
    if unknown := sorted(set(names) - number.keys()):
        raise DatasetError(
            f"{where}: class {unknown[0][:60]!r} is not among the {len(known)} class_names that are given. "
            "Add it there, or leave class_names out."
        )
    return np.fromiter((number[name] for name in names), np.int64, len(names)), known
