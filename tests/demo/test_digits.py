"""The committed digits checkpoint, as the product uses it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.models.build import build
from channelexplorer_dash.settings import Settings, load_settings
from scripts.train_digits import NAME, RECIPE
from scripts.training import run
from tests.demo.measuring import accuracy


@pytest.fixture(scope="module")
def demo() -> Settings:
    return load_settings([demo_settings_file()], environment=False)


@pytest.fixture(scope="module")
def digits(demo: Settings) -> Dataset:
    return open_dataset(demo.datasets[0], max_pixels=demo.max_image_pixels)


def test_the_demo_opens_on_its_own_model(demo: Settings) -> None:
    assert demo.models[0].name == "digits-resnet"
    assert demo.datasets[0].model == "digits-resnet"
    assert demo.models[0].checkpoint == demo_settings_file().parent / f"{NAME}.safetensors"


def test_over_98_percent_of_the_held_out_digits_are_read(demo: Settings, digits: Dataset) -> None:
    held_out = digits.table.filter(split="test")["image_id"].to_list()
    assert 350 <= len(held_out) <= 370
    found = accuracy(build(demo.models[0]), digits, held_out)
    assert found > 0.98
    assert found == pytest.approx(record(demo)["accuracy"]["test"], abs=2.5 / len(held_out))


def test_the_record_is_that_of_the_committed_checkpoint(demo: Settings) -> None:
    spec, found = demo.models[0], record(demo)
    assert spec.checkpoint is not None
    assert found["checkpoint"]["sha256"] == hashlib.sha256(spec.checkpoint.read_bytes()).hexdigest()
    assert (found["architecture"], found["options"]) == (spec.source, spec.options)
    assert found["preprocessing"] == spec.preprocessing
    assert spec.checkpoint.stat().st_size < 400_000


def test_every_stage_keeps_positions_to_look_at(demo: Settings) -> None:
    stages = describe(build(demo.models[0])).at("stage")
    maps = [layer.shape for layer in stages if layer.layout == "nchw"]
    assert maps
    assert all(min(height, width) >= 4 for _, height, width in maps)


@pytest.mark.slow
def test_the_script_trains_a_model_as_good(tmp_path: Path) -> None:
    assert run(demo_settings_file(), NAME, RECIPE, into=tmp_path)["test"] > 0.98
    assert {file.name for file in tmp_path.iterdir()} == {f"{NAME}.safetensors", f"{NAME}.json"}


def record(demo: Settings) -> dict[str, Any]:
    checkpoint = demo.models[0].checkpoint
    assert checkpoint is not None
    found: dict[str, Any] = json.loads(checkpoint.with_suffix(".json").read_text("utf-8"))
    return found
