"""Modules that are not plain: every layer's summaries against a float64 reference that knows the axes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.core.summaries import summarise
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.forward import run_batch
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.maps import activation_map
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.description import ModelDescription
from tests.extraction.test_maps import picture
from tests.extraction.toys import (
    Attention,
    InPlaceSkip,
    NeedsTwo,
    SharedRelu,
    TokenMixer,
    TupleNet,
    TwoInputs,
    WindowNet,
    built,
    images,
    timm_model,
)

SUMMARIES = ("l2", "rms", "mean", "max_abs", "active_fraction", "p90")


def outputs(model: BuiltModel, batch: Tensor) -> dict[str, Tensor]:
    """Every output of the pass by layer name, as it was when its module ended."""
    found: dict[str, Tensor] = {}
    handles = []
    for name, part in model.module.named_modules():

        def keep(_module: nn.Module, _given: object, output: object, name: str = name) -> None:
            if isinstance(output, Mapping):
                output = next(iter(output.values()))
            while isinstance(output, tuple):
                output = next(part for part in output if part is not None)
            number = sum(key.partition("#")[0] == name for key in found)
            assert isinstance(output, Tensor)
            found[name if number == 0 else f"{name}#{number + 1}"] = output.clone()

        handles.append(part.register_forward_hook(keep))
    with torch.inference_mode():
        model.module(batch)
    for handle in handles:
        handle.remove()
    return found


# Where the channels of an output are: 1, -1, or (windows an image, -1) where these are on the first axis.
Axes = Mapping[str, int | tuple[int, int]]
ODD: dict[str, tuple[nn.Module, Axes]] = {
    "called twice, in place": (
        SharedRelu(),
        {"first": 1, "relu": 1, "second": 1, "relu#2": 1, "head": 1},
    ),
    "tuple and dict": (TupleNet(), {"twins.conv": 1, "twins": 1, "head": 1}),
    "two inputs": (TwoInputs(), {"conv": 1}),
    "windows": (WindowNet(), {"conv": 1, "windows.proj": (16, -1), "windows": (16, -1), "head": 1}),
    "transposed tokens": (
        TokenMixer(),
        {"proj": 1, "norm": -1, "mix.0": -1, "mix.1": -1, "mix.2": 1, "mix": 1, "head": 1},
    ),
    "skip in place": (InPlaceSkip(), {"first": 1, "second": 1, "head": 1}),
    "attention of torch": (Attention(), {"proj": 1, "attention": -1, "head": 1}),
}


@pytest.mark.parametrize("name", ODD)
def test_summaries_of_odd_modules(name: str) -> None:
    module, axes = ODD[name]
    model = built(module)
    description = describe(model)
    assert [layer.name for layer in description.layers] == list(axes)
    batch = images(3)
    found = run_batch(model.module, batch, description.layers, SUMMARIES, output=False).summaries
    kept = outputs(model, batch)
    for layer in description.layers:
        axis, values = axes[layer.name], kept[layer.name].double()
        if isinstance(axis, tuple):
            values = values.unflatten(0, (len(batch), axis[0])).flatten(1, -2)
            axis = axis[1]
        for summary in SUMMARIES:
            if values.ndim == 2:
                expected = (values > 0).numpy() if summary == "active_fraction" else values.numpy()
            else:
                expected = summarise(values.movedim(axis, 1).flatten(2).numpy(), summary)
            np.testing.assert_allclose(
                found[layer.name][summary], expected, rtol=1e-5, atol=1e-6, err_msg=f"{layer.name} {summary}"
            )


def _wrapped(kind: str) -> nn.Module:
    module = SharedRelu()
    if kind == "parts":
        module.first = torch.compile(module.first)  # type: ignore[assignment]
        return nn.DataParallel(module)
    if kind == "in place":
        module.compile()
        return module
    return torch.compile(nn.DataParallel(module)) if kind == "both" else nn.DataParallel(module)  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["parallel", "both", "parts", "in place"])
def test_wrappers_are_taken_off(kind: str) -> None:
    model = built(_wrapped(kind))
    description = describe(model)
    assert [layer.name for layer in description.layers] == ["first", "relu", "second", "relu#2", "head"]
    found = run_batch(model.module, images(), description.layers, ["mean"], output=False).summaries
    kept = outputs(model, images())
    for layer in description.layers:
        values = kept[layer.name].double()
        expected = values if values.ndim == 2 else values.mean((2, 3))
        np.testing.assert_allclose(found[layer.name]["mean"], expected, rtol=1e-4, atol=1e-6)


def test_further_inputs_need_defaults() -> None:
    with pytest.raises(ModelError, match=r"timestep.*give the other arguments of `forward` defaults"):
        describe(built(NeedsTwo()))


def test_scripted_modules_say_why() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    with pytest.raises(ModelError, match=r"torch\.jit, which hides its layers"):
        describe(built(scripted))


def test_windows_lie_where_they_were_cut() -> None:
    model = built(WindowNet())
    layer = describe(model).layer("windows.proj")
    assert (layer.folds, layer.shape, layer.layout) == (16, (256, 6), "tokens")
    found = activation_map(model, picture(), layer, 4)
    with torch.no_grad():
        flat = model.module.get_submodule("conv")(model.transform(picture())[None]).permute(0, 2, 3, 1)
        expected = model.module.get_submodule("windows.proj")(flat)[0, ..., 4]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_transposed_tokens_lie_on_the_image() -> None:
    model = built(TokenMixer())
    description = describe(model)
    layer = description.layer("mix.2")
    assert (layer.layout, layer.shape, layer.channels) == ("nchw", (6, 16), 6)
    assert (description.layer("mix.0").layout, description.layer("mix.0").channels) == ("tokens", 9)
    found = activation_map(model, picture(), layer, 2)
    with torch.no_grad():
        given = model.transform(picture())[None]
        tokens = model.module.get_submodule("norm")(model.module.get_submodule("proj")(given).flatten(2).mT)
        expected = model.module.get_submodule("mix")(tokens.mT)[0, 2].view(4, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    # What a layer over positions has mixed lies nowhere, even where it would fill a grid.
    assert activation_map(model, picture(), description.layer("mix.1"), 0).shape == (1, 1)


@pytest.fixture(scope="module")
def swin() -> tuple[BuiltModel, ModelDescription]:
    model = timm_model("swin_tiny_patch4_window7_224", 64, img_size=64, window_size=4)
    return model, describe(model)


def test_windows_of_swin(swin: tuple[BuiltModel, ModelDescription]) -> None:
    """The input of a shifted window attention, read back in its place, is the norm before it."""
    model, description = swin
    norm = description.layer("layers.0.blocks.1.norm1")
    qkv = description.layer("layers.0.blocks.1.attn.qkv")
    assert (norm.layout, qkv.layout, qkv.folds, qkv.shape) == ("nhwc", "tokens", 16, (256, 288))
    with torch.no_grad():
        linear = model.module.get_submodule(qkv.name)
        # The first output repeats the first channel of the input.
        linear.weight[0] = torch.eye(96)[0]  # type: ignore[index]
        linear.bias[0] = 0  # type: ignore[index]
    before, after = (activation_map(model, picture(), layer, 0) for layer in (norm, qkv))
    assert before.shape == after.shape == (16, 16)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def test_merged_patches_lie_on_a_coarser_grid(swin: tuple[BuiltModel, ModelDescription]) -> None:
    model, description = swin
    deep = description.layer("layers.1.blocks.0.attn.qkv")
    assert (deep.folds, deep.shape) == (4, (64, 576))
    assert activation_map(model, picture(), deep, 0).shape == (8, 8)
    assert activation_map(model, picture(), description.layer("layers.1.downsample.norm"), 0).shape == (8, 8)
