"""Summaries on the device equal the NumPy reference of the core, whatever the layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from channelexplorer_dash.choices import Summary
from channelexplorer_dash.core.summaries import summarise
from channelexplorer_dash.errors import ModelError, UnknownNameError
from channelexplorer_dash.extraction import onepass, reduce
from channelexplorer_dash.extraction.reduce import reduce_activation, several_kernels
from channelexplorer_dash.models.description import Layer, Layout

SUMMARIES = get_args(Summary)


def layer(layout: Layout, prefix: int = 0) -> Layer:
    return Layer("a", 0, ("leaf",), "", 1, (1,), layout, prefix)


def reduced(activation: Tensor, of: Layer, summaries: Sequence[str]) -> dict[str, Tensor]:
    return dict(zip(summaries, reduce_activation(activation, of, summaries), strict=True))


def agree(result: dict[str, Tensor], maps: Tensor) -> None:
    """Compare with the reference of ``maps`` (B, C, H, W)."""
    for summary, value in result.items():
        assert value.dtype == torch.float32
        expected = summarise(maps.double().numpy(), summary)
        np.testing.assert_allclose(value.numpy(), expected, rtol=2e-6, atol=2e-6, err_msg=summary)


@pytest.mark.parametrize("shape", [(3, 5, 7, 9), (2, 3, 1, 1), (1, 4, 1, 6), (2, 8, 16, 16), (5, 2, 2, 3)])
@pytest.mark.parametrize("relu", [False, True])
def test_all_layouts_agree_with_the_reference(shape: tuple[int, ...], relu: bool) -> None:
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3
    maps = maps.relu() if relu else maps
    agree(reduced(maps, layer("nchw"), SUMMARIES), maps)
    agree(reduced(maps.contiguous(memory_format=torch.channels_last), layer("nchw"), SUMMARIES), maps)
    agree(reduced(maps.movedim(1, -1).contiguous(), layer("nhwc"), SUMMARIES), maps)
    flat = [summary for summary in SUMMARIES if summary != "spectral"]
    agree(reduced(maps.flatten(2).transpose(1, 2).contiguous(), layer("tokens"), flat), maps)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=12, max_size=12),
    st.sampled_from([(1, 1, 3, 4), (1, 2, 2, 3), (2, 1, 6, 1), (3, 4, 1, 1)]),
)
def test_ties_and_constant_maps(values: list[int], shape: tuple[int, ...]) -> None:
    maps = torch.tensor(values, dtype=torch.float32).reshape(shape) / 7
    agree(reduced(maps, layer("nchw"), SUMMARIES), maps)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = torch.randn(5, 3, 4, 4)
    whole = reduced(maps, layer("nchw"), SUMMARIES)
    monkeypatch.setattr(reduce, "_CPU_VALUES", 100)
    parts = reduced(maps, layer("nchw"), SUMMARIES)
    for summary in SUMMARIES:
        torch.testing.assert_close(parts[summary], whole[summary])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_single(dtype: torch.dtype) -> None:
    # √(16 · 1000²) overflows nothing in float32, but 1000² does in float16.
    maps = (torch.randn(2, 3, 4, 4) * 1000).to(dtype)
    agree(reduced(maps, layer("nchw"), ["l2", "rms", "mean", "max_abs"]), maps.float())


def test_prefix_tokens_are_no_positions() -> None:
    tokens = torch.randn(2, 17, 6)
    tokens[:, 0] = 1e6
    maps = tokens[:, 1:].transpose(1, 2).reshape(2, 6, 4, 4)
    agree(reduced(tokens, layer("tokens", 1), SUMMARIES), maps)


def test_spectral_of_tokens_that_fill_no_square_is_their_l2() -> None:
    tokens = torch.randn(2, 11, 3)
    result = reduced(tokens, layer("tokens"), ["spectral", "l2"])
    torch.testing.assert_close(result["spectral"], result["l2"])


def test_dense_outputs_are_their_own_summary() -> None:
    values = torch.tensor([[1.0, -2.0, 0.0]])
    result = reduced(values, layer("dense"), SUMMARIES)
    for summary in SUMMARIES:
        expected = [[1.0, 0.0, 0.0]] if summary == "active_fraction" else values.tolist()
        assert result[summary].tolist() == expected
    assert result["l2"].data_ptr() != values.data_ptr()


def test_one_and_three_dimensional_maps() -> None:
    for shape in ((2, 3, 8), (2, 3, 2, 2, 2)):
        maps = torch.randn(shape)
        agree(reduced(maps, layer("nchw"), ["l2", "p90", "above_otsu"]), maps.reshape(2, 3, 2, 4))


def test_spectral_survives_what_is_not_finite() -> None:
    maps = torch.randn(1, 2, 3, 3)
    maps[0, 0, 1, 1] = torch.nan
    result = reduced(maps, layer("nchw"), ["spectral"])["spectral"]
    assert result.isnan().tolist() == [[True, False]]


def test_unknown_summary() -> None:
    with pytest.raises(UnknownNameError, match="max_abs"):
        reduced(torch.zeros(1, 1, 1, 1), layer("nchw"), ["max"])


@pytest.mark.parametrize("positions", [(1, 1), (7, 7), (1, 3137)])
@pytest.mark.parametrize("channels", [1, 3, 17, 2048])
def test_one_reading_of_odd_sizes(channels: int, positions: tuple[int, int]) -> None:
    images = 1 if channels == 2048 else 2
    maps = torch.randn(images, channels, *positions, generator=torch.Generator().manual_seed(2)) + 0.5
    agree(reduced(maps, layer("nchw"), onepass.SUMMARIES), maps)
    agree(reduced(maps.contiguous(memory_format=torch.channels_last), layer("nchw"), onepass.SUMMARIES), maps)
    tokens = maps.flatten(2).transpose(1, 2)
    agree(reduced(torch.cat([tokens[:, :1], tokens], 1), layer("tokens", 1), onepass.SUMMARIES), maps)


def test_any_strides() -> None:
    whole = torch.randn(4, 6, 9, 10)
    for maps in (whole[::2, 1:4, :, 3:], whole.transpose(2, 3), whole[:1].expand(3, -1, -1, -1)):
        agree(reduced(maps, layer("nchw"), SUMMARIES), maps)
        agree(reduced(maps.movedim(1, -1), layer("nhwc"), SUMMARIES), maps)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30])
@pytest.mark.parametrize("position", [0, 48])
def test_a_map_that_is_not_finite_is_so_under_every_name(value: float, position: int) -> None:
    maps = torch.randn(2, 5, 7, 7)
    maps[1, 3].view(-1)[position] = value
    for of, activation in (
        (layer("nchw"), maps),
        (layer("nchw"), maps.contiguous(memory_format=torch.channels_last)),
        (layer("tokens"), maps.flatten(2).transpose(1, 2).contiguous()),
    ):
        bad = reduce_activation(activation, of, SUMMARIES).isnan()
        assert bad[:, 1, 3].all() and int(bad.sum()) == len(SUMMARIES)
    bad = several_kernels(maps, layer("nchw")).isnan()
    assert bad[:, 1, 3].all() and int(bad.sum()) == 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernels_of_an_accelerator_agree(dtype: torch.dtype) -> None:
    maps = (torch.randn(3, 5, 7, 9) * 3).to(dtype)
    for of, activation in (
        (layer("nchw"), maps),
        (layer("nhwc"), maps.movedim(1, -1).contiguous()),
        (layer("tokens"), maps.flatten(2).transpose(1, 2)),
    ):
        five = dict(zip(onepass.SUMMARIES, several_kernels(activation, of), strict=True))
        agree(five, maps.float())


@pytest.mark.parametrize("channels_last", [False, True])
def test_threads_do_not_show(monkeypatch: pytest.MonkeyPatch, channels_last: bool) -> None:
    maps = torch.randn(5, 3, 4, 4)
    if channels_last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    alone = reduce_activation(maps, layer("nchw"), onepass.SUMMARIES)
    monkeypatch.setattr(reduce, "_SHARED_VALUES", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(reduce_activation(maps, layer("nchw"), onepass.SUMMARIES), alone)


@pytest.mark.parametrize("scale", [2e-18, 1e-9, 1e9, 1e16])
def test_one_reading_over_the_range_that_it_promises(scale: float) -> None:
    maps = torch.rand(2, 3, 40, 41, generator=torch.Generator().manual_seed(3)) * scale
    for activation, of in ((maps, "nchw"), (maps.movedim(1, -1).contiguous(), "nhwc")):
        for name, value in reduced(activation, layer(of), onepass.SUMMARIES).items():
            expected = summarise(maps.double().numpy(), name)
            np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6, err_msg=name)


def test_below_that_range_only_squares_are_lost() -> None:
    maps = torch.full((1, 1, 4, 4), 1e-25)
    found = reduced(maps, layer("nchw"), onepass.SUMMARIES)
    assert found["l2"].item() == found["rms"].item() == 0
    assert found["mean"].item() == pytest.approx(1e-25) == found["max_abs"].item()
    assert found["active_fraction"].item() == 1


@pytest.mark.parametrize("summary", ["l2", "p90"])
def test_an_output_without_positions_is_explained(summary: str) -> None:
    for activation, of in (
        (torch.ones(2, 3, 5), layer("tokens", 3)),
        (torch.ones(2, 1, 5), layer("tokens", 3)),
        (torch.ones(2, 4, 0, 7), layer("nchw")),
    ):
        with pytest.raises(ModelError, match=r"'a'.*no positions"):
            reduced(activation, of, [summary])
