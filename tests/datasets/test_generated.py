"""Rows of generated datasets, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from channelexplorer_dash.datasets.generated import (
    Drawn,
    GeneratedDataset,
    latent_rows,
    step_rows,
    visited_timesteps,
)
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.errors import DatasetError, SettingsError, VanishedError
from channelexplorer_dash.extraction.generation_plan import drawn_key
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store

GENERATOR = ModelSpec(name="g", source="factory:a:b", takes="latent")
DENOISER = ModelSpec(name="d", source="factory:a:b", takes="state")


def spec(generator: ModelSpec = DENOISER, **more: object) -> DatasetSpec:
    given = {"name": "drawn", "kind": "generated", "generator": generator, "class_names": ("a", "b")}
    return DatasetSpec.model_validate({**given, **more})


def test_states_follow_each_other_from_noise_to_image() -> None:
    rows = step_rows(spec(seeds=3, steps=4))
    assert len(rows) == 2 * 3 * 4
    assert rows["timestep"][:4].to_list() == [999, 666, 333, 0] == visited_timesteps(4)
    assert rows["trajectory"].to_list() == np.repeat(np.arange(6), 4).tolist()
    assert visited_timesteps(1) == [0]


def test_latents_have_a_way_between_the_first_two() -> None:
    rows = latent_rows(spec(GENERATOR, seeds=3, between=1))
    assert rows["position"].to_list() == [0.0, 1.0, None, 0.5] * 2
    assert rows["trajectory"].to_list() == [0, 0, -1, 0, 1, 1, -1, 1]
    # There is no way from one latent to none.
    assert len(latent_rows(spec(GENERATOR, seeds=1, between=5))) == 2


def test_the_key_names_model_and_rows() -> None:
    keys = {
        drawn_key(identity, spec(**more))
        for identity in ({"weights": "1"}, {"weights": "2"})
        for more in ({}, {"seeds": 3}, {"steps": 3})
    }
    assert len(keys) == 6
    assert drawn_key({}, spec()) == drawn_key({}, spec(title="another", between=3))


def test_images_come_from_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    drawn = Drawn(store, drawn_key({}, spec()))
    dataset = open_dataset(spec(seeds=1, steps=1), 100, drawn)
    assert isinstance(dataset, GeneratedDataset)
    with pytest.raises(VanishedError):
        dataset.image(0)
    store.publish_array(Kind.ARRAY, drawn.key, np.full((2, 4, 4), 7, np.uint8))
    assert np.asarray(dataset.image(1)).tolist() == [[7] * 4] * 4


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="generator"):
        open_dataset(spec(), 100)
    with pytest.raises(ValidationError, match="draws no images"):
        spec(ModelSpec(name="c", source="timm:resnet18"))
    with pytest.raises(ValidationError, match="class_names"):
        spec(class_names=None)
    with pytest.raises(ValidationError, match="takes"):
        ModelSpec(name="p", source="diffusers:folder")
    file = tmp_path / "c.toml"
    file.write_text('[[datasets]]\nname = "x"\nkind = "generated"\ngenerator = "y"\nclass_names = ["a"]')
    with pytest.raises(SettingsError, match="no model 'y'"):
        load_settings([file], environment=False)
