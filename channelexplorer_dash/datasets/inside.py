"""Nothing outside the folder of a dataset is ever opened."""

from __future__ import annotations

import os
from pathlib import Path

from channelexplorer_dash.errors import DatasetError


def real_folder(folder: Path, name: str, wanted: str) -> Path:
    """Return the folder without links, or raise DatasetError (``wanted`` says what to give) if it is none."""
    folder = folder.expanduser()
    try:
        if not folder.exists():
            raise DatasetError(f"Dataset {name!r}: there is no folder {folder}. Check the path.")
        if not folder.is_dir():
            raise DatasetError(f"Dataset {name!r}: {folder} is a file. Give {wanted}.")
        return folder.resolve(strict=True)
    except OSError as error:
        raise DatasetError(f"Dataset {name!r}: {folder} cannot be read: {error.strerror}.") from error


def real_file(file: Path | None, name: str, what: str) -> Path:
    """Return the file with ``~`` expanded, or raise DatasetError if it is not a file."""
    if file is None:
        raise DatasetError(f"Dataset {name!r}: no {what} is given. Set its path.")
    file = file.expanduser()
    if file.is_dir():
        raise DatasetError(f"Dataset {name!r}: {file} is a folder. Give the file of the {what}.")
    if not file.exists():
        raise DatasetError(f"Dataset {name!r}: there is no {what} {file}. Check the path.")
    return file


def is_inside(path: str, root: str) -> bool:
    """Tell whether an absolute path without ``..`` lies below ``root``."""
    return path.startswith(root if root.endswith(os.sep) else root + os.sep)


def open_inside(root: Path, relative: str, called: str) -> Path:
    """Return the real path of a file below ``root``.

    Links are followed at the time of opening, not only when the dataset was listed: a file may have been
    replaced by a link meanwhile.

    Raises
    ------
    DatasetError
        If the path leads outside ``root``.
    """
    real = os.path.realpath(root / relative)
    if not is_inside(real, str(root)):
        raise DatasetError(f"{called} leads outside the folder of the dataset, and is not opened.")
    return Path(real)
