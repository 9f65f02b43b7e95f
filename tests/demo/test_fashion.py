"""The committed Fashion-MNIST checkpoint on the prepared 70,000 images."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.models.build import build
from channelexplorer_dash.settings import load_settings
from tests.conftest import FASHION
from tests.demo.measuring import accuracy

pytestmark = pytest.mark.fashion


def test_the_checkpoint_knows_the_clothes_it_was_not_trained_on() -> None:
    settings = load_settings([FASHION], environment=False)
    dataset = open_dataset(settings.datasets[0], max_pixels=settings.max_image_pixels)
    assert np.bincount(dataset.labels).tolist() == [7000] * 10
    unseen = dataset.table.filter(split="test")["image_id"].to_list()
    assert len(unseen) == 10_000
    assert accuracy(build(settings.models[0]), dataset, unseen[::5]) > 0.91


def test_the_record_is_that_of_the_committed_checkpoint() -> None:
    spec = load_settings([FASHION], environment=False).models[0]
    assert spec.checkpoint is not None
    record = json.loads(spec.checkpoint.with_suffix(".json").read_text("utf-8"))
    assert record["checkpoint"]["sha256"] == hashlib.sha256(spec.checkpoint.read_bytes()).hexdigest()
    assert (record["options"], record["preprocessing"]) == (spec.options, spec.preprocessing)
    assert spec.checkpoint.stat().st_size < 1_000_000
