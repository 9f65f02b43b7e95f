"""A model with a layer of 2,048 channels, and digits in as many images and classes as are wanted.

Every figure of the views, the browser and the store's users is measured on what the real path computes: real
images go through a real (untrained) network, block by block, into the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings, load_settings

CHANNELS = 2048
PER_CLASS = 50
LAYER = "block"
MODEL, DATASET = "wide", "digits"
_SHIFTS, _TURNS, _SIDE = 5, 4, 12


def model() -> object:
    """Return the network; named in the settings as ``factory:benchmarks.wide:model``."""
    from torch import nn

    block = nn.Sequential(nn.Conv2d(8, CHANNELS, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(1, 8, 3, stride=2, padding=1),
            block=block,
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            head=nn.Linear(CHANNELS, 10),
        )
    )


def write_images(file: Path, images: int) -> None:
    """Write scikit-learn's digits, shifted, turned and with noise, as an npz of ``images`` 12 × 12 images.

    A class is a digit in one of 25 places and four directions; there are 50 images of each.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    generator = np.random.default_rng(0)
    classes = max(2, images // PER_CLASS)
    labels = np.arange(images) % classes
    by_digit = [np.flatnonzero(digits.target == digit) for digit in range(10)]
    pixels = np.zeros((images, _SIDE, _SIDE), np.float32)
    for image, label in enumerate(labels.tolist()):
        digit, place, turn = label % 10, label // 10 % _SHIFTS**2, label // 250 % _TURNS
        drawn = digits.images[generator.choice(by_digit[digit])] * 16
        row, column = divmod(place, _SHIFTS)
        pixels[image, row : row + 8, column : column + 8] = np.rot90(drawn, turn)
    pixels += generator.normal(scale=12, size=pixels.shape)
    order = generator.permutation(images)
    np.savez(
        file,
        images=pixels.clip(0, 255).astype(np.uint8)[order],
        labels=labels[order],
        class_names=np.array([f"class {label:04}" for label in range(classes)]),
    )


def write_config(folder: Path, images: int) -> Path:
    """Write a settings file with the model, and a dataset of ``images`` beside it; return the file."""
    arrays = folder / f"digits-{images}.npz"
    if not arrays.exists():
        write_images(arrays, images)
    file = folder / f"wide-{images}.toml"
    file.write_text(
        f"""store = "store-{images}"
engine_linger_seconds = 1.0
# The profile is there to be shown: it is measured elsewhere.
knn_queries = 500

[[models]]
name = "{MODEL}"
source = "factory:benchmarks.wide:model"
[models.preprocessing]
input_size = [1, {_SIDE}, {_SIDE}]
mean = [0.5]
std = [0.5]

[[datasets]]
name = "{DATASET}"
kind = "arrays"
path = "{arrays.name}"
model = "{MODEL}"
""",
        encoding="utf-8",
    )
    return file


def wide_settings(folder: Path, images: int) -> Settings:
    """Return the settings of :func:`write_config`."""
    return load_settings([write_config(folder, images)], environment=False)


@contextmanager
def explored(settings: Settings) -> Iterator[tuple[Explorer, View]]:
    """Yield an explorer, and the view of all images, once everything of the panel is computed but UMAP."""
    import time

    explorer = Explorer(settings)
    view = View(MODEL, DATASET)
    try:
        while True:
            profile = explorer.profile(view, "block")
            known = isinstance(profile, Ready) and profile.value.job is None
            if known and explorer.status(view, LAYER, "pca").job is None:
                break
            time.sleep(0.1)
        yield explorer, view
    finally:
        explorer.close()
