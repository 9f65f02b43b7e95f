"""Use case 4: the findings of docs/use-case-diffusion.md, found again."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.use_cases.diffusion import Findings, find


@pytest.fixture(scope="module")
def found() -> Findings:
    return find()


@pytest.mark.slow
def test_the_timestep_is_recovered_on_held_out_seeds(found: Findings) -> None:
    blocks = [i for i, name in enumerate(found.layers) if "block" in name]
    assert len(blocks) == 7
    assert found.r_squared[blocks].min() > 0.9


@pytest.mark.slow
def test_the_class_is_recovered_from_the_step_at_which_it_is_decidable(found: Findings) -> None:
    told = dict(zip(found.layers, found.told, strict=True))
    for name in ("down_blocks.1", "down_blocks.2", "up_blocks.0", "up_blocks.1"):
        assert found.decidable(told[name]) == 999
    untold = dict(zip(found.layers, found.untold, strict=True))
    for name in ("down_blocks.1", "down_blocks.2"):
        # Noise says nothing of the class; the image does, and so does a state on half the way.
        assert untold[name][:2].max() < 0.25
        assert untold[name][-1] > 0.8
        step = found.decidable(untold[name])
        assert step is not None
        assert 300 <= step <= 600


@pytest.mark.slow
def test_new_latents_are_placed_by_class_and_timestep(found: Findings) -> None:
    assert found.placed_class > 0.95
    assert found.placed_steps < 60
    assert found.confidence > 0.9


@pytest.mark.slow
def test_the_map_of_layers_by_timesteps_tells_where_classes_come_apart(found: Findings) -> None:
    matrix = found.matrix
    names = [layer.name for layer in matrix.layers]
    first, next_block = names.index("conv_in"), names.index("down_blocks.1")
    assert (np.diff(matrix.values[first]) >= -0.05).all()
    assert matrix.values[first, 0] < 0.2
    assert matrix.values[next_block].min() > 0.9
