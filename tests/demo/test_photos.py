"""The prepared photographs and ImageNet classifiers: real images, real weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.core.separability import loo_knn_accuracy
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.models.build import build
from channelexplorer_dash.settings import load_settings
from tests.conftest import PHOTOS
from tests.demo.measuring import run

pytestmark = [pytest.mark.photos, pytest.mark.slow]

COUNTS = {"birds": 35, "fish": 11, "flowers": 24, "fruit": 26, "mammals": 64, "vegetables": 18}
# Files whose name is an ImageNet class, and clear to a person.
KNOWN = (
    "banana", "broccoli", "equines-zebra", "apes-gorilla", "hippopotamus", "lemon", "ostrich", "peacock",
    "pelican", "pineapple", "strawberry", "cats-tiger", "vulture",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One model over all photographs: block name → kNN accuracy, in order, and the predicted names."""

    separability: Mapping[str, float]
    predicted: tuple[str, ...]


@pytest.fixture(scope="module")
def photos() -> Dataset:
    settings = load_settings([PHOTOS], environment=False)
    return open_dataset(settings.datasets[0], max_pixels=settings.max_image_pixels)


@pytest.fixture(scope="module", params=["efficientnet-lite0", "mobilenetv2"])
def measured(request: pytest.FixtureRequest, photos: Dataset) -> Measured:
    specs = {spec.name: spec for spec in load_settings([PHOTOS], environment=False).models}
    built = build(specs[request.param])
    blocks = describe(built).at("block")
    summaries, logits = run(built, photos, range(len(photos)), blocks)
    return Measured(
        {
            name: loo_knn_accuracy(S, photos.labels, k=5, metric="cosine").accuracy
            for name, S in summaries.items()
        },
        tuple(built.class_names[index] for index in logits.argmax(axis=1)),
    )


def test_six_kinds_as_counted_all_readable_and_square(photos: Dataset) -> None:
    assert dict(zip(photos.class_names, np.bincount(photos.labels).tolist(), strict=True)) == COUNTS
    assert list(photos.notes) == []
    for image_id in range(0, len(photos), 10):
        image = photos.image(image_id)
        assert image.mode == "RGB"
        assert image.width == image.height <= 512


def test_the_kinds_come_apart_with_depth(measured: Measured) -> None:
    blocks = [name for name in measured.separability if name.startswith("blocks.")]
    assert measured.separability[blocks[0]] < 0.60
    assert measured.separability["bn2"] > 0.80, "the last feature layer, 1,280 channels"


def test_clear_photographs_are_recognised(photos: Dataset, measured: Measured) -> None:
    predicted = dict(
        zip((Path(source).stem for source in photos.table["source"]), measured.predicted, strict=True)
    )
    for name in KNOWN:
        assert name.split("-")[-1] in predicted[name]
