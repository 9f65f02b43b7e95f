"""The idx format of MNIST and its relatives, plain or gzipped.

Format: http://yann.lecun.com/exdb/mnist/, "the IDX file format": two zero bytes, a byte for the type, a byte
for the number of dimensions, each dimension as a big-endian 32-bit integer, then the values, big-endian.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.errors import DatasetError

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PIECE_BYTES = 16 * 2**20
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx_header(file: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an idx file without reading its values.

    Raises
    ------
    DatasetError
        If the file is not in idx format or cannot be read.
    """
    try:
        with _open(file) as stream:
            shape, dtype, _ = _header(stream, file)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from error
    return shape, dtype


def read_idx(file: Path) -> npt.NDArray[Any]:
    """Return the values of an idx file: mapped from a plain file, read from a gzipped one.

    Raises
    ------
    DatasetError
        If the file is not in idx format, is shorter than its header says, or cannot be read.
    """
    try:
        with _open(file) as stream:
            shape, dtype, offset = _header(stream, file)
            expected = math.prod(shape) * dtype.itemsize
            if isinstance(stream, gzip.GzipFile):
                data = _inflate(stream, expected)
                if len(data) == expected:
                    return np.frombuffer(data, dtype).reshape(shape)
                present = len(data)
            else:
                present = file.stat().st_size - offset
                if present >= expected:
                    return np.memmap(file, dtype, "r", offset, shape) if expected else np.zeros(shape, dtype)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(file, error) from error
    raise DatasetError(
        f"{file} is cut off: its header announces {expected:,} bytes of values, {present:,} are there. "
        "Fetch it again."
    )


def _open(file: Path) -> IO[bytes] | gzip.GzipFile:
    stream = file.open("rb")
    magic = stream.read(2)
    if magic != _GZIP_MAGIC:
        stream.seek(0)
        return stream
    stream.close()
    return gzip.open(file, "rb")


def _inflate(stream: gzip.GzipFile, size: int) -> bytearray:
    """Read up to ``size`` bytes, piece by piece: a damaged header may announce more than there is memory."""
    data = bytearray()
    while piece := stream.read(min(_PIECE_BYTES, size - len(data))):
        data += piece
    return data


def _header(stream: IO[bytes] | gzip.GzipFile, file: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES or not start[3]:
        raise DatasetError(f"{file} is not in idx format. Give an idx or idx.gz file, or an .npz file.")
    size = 4 * start[3]
    dimensions = stream.read(size)
    if len(dimensions) < size:
        raise DatasetError(f"{file} ends within its header. Fetch it again.")
    return struct.unpack(f">{start[3]}I", dimensions), np.dtype(_TYPES[start[2]]), 4 + size


def _unreadable(file: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{file} cannot be read: {error}. Fetch it again.")
