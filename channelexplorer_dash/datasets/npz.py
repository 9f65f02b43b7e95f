"""Members of an ``.npz`` file: headers at once, values when they are needed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.errors import DatasetError

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True)
class Member:
    """One array of an ``.npz`` file.

    Attributes
    ----------
    shape, dtype, fortran
        As in its header.
    offset
        Where the values begin in the file if they are stored uncompressed, else None.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int | None

    def read(self) -> npt.NDArray[Any]:
        """Return the values: mapped if they are stored uncompressed (``np.savez``), read otherwise.

        Raises
        ------
        DatasetError
            If the file is damaged, or the array holds Python objects.
        """
        if self.offset is not None and self.dtype.kind != "O" and 0 not in self.shape:
            try:
                mapped: npt.NDArray[Any] = np.memmap(
                    self.file, self.dtype, "r", self.offset, self.shape, "F" if self.fortran else "C"
                )
                return mapped
            except (OSError, ValueError) as error:
                raise _unreadable(self.file, error) from error
        try:
            with np.load(self.file, allow_pickle=False) as arrays:
                values: npt.NDArray[Any] = arrays[self.name]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as error:
            raise _unreadable(self.file, error) from error
        return values


def read_members(file: Path) -> dict[str, Member]:
    """Return the arrays of an ``.npz`` file by name, without reading their values.

    Raises
    ------
    DatasetError
        If the file is not an ``.npz`` file, is damaged, or holds Python objects (which could run code).
    """
    members: dict[str, Member] = {}
    try:
        with file.open("rb") as raw, zipfile.ZipFile(raw) as archive:
            for info in archive.infolist():
                if not info.filename.endswith(".npy"):
                    continue
                with archive.open(info) as stream:
                    shape, fortran, dtype = npy_header(stream)
                    length = stream.tell()
                offset = None
                if info.compress_type == zipfile.ZIP_STORED:
                    raw.seek(info.header_offset)
                    *_, name_length, extra_length = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
                    offset = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length + length
                name = info.filename.removesuffix(".npy")
                members[name] = Member(file, name, shape, dtype, fortran, offset)
    except (
        OSError,
        ValueError,
        EOFError,
        struct.error,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _unreadable(file, error) from error
    if objects := [name for name, member in members.items() if member.dtype.hasobject]:
        raise DatasetError(
            f"{file}: the array {objects[0]!r} holds Python objects, which are never loaded, since "
            "loading them can run code. Save images as numbers, and labels as integers or with dtype=str."
        )
    return members


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether Fortran order, and type of an ``.npy`` stream, and read as far as its values."""
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = reader(stream)
    return header


def _unreadable(file: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{file} cannot be read as an .npz file: {error}. Save it again with numpy.savez.")
