"""Every channel ablated in turn: against one forward pass with a hook for each, done by hand; as a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError, VanishedError
from channelexplorer_dash.explorer.desk import Desk
from channelexplorer_dash.extraction.effects import batch_effects, publish_effects, publish_part
from channelexplorer_dash.extraction.engine import Engine
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.plan import Effects, plan_from_json
from channelexplorer_dash.extraction.tail import Tail
from channelexplorer_dash.extraction.tasks import CancelledError
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.store import Kind, schema
from tests.extraction.test_ablation import Digits
from tests.extraction.toys import (
    Attention,
    ClassTokenNet,
    InPlaceSkip,
    SharedRelu,
    TokenMixer,
    TupleNet,
    built,
    images,
    timm_model,
)

LAYOUT_AXIS = {"nchw": 1, "dense": 1, "nhwc": -1, "tokens": -1}


class Channels(nn.Module):
    """(B, H, W, C) in the middle, one channel of which is dead, and an input that is changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.middle = nn.Linear(4, 6)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(6, 3)
        with torch.no_grad():
            self.middle.weight[2] = 0
            self.middle.bias[2] = 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.mul_(0.5)).permute(0, 2, 3, 1)
        result: Tensor = self.head(self.act(self.middle(x)).mean((1, 2)))
        return result


class Pooled(nn.Module):
    """Class outputs of a toy that returns maps."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.inner(x).mean((2, 3))
        return result


class IgnoredInPlace(nn.Module):
    """Goes on with what a module changed in place, and not with what that returned."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(5, 4, 3)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        self.relu(x)
        result: Tensor = self.head(self.second(x).mean((2, 3)))
        return result


def as_dict(result: Any) -> dict[Any, Any]:
    if isinstance(result, dict):
        return dict(result)
    return dict(enumerate(result if isinstance(result, tuple) else [result]))


