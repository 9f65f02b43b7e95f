"""Pipelines of diffusers: the denoiser of a folder that ``save_pretrained`` wrote, or the hub gave.

Needs the extra ``diffusion``. Nothing is fetched from the network; only safetensors are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.rows import Rows, packed_size, take_rows
from channelexplorer_dash.models.sampling import Pixels, Sampler, to_pixels
from channelexplorer_dash.specs import ModelSpec

_OPTIONS = {"guidance", "prompts"}


def open_pipeline(spec: ModelSpec, folder: str) -> tuple[nn.Module, Rows]:
    """Return a pipeline's denoiser, which takes packed rows, and what these are.

    A text-conditioned pipeline (Stable Diffusion) has the prompts of ``options.prompts`` as its classes, in
    the order of the labels; a class-conditional U-Net (``num_class_embeds``) its own classes; others have
    none, and every label gives them the same. ``options.guidance`` is the weight of the prompt against no
    prompt while images are drawn (J. Ho, T. Salimans, Classifier-Free Diffusion Guidance, 2022).

    Raises
    ------
    ModelError
        If diffusers is not installed, the folder holds no pipeline, its parts are of a kind that is not
        known, or prompts are missing.
    """
    if unknown := sorted(set(spec.options) - _OPTIONS):
        raise ModelError(
            f"The model {spec.name!r}: a pipeline has no option {unknown[0]!r}. Known: guidance, prompts."
        )
    pipeline = _load(spec, folder)
    unet = getattr(pipeline, "unet", None)
    if unet is None:
        raise ModelError(
            f"The pipeline in {folder} has no U-Net: it is a {type(pipeline).__name__}, which is not "
            "supported."
        )
    config = unet.config
    size = config.sample_size
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    shape = (int(config.in_channels), int(height), int(width))
    vae = getattr(pipeline, "vae", None)
    schedule = pipeline.scheduler
    sampler = Sampler(
        schedule.alphas_cumprod.tolist(),
        getattr(schedule.config, "prediction_type", "epsilon"),
        clip=vae is None,
        pixels=to_pixels if vae is None else _decoding(vae),
    )
    prompts = tuple(str(prompt) for prompt in spec.options.get("prompts", ()))
    texts = _texts(pipeline, prompts, spec) if hasattr(pipeline, "text_encoder") else None
    rows = Rows(
        takes="state",
        shape=shape,
        input_size=packed_size(shape),
        sampler=sampler,
        guidance=float(spec.options.get("guidance", 1.0)),
        unconditional=len(prompts) if texts is not None else None,
    )
    by_class = getattr(config, "num_class_embeds", None) is not None

    def call(values: Tensor, labels: Tensor, timesteps: Tensor) -> Mapping[str, Any]:
        given: dict[str, Any] = {"sample": values, "timestep": timesteps, "return_dict": False}
        if texts is not None:
            given["encoder_hidden_states"] = texts.to(values)[labels]
        if by_class:
            given["class_labels"] = labels
        return given

    take_rows(unet, rows, call)
    module: nn.Module = unet.eval()
    return module, rows


def check_pipeline(spec: ModelSpec, folder: str) -> None:
    """Raise ModelError where diffusers is not installed, or the folder holds no pipeline."""
    try:
        import diffusers  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"The model {spec.name!r} is a pipeline of diffusers, which is not installed. "
            "Run `pip install 'channelexplorer-dash[diffusion]'`."
        ) from error
    if not (Path(folder) / "model_index.json").is_file():
        raise ModelError(
            f"There is no pipeline in {folder}: model_index.json is missing. Save one there with "
            "save_pretrained, or download all its files."
        )


def _load(spec: ModelSpec, folder: str) -> Any:
    check_pipeline(spec, folder)
    from diffusers import DiffusionPipeline

    try:
        return DiffusionPipeline.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            safety_checker=None,
            requires_safety_checker=False,
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise ModelError(
            f"The pipeline in {folder} cannot be loaded ({reason}). Its parts must be complete, as "
            ".safetensors."
        ) from error


def _texts(pipeline: Any, prompts: Sequence[str], spec: ModelSpec) -> Tensor:
    """Return what the text encoder makes of the prompts and, last, of no prompt: (P + 1, T, D)."""
    if not prompts:
        raise ModelError(
            f'The model {spec.name!r} draws what a text says: give its classes as options.prompts = ["…", …].'
        )
    tokens = pipeline.tokenizer(
        [*prompts, ""],
        padding="max_length",
        max_length=pipeline.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    with torch.inference_mode():
        found: Tensor = pipeline.text_encoder(tokens.input_ids)[0]
    return found.clone()


def _decoding(vae: Any) -> Any:
    def pixels(latents: Tensor) -> Pixels:
        scale = float(vae.config.scaling_factor)
        weights = next(vae.parameters())
        return to_pixels(vae.decode(latents.to(weights) / scale, return_dict=False)[0])

    return pixels
