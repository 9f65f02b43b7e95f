"""Generated datasets through the explorer: a GAN and a diffusion model on the path that image models take."""

import numpy as np
import pytest

from channelexplorer_dash.datasets.generated import GeneratedDataset
from channelexplorer_dash.errors import JobFailedError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.selection import ChannelMark, View
from tests.explorer.conftest import settled

STATES = View("digits-diffusion", "diffusion-digits")
LATENTS = View("digits-gan", "gan-digits")


@pytest.fixture(scope="module")
def states(explorer: Explorer) -> GeneratedDataset:
    settled(lambda: explorer.drawn("diffusion-digits"))
    found = explorer.dataset("diffusion-digits")
    assert isinstance(found, GeneratedDataset)
    return found


def test_a_row_is_a_class_a_seed_and_a_timestep(states: GeneratedDataset) -> None:
    assert len(states) == 10 * 20 * 10
    assert states.table["timestep"].unique().sort().to_list()[::9] == [0, 999]
    assert states.table["trajectory"].n_unique() == 200
    assert states.image(0).size == (16, 16)
    first = [states.values(row) for row in range(0, len(states), 10)]
    assert abs(float(np.mean(first))) < 0.02 and abs(float(np.std(first)) - 1) < 0.02


def test_every_block_of_the_denoiser_is_explored(explorer: Explorer, states: GeneratedDataset) -> None:
    layers = settled(lambda: explorer.describe("digits-diffusion"))
    blocks = [layer.name for layer in layers.at("block")]
    assert {"down_blocks.0", "mid_block", "up_blocks.2"} <= set(blocks)
    scatter = settled(lambda: explorer.scatter(STATES, "mid_block", "pca"))
    assert scatter.xy.shape == (2000, 2)
    heatmap = settled(lambda: explorer.heatmap(STATES, "mid_block", "variance", explorer.selection("").marks))
    assert heatmap.of_channels == 64
    overlay = settled(lambda: explorer.overlay(STATES, ChannelMark("mid_block", 3), 9))
    assert overlay.shape == (4, 4)


def test_layers_by_timesteps(explorer: Explorer, states: GeneratedDataset) -> None:
    found = settled(lambda: explorer.steps(STATES, "block"))
    names = [layer.name for layer in found.layers]
    assert found.timesteps.tolist() == sorted(found.timesteps.tolist(), reverse=True)
    seen = found.values[names.index("conv_in")]
    # What no embedding has told of the class has to be seen in the state: not in noise, but in the image.
    assert seen[0] < 0.3 and seen[-1] > 0.4
    assert found.values[names.index("mid_block")].min() > 0.9
    apart = settled(lambda: explorer.steps(STATES, "block", "calinski_harabasz"))
    assert apart.measure == "calinski_harabasz" and apart.values.shape == found.values.shape
    # The Fisher ratio has no largest value, and rises as the image does.
    assert apart.values[names.index("conv_in"), -1] > 2 * apart.values[names.index("conv_in"), 0]
    with pytest.raises(SelectionError, match="measured by one of"):
        explorer.steps(STATES, "block", "probe")


def test_trajectories_run_from_noise_to_image(explorer: Explorer, states: GeneratedDataset) -> None:
    sample = explorer.sample(STATES)
    order = explorer.trajectories(STATES, sample, shown=True)
    assert order is not None
    ways = np.split(order, np.flatnonzero(order < 0))
    assert len(ways) == 200
    for way in ways[:5]:
        rows = sample.image_ids[way[way >= 0]]
        assert len(rows) == 10
        assert states.table["seed"][rows].n_unique() == 1
        assert (np.diff(states.timesteps[rows]) < 0).all()
    assert explorer.trajectories(View("digits-resnet", "digits"), sample, shown=True) is None


def test_a_model_of_noise_says_what_it_needs(explorer: Explorer) -> None:
    settled(lambda: explorer.describe("digits-diffusion"))
    with pytest.raises(JobFailedError, match="starts from noise"):
        settled(lambda: explorer.compute(View("digits-diffusion", "digits"), ("mid_block",), output=False))
    with pytest.raises(SelectionError, match="no timesteps"):
        settled(lambda: explorer.steps(View("digits-resnet", "digits"), "block"))


def test_a_generator_and_its_discriminator(explorer: Explorer) -> None:
    settled(lambda: explorer.drawn("gan-digits"))
    dataset = explorer.dataset("gan-digits")
    assert len(dataset) == 10 * (40 + 8)
    for model, block in (("digits-gan", "blocks.1"), ("digits-gan-discriminator", "blocks.1")):
        view = View(model, "gan-digits")
        settled(lambda model=model: explorer.describe(model))
        scatter = settled(lambda view=view, block=block: explorer.scatter(view, block, "pca"))
        assert scatter.xy.shape == (480, 2)
    order = explorer.trajectories(LATENTS, explorer.sample(LATENTS), shown=True)
    assert order is not None and (order >= 0).sum() == 10 * (8 + 2)
    way = dataset.table["position"].to_numpy()[order[:10]]
    assert way.tolist() == sorted(way.tolist()) and way[0] == 0 and way[-1] == 1


def test_what_was_drawn_is_read_as_its_class(explorer: Explorer, states: GeneratedDataset) -> None:
    for name in ("gan-digits", "diffusion-digits"):
        settled(lambda name=name: explorer.drawn(name))
        view = View("digits-resnet", name)
        described = settled(lambda: explorer.describe("digits-resnet"))
        last = described.layers[-1].name
        settled(lambda view=view, last=last: explorer.compute(view, (last,), output=True))
        table = explorer.image_table(view, range(len(explorer.dataset(name))))
        table = table.filter(timestep=0) if "timestep" in table.columns else table
        assert table["correct"].mean() >= 0.85
