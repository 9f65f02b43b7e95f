"""Building models: architectures, weights, preprocessing, and each way in which it can go wrong."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.build import BuiltModel, build
from channelexplorer_dash.models.registry import register_object
from channelexplorer_dash.specs import ModelSpec
from tests.models.toys import Tiny, equal

TOYS = "factory:tests.models.toys:"


def make(source: str = "timm:mobilenetv2_050", **values: Any) -> BuiltModel:
    return build(ModelSpec(name="toy", source=source, **values))


def test_random_weights_repeat_and_leave_the_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, other = (make("timm:resnet10t", seed=seed).module for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert equal(first, second)
    assert not equal(first, other)
    assert not first.training


def test_preprocessing_of_the_models_own_configuration() -> None:
    built = make()
    assert built.input_size == (3, 224, 224)
    assert built.preprocessing["interpolation"] == "bicubic"
    image = built.transform(Image.new("L", (40, 30), 255))
    assert image.shape == (3, 224, 224) and image.dtype == torch.float32
    expected = [(1 - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
    np.testing.assert_allclose(image.amax((1, 2)), expected, rtol=1e-5)


def test_overrides_and_grey_models() -> None:
    built = make(
        "timm:resnet10t",
        options={"in_chans": 1, "num_classes": 10},
        preprocessing={
            "input_size": [1, 32, 48],
            "mean": [0.5],
            "std": 0.25,
            "crop_pct": 1.0,
            "crop_mode": "squash",
        },
    )
    image = built.transform(Image.new("RGB", (9, 9), (255, 255, 255)))
    assert image.shape == (1, 32, 48)
    np.testing.assert_allclose(image, np.full((1, 32, 48), 2.0), rtol=1e-6)
    grey = make("timm:resnet10t", options={"in_chans": 1})
    assert grey.input_size[0] == 1
    assert grey.preprocessing["mean"] == pytest.approx([0.449])
    assert make("timm:vit_tiny_patch16_224", options={"img_size": 64}).input_size == (3, 64, 64)


def test_imagenet_class_names() -> None:
    names = make(class_names="imagenet").class_names
    assert len(names) == 1000 and names[0].startswith("tench")


def test_own_modules_get_a_sensible_default() -> None:
    spec = register_object(Tiny(), "own", class_names=["a", "b", "c"])
    built = build(spec)
    assert built.input_size == (1, 224, 224)
    assert built.class_names == ("a", "b", "c")
    assert make(f"{TOYS}tiny", options={"outputs": 7}).module(torch.zeros(1, 1, 8, 8)).shape == (1, 7)


@pytest.mark.parametrize(
    ("source", "values", "says"),
    [
        ("timm:resnet81", {}, "Did you mean resnet18"),
        ("timm:zzzzqqqq", {}, "list_models"),
        ("timm:resnet18", {"options": {"depht": 3}}, "depht"),
        ("timm:resnet18", {"preprocessing": {"size": 3}}, "'size' is not known"),
        ("timm:resnet18", {"preprocessing": {"input_size": [224, 224]}}, "channels, height, width"),
        ("timm:resnet18", {"preprocessing": {"mean": [0.5, 0.5]}}, "3 numbers"),
        ("timm:resnet18", {"preprocessing": {"mean": 3}}, r"3 numbers.* as \[0.5, 0.5, 0.5\]; it is 3\."),
        ("timm:resnet18", {"preprocessing": {"mean": [0.5]}}, "3 numbers"),
        ("timm:resnet18", {"preprocessing": {"mean": [0.5, float("nan"), 0.5]}}, "3 numbers"),
        ("timm:resnet18", {"preprocessing": {"std": [0, 1, 1]}}, "3 positive numbers"),
        ("timm:resnet18", {"preprocessing": {"interpolation": "magic"}}, "bicubic"),
        ("timm:resnet18", {"preprocessing": {"crop_pct": 7}}, "above 0 and at most 1"),
        ("factory:no.such.module:f", {}, "cannot be imported"),
        (f"{TOYS}nothing", {}, "cannot be imported"),
        (f"{TOYS}not_a_module", {}, "returned a str"),
        (f"{TOYS}broken", {}, "on fire"),
        (f"{TOYS}tiny", {"options": {"wrong": 1}}, "wrong"),
        (f"{TOYS}tiny", {"weights": "hub"}, "no hub weights"),
        (f"{TOYS}six_channels", {}, "6 channels"),
        ("object:0000", {}, "Register it again"),
    ],
)
def test_what_cannot_be_built_says_why(source: str, values: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        make(source, **values)


def test_hub_weights_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"could not be had from the hub .* path of a downloaded checkpoint"):
        make("timm:resnet18.a1_in1k", weights="hub")


def test_the_shim_can_be_asked_for_by_many_threads() -> None:
    from channelexplorer_dash.models.torchvision_shim import prepare_torchvision

    threads = [threading.Thread(target=prepare_torchvision) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    import torchvision

    assert torchvision.transforms is not None
