"""The description of a model: names, order, granularities, layouts and tokens."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError, UnknownNameError
from channelexplorer_dash.extraction.axes import find_layout, token_grid
from channelexplorer_dash.extraction.layers import describe, kernel_norms
from channelexplorer_dash.models.description import ModelDescription
from tests.extraction.toys import ClassTokenNet, SharedRelu, TupleNet, built, timm_model

SWIN = "swin_tiny_patch4_window7_224"
# name → size, options, blocks that must be there in this order, stages
MODELS: dict[str, tuple[int, dict[str, object], list[str], list[str]]] = {
    "resnet18": (
        64,
        {},
        ["conv1", "bn1", "act1", "maxpool", "layer1.0", "layer4.1", "global_pool", "fc"],
        ["act1", "layer1", "layer2", "layer3", "layer4", "global_pool", "fc"],
    ),
    "mobilenetv2_100": (
        64,
        {},
        ["conv_stem", "bn1", "blocks.0.0", "blocks.6.0", "conv_head", "bn2", "global_pool", "classifier"],
        [
            "bn1",
            "blocks.0",
            "blocks.1",
            "blocks.2",
            "blocks.4",
            "blocks.6",
            "conv_head",
            "bn2",
            "global_pool",
        ],
    ),
    "tf_efficientnet_lite0": (
        64,
        {},
        ["conv_stem", "bn1", "blocks.0.0", "blocks.5.3", "bn2", "global_pool", "classifier"],
        ["bn1", "blocks.0", "blocks.1", "blocks.2", "blocks.4", "blocks.6"],
    ),
    "vit_small_patch16_224": (
        64,
        {"img_size": 64},
        ["patch_embed", "blocks.0", "blocks.11", "norm", "head"],
        ["patch_embed", *(f"blocks.{i}" for i in range(12)), "norm", "head"],
    ),
    SWIN: (
        64,
        {"img_size": 64, "window_size": 4},
        [
            "patch_embed",
            "layers.0.blocks.0",
            "layers.1.downsample",
            "layers.3.blocks.1",
            "norm",
            "head.global_pool",
        ],
        [
            "patch_embed",
            "layers.0",
            "layers.1",
            "layers.2",
            "layers.3",
            "norm",
            "head.global_pool",
            "head.fc",
        ],
    ),
    "convnext_tiny": (
        64,
        {},
        ["stem", "stages.0.blocks.0", "stages.3.blocks.2", "head.global_pool", "head.fc"],
        ["stem", "stages.0", "stages.1", "stages.2", "stages.3", "head.global_pool"],
    ),
    "densenet121": (
        64,
        {},
        [
            "features.conv0",
            "features.denseblock1.denselayer1",
            "features.transition1",
            "global_pool",
            "classifier",
        ],
        ["features.norm0", "features.denseblock1", "features.norm5", "global_pool", "classifier"],
    ),
    "inception_v3": (
        96,
        {},
        ["Conv2d_1a_3x3", "Pool1", "Mixed_5b", "Mixed_7c", "global_pool", "fc"],
        ["Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c", "global_pool", "fc"],
    ),
    "vgg11_bn": (
        32,
        {},
        ["features.0", "features.28", "pre_logits", "head.global_pool", "head.fc"],
        ["features.28", "pre_logits", "head.global_pool", "head.fc"],
    ),
    "regnety_008": (
        64,
        {},
        ["stem", "s1.b1", "s2.b1", "s4.b2", "head.global_pool", "head.fc"],
        ["stem", "s1", "s2", "s3", "s4", "head.global_pool", "head.fc"],
    ),
}


def in_order(wanted: list[str], names: list[str]) -> bool:
    rest = iter(names)
    return all(name in rest for name in wanted)


@pytest.mark.parametrize("name", MODELS)
def test_real_architectures(name: str) -> None:
    size, options, blocks, stages = MODELS[name]
    model = timm_model(name, size, **options)
    description = describe(model)
    assert in_order(blocks, [layer.name for layer in description.at("block")]), description.at("block")
    assert in_order(stages, [layer.name for layer in description.at("stage")]), description.at("stage")
    assert [layer.depth for layer in description.layers] == list(range(len(description.layers)))
    assert len({layer.name for layer in description.layers}) == len(description.layers)
    assert not any("Dropout" in layer.kind or layer.kind == "Identity" for layer in description.layers)
    assert description.outputs == 1000 and description.input_size == (3, size, size)
    for layer in description.layers:
        axis = 0 if layer.layout == "nchw" else -1
        assert layer.shape[axis] == layer.channels, layer
    assert description.layers[-1].layout == "dense"
    assert ModelDescription.from_json(json.loads(json.dumps(description.to_json()))) == description


def test_layouts_of_real_architectures() -> None:
    swin = describe(timm_model(SWIN, 64, img_size=64, window_size=4))
    assert {layer.layout for layer in swin.at("stage")} == {"nhwc", "dense"}
    assert swin.layer("layers.2.blocks.0").shape == (4, 4, 384)
    vit = describe(timm_model("vit_small_patch16_224", img_size=64))
    assert [vit.layer(n).prefix_tokens for n in ("patch_embed", "blocks.0", "norm")] == [0, 1, 1]
    assert vit.layer("blocks.0").shape == (17, 384)
    registers = describe(timm_model("vit_small_patch14_reg4_dinov2", 56, img_size=56))
    assert registers.layer("blocks.0").prefix_tokens == 5
    # 40 channels on 40 × 40 positions: the shape alone says nothing.
    convnext = describe(timm_model("convnext_atto", 160, dims=[40, 20, 10, 5], depths=[1, 1, 1, 1]))
    block = {layer.name: layer for layer in convnext.layers if layer.name.startswith("stages.0.blocks.0")}
    assert {layer.shape for layer in block.values()} >= {(40, 40, 40)}
    assert block["stages.0.blocks.0"].layout == block["stages.0.blocks.0.conv_dw"].layout == "nchw"
    linear = describe(timm_model("convnext_tiny", 160, dims=[40, 20, 10, 5], depths=[1, 1, 1, 1]))
    inside = [layer for layer in linear.layers if layer.name.startswith("stages.0.blocks.0.")]
    assert [(layer.kind, layer.layout) for layer in inside] == [
        ("Conv2d", "nchw"),
        ("LayerNorm", "nhwc"),
        ("Linear", "nhwc"),
        ("GELU", "nhwc"),
        ("Linear", "nhwc"),
    ]
    assert linear.layer("stages.0.blocks.0").layout == "nchw"


def test_a_module_called_twice_is_two_layers() -> None:
    description = describe(built(SharedRelu()))
    assert [layer.name for layer in description.layers] == ["first", "relu", "second", "relu#2", "head"]
    assert all(layer.granularities == ("stage", "block", "leaf") for layer in description.layers)


def test_tuples_and_mappings() -> None:
    description = describe(built(TupleNet()))
    assert description.layer("twins").shape == (5, 14, 14)
    assert description.layer("twins").granularities == ("stage", "block")
    assert description.outputs == 2


def test_a_class_token_is_recognised_by_its_parameter() -> None:
    description = describe(built(ClassTokenNet()))
    assert description.layer("norm").prefix_tokens == 1
    assert description.layer("norm").layout == "tokens"


class Wrapped(nn.Module):
    """A backbone in an attribute, its stages in a list inside a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.encoder(x).mean((2, 3)))
        return result


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.steps = nn.ModuleList([Step(), Step()])

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for step in self.steps:
            x = step(x)
        return x


