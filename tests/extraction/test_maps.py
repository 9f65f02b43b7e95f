"""Activation maps for overlays: the right channel, on the image's grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from channelexplorer_dash.errors import UnknownNameError
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.maps import activation_map
from tests.extraction.toys import ClassTokenNet, Poison, SharedRelu, built


def picture(seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_a_map_is_the_channel_before_the_in_place_relu() -> None:
    model = built(SharedRelu())
    layer = describe(model).layer("first")
    found = activation_map(model, picture(), layer, 3)
    with torch.no_grad():
        expected = model.module.get_submodule("first")(model.transform(picture())[None])[0, 3]
    assert found.dtype == np.float32 and found.shape == (14, 14) and (found < 0).any()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_tokens_lie_on_their_grid() -> None:
    for size, grid in {(3, 16, 16): (4, 4), (3, 8, 32): (2, 8)}.items():
        model = built(ClassTokenNet(), size)
        layer = describe(model).layer("norm")
        assert layer.prefix_tokens == 1
        found = activation_map(model, picture(), layer, 2)
        with torch.no_grad():
            patches = model.module.get_submodule("proj")(model.transform(picture())[None])
            expected = model.module.get_submodule("norm")(patches.movedim(1, -1))[0, ..., 2]
        assert found.shape == grid
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_dense_outputs_are_one_cell() -> None:
    model = built(SharedRelu())
    layer = describe(model).layer("head")
    found = activation_map(model, picture(), layer, 1)
    with torch.no_grad():
        expected = model.module(model.transform(picture())[None])[0, 1]
    np.testing.assert_allclose(found, [[float(expected)]], rtol=1e-5)


def test_what_is_not_finite_is_zero() -> None:
    class Half(Poison):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.clone()
            x[:, 0, 0, 0] = torch.nan
            return x

    model = built(nn.Sequential(nn.Conv2d(3, 4, 3), Half()))
    found = activation_map(model, picture(), describe(model).layer("1"), 0)
    assert np.isfinite(found).all() and found[0, 0] == 0 and found.any()


@pytest.mark.parametrize("channel", [-1, 8])
def test_a_channel_out_of_range(channel: int) -> None:
    model = built(SharedRelu())
    with pytest.raises(UnknownNameError, match="from 0 to 7"):
        activation_map(model, picture(), describe(model).layer("first"), channel)
