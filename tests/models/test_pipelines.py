"""Pipelines of diffusers, built here with random weights: the same code as for the demo's own models."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.models.build import build
from channelexplorer_dash.models.torchvision_shim import prepare_torchvision
from channelexplorer_dash.results.answers import Answer, Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec

prepare_torchvision()
diffusers: Any = pytest.importorskip("diffusers", reason="diffusers is not installed: pip install '.[dev]'")
PROMPTS = ("a cat", "a dog", "a house")


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a Stable Diffusion pipeline of a few thousand random weights, as ``save_pretrained`` writes it."""
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    folder = tmp_path_factory.mktemp("stable")
    words = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
    words += [f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    torch.manual_seed(0)
    tokenizer = transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16
    )
    text = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=8,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        norm_num_groups=8,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    scheduler = diffusers.PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True
    )
    pipeline = diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=transformers.CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    target = folder / "pipeline"
    pipeline.save_pretrained(target, safe_serialization=True)
    return target


@pytest.fixture(scope="module")
def by_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a pipeline of pixels whose U-Net knows three classes."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        num_class_embeds=3,
    )
    folder = tmp_path_factory.mktemp("by_class")
    diffusers.DDPMPipeline(unet=unet, scheduler=diffusers.DDPMScheduler()).save_pretrained(folder)
    return folder


def explored(folder: Path, store: Path, **options: Any) -> tuple[Explorer, View]:
    model = ModelSpec(name="pipe", source=f"diffusers:{folder}", takes="state", options=options)
    dataset = DatasetSpec(
        name="drawn", kind="generated", generator=model, class_names=PROMPTS, seeds=2, steps=3
    )
    return Explorer(Settings(models=(model,), datasets=(dataset,), store=store, engine="inline")), View(
        "pipe", "drawn"
    )


def settled(ask: Any) -> Any:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer: Answer[Any] = ask()
        if isinstance(answer, Ready):
            return answer.value
        time.sleep(0.05)
    raise AssertionError("The answer never came.")


@pytest.mark.slow
def test_stable_diffusion_runs_through_the_same_code(stable: Path, tmp_path: Path) -> None:
    explorer, view = explored(stable, tmp_path / "store", prompts=PROMPTS, guidance=3.0)
    blocks = [layer.name for layer in settled(lambda: explorer.describe("pipe")).at("block")]
    assert any(name.startswith("down_blocks") for name in blocks)
    assert any(name.startswith("up_blocks") for name in blocks)
    dataset = explorer.dataset("drawn")
    matrix = settled(lambda: explorer.steps(view, "block"))
    assert matrix.values.shape == (len(blocks), 3)
    assert dataset.image(0).mode == "RGB" and dataset.image(0).size == (16, 16)
    assert dataset.image(0).tobytes() != dataset.image(6).tobytes()
    explorer.close()


def test_what_is_drawn_is_what_the_pipeline_draws(by_class: Path) -> None:
    built = build(ModelSpec(name="pipe", source=f"diffusers:{by_class}", takes="state"))
    assert built.rows is not None and built.rows.sampler is not None
    pipeline = diffusers.DDPMPipeline.from_pretrained(by_class)
    schedule = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config, set_alpha_to_one=True)
    schedule.set_timesteps(2)
    visited = schedule.timesteps.tolist()
    state = ours = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 2])
    for now, later in zip(visited, [*visited[1:], None], strict=True):
        with torch.inference_mode():
            packed = built.rows.pack(ours, labels, torch.full_like(labels, now))
            output = built.module(packed)[0]
            ours, _ = built.rows.sampler.advance(ours, output, now, later)
            direct = pipeline.unet(state, now, class_labels=labels).sample
            state = schedule.step(direct, now, state, eta=0.0, use_clipped_model_output=True).prev_sample
    assert torch.allclose(ours, state, atol=1e-4)


def test_what_is_missing_is_said(stable: Path, by_class: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model_index\.json"):
        build(ModelSpec(name="pipe", source=f"diffusers:{tmp_path}", takes="state"))
    with pytest.raises(ModelError, match="prompts"):
        build(ModelSpec(name="pipe", source=f"diffusers:{stable}", takes="state"))
    with pytest.raises(ModelError, match="no option"):
        build(ModelSpec(name="pipe", source=f"diffusers:{by_class}", takes="state", options={"steps": 3}))