class Step(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.drop = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.drop(self.conv(x)).relu()
        return result


def test_a_backbone_is_opened() -> None:
    description = describe(built(Wrapped()))
    assert [layer.name for layer in description.at("block")] == [
        "encoder.stem",
        "encoder.steps.0",
        "encoder.steps.1",
        "head",
    ]
    assert [layer.name for layer in description.at("leaf")] == [
        "encoder.stem",
        "encoder.steps.0.conv",
        "encoder.steps.1.conv",
        "head",
    ]
    assert [layer.name for layer in description.at("stage")] == [
        layer.name for layer in description.at("block")
    ]


def test_a_plain_sequence() -> None:
    description = describe(
        built(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Identity(), nn.Flatten(), nn.Linear(784, 2)))
    )
    for granularity in ("stage", "block", "leaf"):
        assert [layer.name for layer in description.at(granularity)] == ["0", "2", "3"]  # type: ignore[arg-type]


def test_what_cannot_be_described_says_why() -> None:
    with pytest.raises(ModelError, match=r"3×16×16 .*preprocessing\.input_size"):
        describe(built(nn.Sequential(nn.Flatten(), nn.Linear(784, 2))))
    with pytest.raises(ModelError, match="no layers"):
        describe(built(nn.Flatten()))
    with pytest.raises(ModelError, match="4 outputs but 2 class names"):
        describe(built(SharedRelu(), class_names=("a", "b")))


