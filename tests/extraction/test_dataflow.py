"""The recorded dataflow: branches, skips and concatenations of real and odd models."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.choices import Granularity
from channelexplorer_dash.core.flowgraph import FlowNet, Step, collapse
from channelexplorer_dash.explorer.flow import layer_graph
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.models.description import Dataflow, ModelDescription
from tests.extraction.toys import Attention, InPlaceSkip, SharedRelu, TokenMixer, built, timm_model


def graph(description: ModelDescription, granularity: Granularity) -> FlowNet:
    names = [layer.name for layer in description.at(granularity)]
    nodes = description.dataflow.nodes
    return collapse([Step(node.inside, node.sources, node.operation) for node in nodes], names)


def edges(net: FlowNet) -> set[tuple[str, str]]:
    names = [layer or sign for layer, sign in zip(net.layers, net.operations, strict=True)]
    return {(names[source], names[to]) for source, to in net.edges}


# name → size, operations at which branches meet, in the whole pass
MEETINGS: dict[str, tuple[int, dict[str, object], dict[str, int]]] = {
    "resnet18": (64, {}, {"+": 8}),
    # 58 dense layers and the four ends of dense blocks; the first of each block takes one tensor alone.
    "densenet121": (64, {}, {"concat": 58}),
    "inception_v3": (96, {}, {"concat": 15}),
    "vit_tiny_patch16_224": (64, {"img_size": 64}, {"+": 24}),
    "vgg11": (32, {}, {}),
}


@pytest.mark.parametrize("name", MEETINGS)
def test_branches_of_real_models(name: str) -> None:
    size, options, meetings = MEETINGS[name]
    description = describe(timm_model(name, size, **options))
    found = Counter(node.operation for node in description.dataflow.nodes if node.operation)
    assert found == meetings
    for granularity in ("stage", "block", "leaf"):
        net = graph(description, granularity)  # type: ignore[arg-type]
        assert net.missing == ()
        assert [layer for layer in net.layers if layer] == [
            layer.name
            for layer in description.at(granularity)  # type: ignore[arg-type]
        ]
    assert description.dataflow.problems == ()


def test_the_skip_of_a_block_shows_among_its_leaves() -> None:
    net = graph(describe(timm_model("resnet18", 64)), "leaf")
    first = [pair for pair in edges(net) if pair[0] == "maxpool"]
    assert sorted(first) == [("maxpool", "+"), ("maxpool", "layer1.0.conv1")]
    down = {pair for pair in edges(net) if "downsample" in pair[1] and pair[1].startswith("layer2")}
    assert down == {
        ("layer1.1.act2", "layer2.0.downsample.0"),
        ("layer2.0.downsample.0", "layer2.0.downsample.1"),
    }


def test_functions_in_place_keep_their_origins() -> None:
    net = graph(describe(built(InPlaceSkip())), "leaf")
    assert edges(net) == {
        ("input", "first"),
        ("first", "second"),
        ("first", "+"),
        ("second", "+"),
        ("+", "concat"),
        ("first", "concat"),
        ("concat", "head"),
    }


def test_every_call_of_a_module_is_a_node() -> None:
    assert edges(graph(describe(built(SharedRelu())), "leaf")) == {
        ("input", "first"),
        ("first", "relu"),
        ("relu", "second"),
        ("second", "relu#2"),
        ("relu#2", "head"),
    }


def test_attention_and_token_mixers() -> None:
    net = graph(describe(built(Attention())), "block")
    assert edges(net) == {("input", "proj"), ("proj", "attention"), ("attention", "head")}
    mixed = edges(graph(describe(built(TokenMixer())), "leaf"))
    assert {("norm", "mix.0"), ("norm", "+"), ("mix.2", "+"), ("+", "head")} <= mixed


class Hidden(torch.autograd.Function):
    """What torch's functions do not show."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> Tensor:
        return grads[0]


class Lost(nn.Module):
    def __init__(self, *, inside: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.second = nn.Conv2d(4, 4, 1)
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        # Through NumPy nothing can be followed.
        y = Hidden.apply(y) if self.inside else torch.from_numpy(y.detach().numpy().copy())
        result: Tensor = self.second(y)
        return result


def test_what_cannot_be_followed_is_named_and_the_layers_stay() -> None:
    description = describe(built(Lost(inside=False)))
    found = layer_graph(description, "leaf")
    assert found.net.layers == ("", "first", "second")
    assert found.net.missing == ("second",)
    assert found.net.edges == ((0, 1),)


def test_an_empty_recording_leaves_the_layers() -> None:
    description = describe(built(SharedRelu()))
    blank = ModelDescription.from_json(
        {**description.to_json(), "dataflow": {"nodes": [], "outputs": [], "problems": ["x"]}}
    )
    assert blank.dataflow == Dataflow(problems=("x",))
    found = layer_graph(blank, "leaf")
    assert found.net.layers == found.net.missing == ("first", "relu", "second", "relu#2", "head")
    assert found.problems == ("x",)


def test_an_error_of_the_recording_is_a_problem_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from channelexplorer_dash.extraction.dataflow import Flow

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("not this one")

    monkeypatch.setattr(Flow, "follow", broken)
    description = describe(built(SharedRelu()))
    assert [layer.name for layer in description.layers] == ["first", "relu", "second", "relu#2", "head"]
    assert description.dataflow.problems == ("RuntimeError: not this one",)
