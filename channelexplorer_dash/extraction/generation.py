"""Drawing a generated dataset: from noise that depends on class and seed alone, to images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from channelexplorer_dash.datasets.generated import (
    POSITION,
    SEED,
    latent_rows,
    states_key,
    visited_timesteps,
)
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.generation_plan import Generation
from channelexplorer_dash.extraction.running import as_input, exclusive, first_tensor, forward_error
from channelexplorer_dash.extraction.shards import choose_device, loaded_model
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.rows import Rows
from channelexplorer_dash.models.sampling import Pixels, to_pixels
from channelexplorer_dash.specs import ModelSpec
from channelexplorer_dash.store import Kind, Store

_BATCH = 32


def publish_generated(store: Store, plan: Generation, still_wanted: Callable[[], None]) -> None:
    """Draw every row of the plan's dataset and publish states and, after them, images.

    Parameters
    ----------
    still_wanted
        Called before every forward pass; raises when the work was cancelled.

    Raises
    ------
    ModelError
        If the generator fails, or is none.
    """
    states = states_key(plan.key)
    if store.has(Kind.ARRAY, plan.key) and store.has(Kind.ARRAY, states):
        return
    spec = plan.dataset
    assert isinstance(spec.generator, ModelSpec)
    built = loaded_model(spec.generator, dict(plan.identity))
    rows = _rows(built)
    built.module.to(choose_device(plan.device))
    classes = len(spec.class_names or ())
    if rows.takes == "state":
        labels = np.repeat(np.arange(classes), spec.seeds)
        seeds = np.tile(np.arange(spec.seeds), classes)
        noise = torch.stack(
            [
                noise_of(label, seed, rows.shape)
                for label, seed in zip(labels.tolist(), seeds.tolist(), strict=True)
            ]
        )
        values, images = draw(built, noise, labels, visited_timesteps(spec.steps), still_wanted)
    else:
        table = latent_rows(spec)
        chosen = table["label"].to_numpy()
        latents = torch.stack(
            [
                _latent(label, seed, position, rows.shape)
                for label, seed, position in table.select("label", SEED, POSITION).iter_rows()
            ]
        )
        values, images = draw(built, latents, chosen, (0,), still_wanted)
    store.publish_array(Kind.ARRAY, states, values)
    store.publish_array(Kind.ARRAY, plan.key, images)


def noise_of(label: int, seed: int, shape: Sequence[int]) -> Tensor:
    """Return standard normal noise that depends on class and seed alone, float32 of ``shape``."""
    digest = hashlib.sha256(f"{label}:{seed}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.randn(tuple(shape), generator=generator)


def between(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return the latent on the great arc from one to the other, as long as such noise is.

    Spherical interpolation: K. Shoemake, SIGGRAPH 1985; for latents T. White, Sampling Generative
    Networks, 2016.
    """
    cosine = torch.dot(first.flatten(), second.flatten()) / (first.norm() * second.norm()).clamp_min(1e-12)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if float(angle.sin()) < 1e-6:
        return torch.lerp(first, second, share)
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * second) / angle.sin()


def draw(
    built: BuiltModel,
    start: Tensor,
    labels: np.ndarray,
    timesteps: Sequence[int],
    still_wanted: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, Pixels]:
    """Return what a model is called with, from noise (M, …) on, and the image that it makes of each.

    Of a denoiser these are the states of :func:`draw_states`; of a generator the latents as they are.

    Raises
    ------
    ModelError
        If the model fails, draws nothing, or takes latents of another shape.
    """
    rows = _rows(built)
    if tuple(start.shape[1:]) != rows.shape:
        raise ModelError(
            f"The model {built.spec.name!r} takes latents of {rows.shape}, not of {tuple(start.shape[1:])}."
        )
    if rows.takes == "state":
        return draw_states(built, start, labels, timesteps, still_wanted)
    return start.numpy(), draw_latents(built, start, labels, still_wanted)


def draw_latents(
    built: BuiltModel, latents: Tensor, labels: np.ndarray, still_wanted: Callable[[], None] = lambda: None
) -> Pixels:
    """Return what a generator makes of latents (N, …) and their classes: uint8 (N, H, W) or (N, H, W, 3)."""
    parts = []
    named = torch.tensor(labels)
    for first in range(0, len(latents), _BATCH):
        still_wanted()
        part = slice(first, first + _BATCH)
        parts.append(to_pixels(_run(built, latents[part], named[part], 0)))
    return np.concatenate(parts)


def draw_states(
    built: BuiltModel,
    noise: Tensor,
    labels: np.ndarray,
    timesteps: Sequence[int],
    still_wanted: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, Pixels]:
    """Return the states on the way from noise (M, …), and what the model takes each for.

    Returns
    -------
    tuple
        float32 (M · T, …) and uint8 (M · T, H, W[, 3]); the T timesteps of one noise follow each other.
    """
    rows = _rows(built)
    assert rows.sampler is not None
    states, images = [], []
    named = torch.tensor(labels)
    for first in range(0, len(noise), _BATCH):
        state, label = noise[first : first + _BATCH], named[first : first + _BATCH]
        way, seen = [], []
        for now, later in zip(timesteps, [*timesteps[1:], None], strict=True):
            still_wanted()
            way.append(state)
            output = _guided(built, rows, state, label, now)
            state, image = rows.sampler.advance(state, output, now, later)
            with torch.inference_mode():
                seen.append(rows.sampler.pixels(image))
        states.append(torch.stack(way, 1).flatten(0, 1).numpy())
        images.append(np.stack(seen, 1).reshape(-1, *seen[0].shape[1:]))
    return np.concatenate(states), np.concatenate(images)


def _guided(built: BuiltModel, rows: Rows, state: Tensor, labels: Tensor, timestep: int) -> Tensor:
    output = _run(built, state, labels, timestep)
    if rows.guidance == 1.0 or rows.unconditional is None:
        return output
    plain = _run(built, state, torch.full_like(labels, rows.unconditional), timestep)
    return plain + rows.guidance * (output - plain)


def _run(built: BuiltModel, values: Tensor, labels: Tensor, timestep: int) -> Tensor:
    packed = _rows(built).pack(values, labels, torch.full_like(labels, timestep))
    with exclusive(built.module):
        try:
            found = first_tensor(built.module(as_input(built.module, packed)))
        except Exception as error:
            raise forward_error(error, packed) from error
    if found is None or found.shape[0] != len(values) or found.ndim != 4:
        raise ModelError(
            f"The model {built.spec.name!r} did not give an image for each row: is it a generator?"
        )
    return found.float().cpu()


def _rows(built: BuiltModel) -> Rows:
    if built.rows is None or built.rows.takes not in {"latent", "state"}:
        raise ModelError(
            f"The model {built.spec.name!r} draws no images: set its `takes` to latent or state."
        )
    return built.rows


def _latent(label: int, seed: int | None, position: float | None, shape: Sequence[int]) -> Tensor:
    if seed is not None:
        return noise_of(label, seed, shape)
    assert position is not None
    return between(noise_of(label, 0, shape), noise_of(label, 1, shape), position)
