"""Latents in files: one array of numbers, read without running anything that a file holds."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.datasets.npz import npy_header
from channelexplorer_dash.errors import DatasetError

_NUMBERS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "U8": "u1"}
"""Types of a safetensors file that NumPy has, too."""


@dataclass(frozen=True)
class _Array:
    """An array of a file: its name, what its header says, and what reads its values."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], npt.NDArray[Any]]


def read_latent(content: bytes, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the latent that a file holds, float32 of ``shape``.

    Of several arrays the first of that shape is taken; an axis of length 1 may stand in front of it. Values
    are read only once the header has shown that their number is right, so that no small file can stand for
    a large array.

    Parameters
    ----------
    content
        Of an ``.npy``, ``.npz`` or safetensors file; which one, its first bytes say.
    name
        What the person calls it: for messages.

    Raises
    ------
    DatasetError
        If it is none of these, damaged, holds Python objects, no array of that shape, or NaN or infinity.
    """
    try:
        arrays = _arrays(content)
        found = next((one for one in arrays if one.shape in {shape, (1, *shape)}), None)
        if found is None:
            raise DatasetError(
                f"{name} holds {_listed(arrays)}; a latent of shape {shape} is needed. Save one such array."
            )
        if found.dtype.kind not in "fiu":
            raise DatasetError(f"{name} holds {found.dtype}, no numbers. Save the latent as float32.")
        with np.errstate(over="ignore"):
            values = found.read().astype(np.float32).reshape(shape)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        RuntimeError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DatasetError(
            f"{name} cannot be read as .npy, .npz or .safetensors: {str(error)[:120]}. Save it again."
        ) from error
    if not np.isfinite(values).all():
        raise DatasetError(f"{name} holds NaN, infinity or numbers too large for float32. Save finite ones.")
    return np.ascontiguousarray(values)


def _arrays(content: bytes) -> list[_Array]:
    if content.startswith(b"\x93NUMPY"):
        return [_npy("an array", content)]
    if content.startswith(b"PK"):
        return _npz(content)
    return _safetensors(content)


def _npy(name: str, content: bytes) -> _Array:
    stream = io.BytesIO(content)
    shape, fortran, dtype = npy_header(stream)
    start = stream.tell()

    def read() -> npt.NDArray[Any]:
        flat = np.frombuffer(content, dtype, math.prod(shape), start)
        return flat.reshape(shape, order="F" if fortran else "C")

    return _Array(name, shape, dtype, read)


def _npz(content: bytes) -> list[_Array]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    found = []
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        with archive.open(info) as stream:
            shape, _, dtype = npy_header(stream)
            length = stream.tell() + math.prod(shape) * dtype.itemsize

        def read(info: zipfile.ZipInfo = info, length: int = length) -> npt.NDArray[Any]:
            with archive.open(info) as stream:
                return _npy(info.filename, stream.read(length)).read()

        found.append(_Array(info.filename.removesuffix(".npy"), shape, dtype, read))
    return found


def _safetensors(content: bytes) -> list[_Array]:
    """Read the format as its authors define it: length, JSON header, values (little-endian)."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    found = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        shape = tuple(int(size) for size in entry["shape"])
        if entry["dtype"] not in _NUMBERS:
            raise ValueError(f"NumPy has no type {entry['dtype']}")
        dtype, start = np.dtype(_NUMBERS[entry["dtype"]]), 8 + length + int(entry["data_offsets"][0])

        def read(
            shape: tuple[int, ...] = shape, dtype: np.dtype[Any] = dtype, start: int = start
        ) -> npt.NDArray[Any]:
            return np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)

        found.append(_Array(str(name), shape, dtype, read))
    return found


def _listed(arrays: list[_Array]) -> str:
    if not arrays:
        return "no array"
    more = f" and {len(arrays) - 3} more" if len(arrays) > 3 else ""
    return ", ".join(f"{one.name} of shape {one.shape}" for one in arrays[:3]) + more
