"""Real image files, made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelexplorer_dash.specs import DatasetSpec

MAX_PIXELS = 1_000_000


def photo(width: int = 20, height: int = 12, seed: int = 0) -> Image.Image:
    """Make a smooth colour image, so that JPEG keeps it nearly as it is."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Three classes of 2, 3 and 1 images."""
    root = tmp_path / "pets"
    for name, count in (("dog", 2), ("cat", 3), ("axolotl", 1)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            photo(seed=i).save(root / name / f"{name}{i}.png")
    return root


def folder_spec(path: Path, **rest: object) -> DatasetSpec:
    return DatasetSpec.model_validate({"name": "pets", "kind": "folder", "path": path, **rest})


def arrays_spec(path: Path, **rest: object) -> DatasetSpec:
    return DatasetSpec.model_validate({"name": "arrays", "kind": "arrays", "path": path, **rest})


def table_spec(path: Path, **rest: object) -> DatasetSpec:
    return DatasetSpec.model_validate({"name": "table", "kind": "table", "path": path, **rest})
