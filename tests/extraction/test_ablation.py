"""Ablation: the forward pass with channels held still, against the model done by hand; and as a plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.explorer.desk import Desk
from channelexplorer_dash.extraction.ablation import held, publish_logits, with_channels
from channelexplorer_dash.extraction.engine import Engine
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.plan import Ablation, Describe, plan_from_json
from channelexplorer_dash.extraction.shards import publish_description
from channelexplorer_dash.extraction.tasks import CancelledError
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.store import Kind, Store, digest
from tests.extraction.toys import ClassTokenNet, SharedRelu, TupleNet, built, images, timm_model


def layer(name: str, layout: Any, shape: tuple[int, ...], channels: int) -> Layer:
    return Layer(name, 0, ("leaf",), "Toy", channels, shape, layout)


@pytest.mark.parametrize(
    ("layout", "shape", "axis"),
    [("nchw", (2, 5, 4, 3), 1), ("nhwc", (2, 4, 3, 5), 3), ("tokens", (2, 7, 5), 2), ("dense", (2, 5), 1)],
)
def test_the_channel_axis_is_the_layouts(layout: Any, shape: tuple[int, ...], axis: int) -> None:
    tensor = torch.randn(shape)
    before = tensor.clone()
    changed = with_channels(tensor, layer("x", layout, shape[1:], 5), (1, 4), (0.0, 2.5))
    assert torch.equal(tensor, before)
    assert torch.equal(changed.select(axis, 1), torch.zeros_like(changed.select(axis, 1)))
    assert torch.equal(changed.select(axis, 4), torch.full_like(changed.select(axis, 4), 2.5))
    for channel in (0, 2, 3):
        assert torch.equal(changed.select(axis, channel), before.select(axis, channel))


def test_the_second_call_of_a_shared_module_alone_is_held() -> None:
    model = built(SharedRelu())
    batch = images()
    with torch.no_grad():
        x = torch.relu(model.module.second(torch.relu(model.module.first(batch))))
        x[:, 3] = 0
        expected = model.module.head(x.mean((2, 3)))
        with held(model.module, layer("relu#2", "nchw", (8, 12, 12), 8), (3,), (0.0,)):
            assert torch.allclose(model.module(batch), expected, atol=1e-6)


def test_a_tensor_inside_a_tuple_and_tokens_of_a_class() -> None:
    model = built(TupleNet()).module
    with torch.no_grad():
        with held(model, layer("twins", "nchw", (5, 14, 14), 5), (0,), (9.0,)):
            skip, maps, _ = model.twins(images())
        assert skip is None
        assert (maps[:, 0] == 9).all()
        tokens = built(ClassTokenNet()).module
        with held(tokens, layer("norm", "tokens", (17, 6), 6), tuple(range(6)), (0.0,) * 6):
            found = tokens(images())
        # Class token and patches alike: only the bias of the head is left.
        assert torch.allclose(found, tokens.head.bias.expand_as(found))


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
@pytest.mark.slow
def test_every_channel_held_leaves_no_trace_of_the_images(name: str) -> None:
    options = {"img_size": 64} if name.startswith(("vit", "swin")) else {}
    model = timm_model(name, num_classes=7, **options)
    blocks = [found for found in describe(model).at("block") if found.layout != "dense"]
    last = blocks[-1]
    batch = images(3, (3, 64, 64))
    channels = tuple(range(last.channels))
    with torch.no_grad(), held(model.module, last, channels, (0.5,) * len(channels)):
        found = model.module(batch)
    assert torch.allclose(found[0], found[1], atol=1e-5)
    with torch.no_grad():
        assert not torch.allclose(model.module(batch)[0], model.module(batch)[1], atol=1e-5)


def test_a_layer_that_does_not_run() -> None:
    model = built(SharedRelu()).module
    third, absent = layer("relu#3", "nchw", (8, 1, 1), 8), layer("absent", "nchw", (8, 1, 1), 8)
    with pytest.raises(ModelError, match="did not run the layer 'relu#3'"), held(model, third, (0,), (0.0,)):
        model(images())
    with pytest.raises(ModelError, match="has no layer 'absent'"), held(model, absent, (0,), (0.0,)):
        model(images())


class Digits:
    """The digits demo in a store, with a sample of forty of them."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings([demo_settings_file()], environment=False)
        self.settings = settings
        self.store, self.model = Store(folder), settings.models[0]
        self.dataset = settings.datasets[0]
        self.opened = open_dataset(self.dataset, 10**6)
        ids = np.arange(40) * 3
        self.sample = digest("sample")
        self.store.publish_array(Kind.ARRAY, self.sample, np.stack([ids, self.opened.labels[ids]]))
        publish_description(self.store, Describe(self.model, identity(self.model)))

    def plan(
        self, layer: str = "", channels: tuple[int, ...] = (), values: tuple[float, ...] = ()
    ) -> Ablation:
        return Ablation(
            model=self.model,
            identity=identity(self.model),
            dataset=self.dataset,
            dataset_digest=self.opened.digest,
            sample=self.sample,
            images=40,
            layer=layer,
            channels=channels,
            values=values,
            shard_size=16,
            batch_size=8,
            batch_memory_mb=32,
            precision="float32",
            device="cpu",
            max_image_pixels=10**6,
        )

    def logits(self, plan: Ablation, still_wanted: Callable[[], None] = lambda: None) -> np.ndarray:
        publish_logits(self.store, plan, still_wanted)
        return np.asarray(self.store.array(Kind.ARRAY, plan.key))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return Digits(tmp_path_factory.mktemp("ablation") / "store")


def test_logits_of_the_sample_with_and_without_channels(digits: Digits) -> None:
    whole = digits.logits(digits.plan())
    assert whole.shape == (40, 10)
    labels = digits.store.array(Kind.ARRAY, digits.sample)[1]
    assert (whole.argmax(axis=1) == labels).mean() > 0.9
    without = digits.logits(digits.plan("layer4.0", tuple(range(64)), (0.0,) * 64))
    np.testing.assert_allclose(without, np.broadcast_to(without[:1], without.shape), atol=1e-5)
    assert not digits.store.shards(digits.plan().key).there()


def test_the_key_says_what_is_held(digits: Digits) -> None:
    plan = digits.plan("layer4.0", (3,), (0.0,))
    keys = {plan.key, digits.plan().key, digits.plan("layer4.0", (3,), (0.5,)).key}
    keys |= {digits.plan("layer4.0", (4,), (0.0,)).key, digits.plan("layer3.0", (3,), (0.0,)).key}
    assert len(keys) == 5
    assert plan_from_json(plan.to_json()) == plan
    assert plan_from_json(plan.to_json()).key == plan.key


def test_cancelled_work_goes_on_where_it_was(digits: Digits) -> None:
    plan = digits.plan("layer3.0", (1, 2), (0.0, 0.0))
    left = iter(range(3))

    def still_wanted() -> None:
        if next(left, None) is None:
            raise CancelledError

    with pytest.raises(CancelledError):
        digits.logits(plan, still_wanted)
    assert digits.store.shards(plan.key).there() == {(0, 16)}
    job = Desk(digits.store, Engine(digits.settings, digits.store), 0).job(plan)
    assert (job.done, job.total, job.label) == (
        16,
        40,
        "Running digits-resnet without 2 channels of layer3.0",
    )
    calls = []
    found = digits.logits(plan, lambda: calls.append(1))
    # Twenty-four images are left, in batches of eight that end with the parts of sixteen.
    assert len(calls) == 3
    assert found.shape == (40, 10)