def test_hooks_are_gone_after_a_failure() -> None:
    model = built(nn.Sequential(nn.Flatten(), nn.Linear(784, 2)))
    with pytest.raises(ModelError):
        describe(model)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())


def test_kernel_norms() -> None:
    model = timm_model("resnet18", 32)
    module = model.module

    def norms(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        weight = module.get_parameter(f"{name}.weight").detach().double()
        return np.array([float(kernel.norm()) for kernel in weight])

    for layer, source in {
        "conv1": "conv1",
        "bn1": "conv1",
        "maxpool": "conv1",
        "layer1.0.act1": "layer1.0.conv1",
        "layer2.0": "layer2.0.conv2",
        "layer2.0.downsample.0": "layer2.0.downsample.0",
        "layer3": "layer3.1.conv2",
        "global_pool": "layer4.1.conv2",
        "fc": "fc",
    }.items():
        found = kernel_norms(model, layer, len(norms(source)))
        assert found is not None and found.dtype == np.float64
        np.testing.assert_allclose(found, norms(source), rtol=1e-12, err_msg=layer)
    assert kernel_norms(model, "conv1", 63) is None
    with pytest.raises(UnknownNameError):
        kernel_norms(model, "layer9", 64)


def test_kernel_norms_of_transposed_convolutions() -> None:
    module = nn.Sequential(nn.ConvTranspose2d(3 * 2, 4 * 2, 3, groups=2))
    model = built(nn.Sequential(nn.Conv2d(3, 6, 1), module))
    found = kernel_norms(model, "1.0", 8)
    weight = model.module.get_parameter("1.0.weight").detach().double()
    expected = [float(weight[3 * g : 3 * g + 3, c].norm()) for g in range(2) for c in range(4)]
    np.testing.assert_allclose(found, expected)


def test_layouts_from_what_is_known() -> None:
    square = (2, 8, 8, 8)
    assert find_layout(nn.Linear(8, 8), square, [], (64, 64)) == "nhwc"
    assert find_layout(nn.Conv2d(8, 8, 1), square, [], (64, 64)) == "nchw"
    assert find_layout(nn.GELU(), square, [(square, "nhwc")], (64, 64)) == "nhwc"
    assert find_layout(nn.GELU(), (2, 8, 8, 5), [], (64, 64)) == "nhwc"
    assert find_layout(nn.GELU(), (2, 5, 8, 8), [], (64, 64)) == "nchw"
    assert find_layout(nn.GELU(), (2, 6, 12, 5), [], (64, 128)) == "nhwc"
    assert find_layout(nn.Conv1d(4, 4, 1), (2, 4, 9), [], (64, 64)) == "nchw"
    assert find_layout(nn.Conv3d(4, 4, 1), (2, 4, 2, 2, 2), [], (64, 64)) == "nchw"
    assert find_layout(nn.GELU(), (2, 4, 2, 2, 2), [], (64, 64)) is None


def test_token_grid() -> None:
    assert token_grid(196, (224, 224)) == (14, 14)
    assert token_grid(8, (32, 64)) == (2, 4)
    assert token_grid(197, (224, 224)) is None
    assert token_grid(12, (64, 64)) is None
    assert torch.zeros(token_grid(1, (8, 8)) or (0,)).shape == (1, 1)
