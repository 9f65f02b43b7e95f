"""New latents through the explorer: drawn or read from a file, and placed among the known states."""

from __future__ import annotations

import io

import numpy as np
import pytest

from channelexplorer_dash.datasets.generated import GeneratedDataset
from channelexplorer_dash.errors import DatasetError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.new_latents import Latent
from channelexplorer_dash.results.images import PlacedLatent
from channelexplorer_dash.selection import View
from channelexplorer_dash.store import Kind, Store
from tests.explorer.conftest import settled

STATES = View("digits-diffusion", "diffusion-digits")
LATENTS = View("digits-gan", "gan-digits")
LAYER = "up_blocks.0"


@pytest.fixture(scope="module")
def states(explorer: Explorer) -> GeneratedDataset:
    settled(lambda: explorer.drawn("diffusion-digits"))
    found = explorer.dataset("diffusion-digits")
    assert isinstance(found, GeneratedDataset)
    return found


def placed(explorer: Explorer, view: View, layer: str, latent: Latent) -> PlacedLatent:
    return settled(lambda: explorer.new_latents.look(view, layer, [latent], "pca")).latents[0]


def npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def test_a_new_latent_is_placed_by_class_and_timestep(explorer: Explorer, states: GeneratedDataset) -> None:
    found = placed(explorer, STATES, LAYER, Latent("diffusion-digits", 4, 1000))
    assert found.timesteps.tolist() == sorted(set(states.timesteps.tolist()), reverse=True)
    assert (found.labels == 4).mean() >= 0.9
    assert np.abs(found.placed - found.timesteps).mean() < 120
    assert found.label_share.min() > 0.5
    assert found.images.shape == (10, 16, 16)
    scatter = settled(lambda: explorer.scatter(STATES, LAYER, "pca"))
    low, high = scatter.xy.min(axis=0), scatter.xy.max(axis=0)
    spread = high - low
    assert found.positions.shape == (10, 2)
    assert ((found.positions > low - spread / 2) & (found.positions < high + spread / 2)).all()
    alone = placed(explorer, STATES, LAYER, Latent("diffusion-digits", 4, 1000, timestep=444))
    at = found.timesteps.tolist().index(444)
    assert alone.timesteps.tolist() == [444]
    assert alone.positions[0] == pytest.approx(found.positions[at], rel=1e-4)
    assert np.array_equal(alone.images[0], found.images[at])


def test_a_known_state_from_a_file_lies_where_it_is(explorer: Explorer, states: GeneratedDataset) -> None:
    row = 10 * 20 * 3 + 5
    step, label = int(states.timesteps[row]), int(states.labels[row])
    latent = explorer.new_latents.take(STATES, "a/b.npy", npy(states.values(row)), label, step)
    assert latent.name == "b.npy" and Latent.from_json(latent.to_json()) == latent
    found = placed(explorer, STATES, LAYER, latent)
    assert found.near[0, 0] == row
    xy = settled(lambda: explorer.scatter(STATES, LAYER, "pca")).xy[row]
    assert found.positions[0] == pytest.approx(xy, rel=1e-3, abs=1e-3)
    # The same noise goes the same way.
    noise = explorer.new_latents.take(STATES, "noise.npy", npy(states.values(row - 5)), label, None)
    way = placed(explorer, STATES, LAYER, noise)
    assert way.near[:, 0].tolist() == list(range(row - 5, row + 5))
    # Nothing of the file stays; it can be dropped again.
    explorer.new_latents.forget([latent, noise, Latent("diffusion-digits", 4, 1000)])
    with pytest.raises(DatasetError, match="hour has passed"):
        explorer.new_latents.look(STATES, LAYER, [latent], "pca")
    store = Store(explorer.settings.store)
    kept = [np.load(file) for file in (store.root / Kind.PASSING.value[0]).rglob("*.npy")]
    assert not any(np.isin(states.values(row), values).all() for values in kept)
    again = explorer.new_latents.take(STATES, "b.npy", npy(states.values(row)), label, step)
    assert again == latent and placed(explorer, STATES, LAYER, again).near[0, 0] == row


def test_what_is_found_of_latents_passes(explorer: Explorer, states: GeneratedDataset) -> None:
    store = Store(explorer.settings.store)
    before = len(list((store.root / Kind.RECORD.value[0]).rglob("*")))
    placed(explorer, STATES, LAYER, Latent("diffusion-digits", 7, 77))
    assert len(list((store.root / Kind.RECORD.value[0]).rglob("*"))) == before


def test_a_latent_of_a_generator_has_no_timestep(explorer: Explorer) -> None:
    settled(lambda: explorer.drawn("gan-digits"))
    found = placed(explorer, LATENTS, "blocks.1", Latent("gan-digits", 2, 500))
    assert found.timesteps.tolist() == [0] == found.placed.tolist()
    assert found.labels.tolist() == [2] and found.images.shape[0] == 1
    assert explorer.new_latents.takes(LATENTS)
    assert not explorer.new_latents.takes(View("digits-resnet", "gan-digits"))
    assert not explorer.new_latents.takes(View("digits-gan-discriminator", "gan-digits"))


@pytest.mark.parametrize(
    ("latent", "said"),
    [
        (Latent("diffusion-digits", 4, 3), "already. Choose one from 20 on"),
        (Latent("diffusion-digits", 4, -1), "whole number"),
        (Latent("diffusion-digits", 4, 2**31), "whole number"),
        (Latent("diffusion-digits", 4), "whole number"),
        (Latent("diffusion-digits", 10, 99), "no class 10"),
        (Latent("diffusion-digits", 4, 99, timestep=5), "timestep 5"),
        (Latent("digits", 4, 99), "not made of latents"),
    ],
)
def test_what_is_no_latent_is_said(explorer: Explorer, latent: Latent, said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        explorer.new_latents.look(STATES, LAYER, [latent], "pca")


def test_wrong_files_and_states_of_the_page_are_said(explorer: Explorer, states: GeneratedDataset) -> None:
    with pytest.raises(DatasetError, match=r"a latent of shape \(1, 16, 16\)"):
        explorer.new_latents.take(STATES, "x.npy", npy(np.zeros((3, 16, 16))), 0, None)
    with pytest.raises(SelectionError, match="no class 11"):
        explorer.new_latents.take(STATES, "x.npy", npy(np.zeros((1, 16, 16))), 11, None)
    many = [Latent("diffusion-digits", 0, 100 + seed) for seed in range(7)]
    with pytest.raises(SelectionError, match="At most 6"):
        explorer.new_latents.look(STATES, LAYER, many, "pca")
    good = many[0].to_json()
    for wrong in (None, 3, {}, good | {"noise": "../x"}, good | {"label": "a"}, good | {"seed": 1e999}):
        with pytest.raises(SelectionError, match="cannot be read"):
            Latent.from_json(wrong)
