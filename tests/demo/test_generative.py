"""The committed GAN and diffusion model: recognised samples, small files, records that fit."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.models.build import build
from channelexplorer_dash.models.small_gan import Generator
from channelexplorer_dash.models.small_unet import UNet
from channelexplorer_dash.settings import Settings, load_settings
from scripts import train_diffusion, train_gan
from scripts.generative import recognised

NAMES = ("digits_gan", "digits_gan_discriminator", "digits_diffusion")


@pytest.fixture(scope="module")
def demo() -> Settings:
    return load_settings([demo_settings_file()], environment=False)


def module_of(demo: Settings, name: str) -> torch.nn.Module:
    built = build(next(spec for spec in demo.models if spec.name == name))
    # Called directly, with more than one argument: as the sampling of the training scripts does.
    built.module._forward_pre_hooks.clear()
    return built.module


def test_the_samples_of_the_gan_are_read_as_their_class(demo: Settings) -> None:
    generator = module_of(demo, "digits-gan")
    assert isinstance(generator, Generator)
    assert recognised(*train_gan.samples(generator, 20, seed=7)) >= 0.85


def test_the_samples_of_the_diffusion_model_are_read_as_their_class(demo: Settings) -> None:
    denoiser = module_of(demo, "digits-diffusion")
    assert isinstance(denoiser, UNet)
    assert recognised(*train_diffusion.samples(denoiser, 10, seed=7)) >= 0.85


def test_samples_of_one_class_differ(demo: Settings) -> None:
    generator = module_of(demo, "digits-gan")
    assert isinstance(generator, Generator)
    images, labels = train_gan.samples(generator, 20, seed=7)
    for label in range(10):
        own = images[labels == label]
        assert own.flatten(1).std(dim=0).mean() > 0.1


def test_the_records_are_those_of_the_committed_checkpoints() -> None:
    folder = demo_settings_file().parent
    total = 0
    for name in NAMES:
        file = folder / f"{name}.safetensors"
        record = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        assert record["checkpoint"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert record["recognised"]["share"] >= 0.85
        assert record["training"]["seed"] == 0
        assert "scikit-learn" in record["data"]["licence"]
        total += file.stat().st_size
    assert total < 4_000_000
