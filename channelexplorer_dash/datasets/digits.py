"""scikit-learn's handwritten digits, read from the installed package without importing it."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from channelexplorer_dash.datasets.labels import Labels, encode_labels
from channelexplorer_dash.datasets.pixels import ValueRange, array_image, to_uint8
from channelexplorer_dash.datasets.tabled import TabledDataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

SPLIT_SEED = 0
HELD_OUT = 0.2
_SIDE = 8
_VALUES = ValueRange(0, 16)
_NAMES = tuple("0123456789")


def load_digits() -> tuple[npt.NDArray[np.uint8], Labels]:
    """Return the images, uint8 (1797, 8, 8) scaled from 0…16 to 0…255, and the labels, int64 (1797,).

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (1998), test part, as
    packaged by scikit-learn.

    Raises
    ------
    DatasetError
        If scikit-learn's data file is not installed.
    """
    file = _data_file()
    try:
        with gzip.open(file, "rt", encoding="ascii") as lines:
            rows = np.loadtxt(lines, delimiter=",")
    except (OSError, EOFError, ValueError) as error:
        raise DatasetError(
            f"The digits in {file} cannot be read: {error}. Install scikit-learn anew."
        ) from error
    return to_uint8(rows[:, :-1].reshape(-1, _SIDE, _SIDE), _VALUES), rows[:, -1].astype(np.int64)


def held_out(labels: Labels, seed: int = SPLIT_SEED, share: float = HELD_OUT) -> npt.NDArray[np.bool_]:
    """Mark the held-out images: of every class, ``share`` of them, rounded.

    The choice is by SHA-256 of seed and row number, so that it is the same with every version of NumPy: a
    checkpoint trained on the rest stays honest.

    Parameters
    ----------
    labels
        int64 (N,).

    Returns
    -------
    bool (N,)
    """
    lots = np.array(
        [hashlib.sha256(f"{seed}:{row}".encode()).digest() for row in range(len(labels))], dtype="S32"
    )
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows[np.argsort(lots[rows])][: round(share * len(rows))]] = True
    return chosen


class DigitsDataset(TabledDataset):
    """1,797 grey images of 8 × 8; column ``split`` is ``test`` where :func:`held_out` says so.

    ``digest`` is SHA-256 over pixels and labels.
    """

    def __init__(self, spec: DatasetSpec) -> None:
        images, numbers = load_digits()
        labels, class_names = encode_labels(numbers, spec.class_names or _NAMES, f"Dataset {spec.name!r}")
        self._images = images
        super().__init__(
            name=spec.name,
            class_names=class_names,
            labels=labels,
            sources=pl.Series([f"row {row}" for row in range(len(labels))], dtype=pl.String),
            digest=hashlib.sha256(b"digits" + images.tobytes() + labels.tobytes()).hexdigest(),
            columns=pl.DataFrame({"split": np.where(held_out(labels), "test", "train").tolist()}),
        )

    def _load(self, row: int) -> Image.Image:
        return array_image(self._images[row], ValueRange(0, 255))


def _data_file() -> Path:
    # A top-level package is found without being imported: scikit-learn takes a second to import.
    package = importlib.util.find_spec("sklearn")
    for folder in (package.submodule_search_locations if package else None) or ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            return file
    raise DatasetError(
        "The digits come with scikit-learn, which is not installed. Run `pip install scikit-learn`."
    )