def by_hand(model: BuiltModel, layer: Layer, batch: Tensor, channel: int, value: float) -> Tensor:
    """Return the logits with a channel held by a hook of its own, at the layer's call."""
    path, _, number = layer.name.partition("#")
    calls = 0

    def hook(_module: nn.Module, _arguments: Any, result: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != int(number or 1):
            return None
        parts = as_dict(result)
        place = next(key for key, part in parts.items() if isinstance(part, Tensor))
        parts[place] = parts[place].clone()
        parts[place].select(LAYOUT_AXIS[layer.layout], channel).fill_(value)
        if isinstance(result, Tensor):
            return parts[0]
        return parts if isinstance(result, dict) else tuple(parts.values())

    handle = model.module.get_submodule(path).register_forward_hook(hook)
    with torch.no_grad():
        result = model.module(batch.clone())
    handle.remove()
    found: Tensor = result["logits"] if isinstance(result, dict) else result
    return found


TOYS: dict[str, Callable[[], nn.Module]] = {
    "shared": SharedRelu,
    "nhwc": Channels,
    "tuple": TupleNet,
    "tokens": ClassTokenNet,
    "mixer": TokenMixer,
    "attention": lambda: nn.Sequential(Attention(), _Logits()),
    "skip": lambda: Pooled(InPlaceSkip()),
    "ignored": IgnoredInPlace,
}


class _Logits(nn.Module):
    def forward(self, x: dict[str, Tensor]) -> Tensor:
        return x["logits"]


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_every_layer_of_odd_modules_as_by_hand(name: str, value: float) -> None:
    torch.manual_seed(0)
    model = built(TOYS[name]())
    batch = images(5)
    with torch.no_grad():
        result = model.module(batch.clone())
    before = result["logits"] if isinstance(result, dict) else result
    # Half of the images are given an answer that is wrong.
    targets = np.where(np.arange(5) % 2, before.argmax(1).numpy(), 0)
    rows = np.arange(5)
    described = describe(model)
    assert described.layers
    for layer in described.layers:
        values = [value] * layer.channels
        drops, lost = batch_effects(model.module, layer, batch.clone(), targets, values, lambda: None)
        assert drops.shape == lost.shape == (5, layer.channels)
        for channel in range(layer.channels):
            after = by_hand(model, layer, batch, channel, value)
            expected = (before - after)[rows, targets].numpy()
            np.testing.assert_allclose(drops[:, channel], expected, atol=1e-5, err_msg=layer.name)
            right = [(logits.argmax(1).numpy() == targets).astype(int) for logits in (before, after)]
            np.testing.assert_array_equal(lost[:, channel], right[0] - right[1])
    assert not any("forward" in vars(part) for part in model.module.modules())


def test_a_dead_channel_has_no_effect() -> None:
    model = built(Channels())
    middle = describe(model).layer("middle")
    assert middle.layout == "nhwc"
    drops, lost = batch_effects(
        model.module, middle, images(4), np.zeros(4, np.int64), [0.0] * 6, lambda: None
    )
    assert not drops[:, 2].any() and not lost[:, 2].any()
    assert np.abs(drops).max() > 1e-3


def test_what_comes_before_the_layer_runs_once() -> None:
    model = built(SharedRelu())
    counted = 0
    convolution = model.module.first._conv_forward

    def count(*arguments: Any) -> Tensor:
        nonlocal counted
        counted += 1
        result: Tensor = convolution(*arguments)
        return result

    model.module.first._conv_forward = count
    tail = Tail(model.module, describe(model).layer("relu#2"), images())
    assert counted and tail.is_short
    counted = 0
    for channel in range(8):
        tail.without([channel], [0.0])
    assert counted == 0


def test_a_model_that_cannot_be_entered_is_run_in_full() -> None:
    model = built(IgnoredInPlace())
    assert not Tail(model.module, describe(model).layer("relu"), images()).is_short
    assert Tail(model.module, describe(model).layer("first"), images()).is_short


def test_logits_that_are_not_finite_do_not_count() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.conv(x).mean((2, 3))
            return torch.where(torch.arange(len(x))[:, None] == 1, torch.nan, found)

    model = built(Broken())
    layer = describe(model).layer("conv")
    drops, lost = batch_effects(
        model.module, layer, images(3), np.zeros(3, np.int64), [0.0] * 3, lambda: None
    )
    assert np.isnan(drops[1]).all() and np.isfinite(drops[[0, 2]]).all()
    assert not lost[1].any()


def test_layers_and_models_that_cannot_be_measured() -> None:
    model = built(SharedRelu())
    for name, message in (("relu#3", "did not run the layer 'relu#3'"), ("absent", "no layer 'absent'")):
        with pytest.raises(ModelError, match=message):
            Tail(model.module, Layer(name, 0, ("leaf",), "Toy", 8, (8, 1, 1), "nchw"), images())
    maps = built(InPlaceSkip())
    with pytest.raises(ModelError, match="no class outputs"):
        Tail(maps.module, describe(maps).layer("first"), images())


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
@pytest.mark.slow
def test_blocks_of_real_networks_are_entered(name: str) -> None:
    options = {"img_size": 64} if name.startswith(("vit", "swin")) else {}
    model = timm_model(name, num_classes=7, **options)
    batch = images(2, (3, 64, 64))
    blocks = describe(model).at("block")
    for layer in (blocks[len(blocks) // 2], blocks[-1]):
        tail = Tail(model.module, layer, batch)
        assert tail.is_short
        for channel in (0, layer.channels - 1):
            expected = by_hand(model, layer, batch, channel, 0.0)
            assert torch.allclose(tail.without([channel], [0.0]), expected, atol=1e-5)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return Digits(tmp_path_factory.mktemp("effects") / "store")


def plan_of(digits: Digits, layer: str, **changed: Any) -> Effects:
    values: dict[str, Any] = {
        "model": digits.model,
        "identity": identity(digits.model),
        "dataset": digits.dataset,
        "dataset_digest": digits.opened.digest,
        "sample": digits.sample,
        "images": 40,
        "layer": layer,
        "means": "",
        "targets": tuple(range(10)),
        "shard_size": 16,
        "batch_size": 8,
        "batch_memory_mb": 32,
        "precision": "float32",
        "device": "cpu",
        "max_image_pixels": 10**6,
    }
    return Effects(**{**values, **changed})


def test_the_table_is_what_ablations_one_by_one_say(digits: Digits) -> None:
    plan = plan_of(digits, "layer3.0")
    for start in plan.starts:
        publish_part(digits.store, plan, start, lambda: None)
    publish_effects(digits.store, plan)
    table = digits.store.table(plan.key)
    labels = np.asarray(digits.store.array(Kind.ARRAY, digits.sample)[1])
    rows = np.arange(40)
    before = digits.logits(digits.plan())
    assert len(table) == 32
    for channel in (0, 7, 31):
        after = digits.logits(digits.plan("layer3.0", (channel,), (0.0,)))
        moved = (before - after)[rows, labels]
        lost = (before.argmax(1) == labels).astype(int) - (after.argmax(1) == labels)
        row = table.row(channel, named=True)
        assert row[schema.EFFECT] == pytest.approx(moved.mean(), abs=1e-5)
        assert row[schema.ACCURACY_LOST] == pytest.approx(lost.mean(), abs=1e-9)
        for k, label in enumerate(np.unique(labels)):
            own = labels == label
            assert row[schema.CLASS_EFFECT][k] == pytest.approx(moved[own].mean(), abs=1e-5)
            assert row[schema.CLASS_ACCURACY_LOST][k] == pytest.approx(lost[own].mean(), abs=1e-9)
    assert not digits.store.shards(plan.key).there()


def test_the_plan_says_what_it_is_of(digits: Digits) -> None:
    plan = plan_of(digits, "layer3.0")
    others = [
        plan_of(digits, "layer4.0"),
        plan_of(digits, "layer3.0", means="0" * 40),
        plan_of(digits, "layer3.0", targets=tuple(range(9, -1, -1))),
    ]
    assert len({plan.key, *(other.key for other in others)}) == 4
    assert plan_of(digits, "layer3.0", shard_size=8).key == plan.key
    assert plan_from_json(plan.to_json()) == plan


def test_cancelled_work_keeps_the_images_that_are_done(digits: Digits) -> None:
    plan = plan_of(digits, "layer2.0")
    publish_part(digits.store, plan, 0, lambda: None)
    left = iter(range(2))

    def still_wanted() -> None:
        if next(left, None) is None:
            raise CancelledError

    with pytest.raises(CancelledError):
        publish_part(digits.store, plan, 16, still_wanted)
    assert digits.store.shards(plan.key).there() == {(0, 16)}
    job = Desk(digits.store, Engine(digits.settings, digits.store), 0).job(plan)
    assert (job.done, job.total) == (16, 40)
    assert job.label == "Ablating each channel of layer2.0 in turn, images:"
    with pytest.raises(VanishedError):
        publish_effects(digits.store, plan)
    asked: list[int] = []
    for start in plan.starts:
        publish_part(digits.store, plan, start, lambda start=start: asked.append(start))  # type: ignore[misc]
    # What was there is not done again.
    assert set(asked) == {16, 32}
    publish_effects(digits.store, plan)
    assert digits.store.has(Kind.TABLE, plan.key)
