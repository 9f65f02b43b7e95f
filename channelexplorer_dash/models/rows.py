"""Models that are called with more than an image: a latent, a noisy state, a timestep, a class.

Everything that runs a model hands it one tensor (B, C, H, W). What a row of a generated dataset says is
packed into such a tensor, and unpacked by a hook in front of the model: hooks, taps, ablations and maps then
work as they do for an image model, and the layers keep their own names.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.sampling import Sampler, cosine_shares
from channelexplorer_dash.specs import ModelSpec, Takes

# Whole numbers up to this are exact in every floating type that a model may have, bfloat16 too.
_BASE = 128
_NUMBERS = 4

Call = Callable[[Tensor, Tensor, Tensor], Mapping[str, Any] | tuple[Any, ...]]
"""Values (B, …), labels int64 (B,) and timesteps int64 (B,) → the arguments of the model's ``forward``."""


@dataclass(frozen=True)
class Rows:
    """What a model takes from a row, and how it draws an image.

    Attributes
    ----------
    shape
        Of the latent, the state or the image of one row.
    input_size
        (C, H, W) of a packed row.
    sampler
        For denoisers: the way from one timestep to the next.
    guidance
        Weight of the class against no class while images are drawn; 1 for the class alone.
    unconditional
        The label that stands for no class, or None where the model knows none.
    """

    takes: Takes
    shape: tuple[int, ...]
    input_size: tuple[int, int, int]
    sampler: Sampler | None = None
    guidance: float = 1.0
    unconditional: int | None = None

    def pack(self, values: Tensor, labels: Tensor, timesteps: Tensor) -> Tensor:
        r"""Return packed rows, float32 (B, C, H, W).

        Parameters
        ----------
        values
            (B, \*shape).
        labels, timesteps
            int64 (B,).
        """
        numbers = torch.stack(
            [labels // _BASE, labels % _BASE, timesteps // _BASE, timesteps % _BASE], 1
        ).float()
        flat = torch.zeros(len(values), math.prod(self.input_size))
        own = math.prod(self.shape)
        flat[:, :own] = values.float().flatten(1)
        flat[:, own : own + _NUMBERS] = numbers
        packed: Tensor = flat.unflatten(1, self.input_size)
        return packed

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values, labels and timesteps of packed rows, on their device."""
        flat = packed.flatten(1)
        own = math.prod(self.shape)
        numbers = flat[:, own : own + _NUMBERS].round().long()
        labels, timesteps = (
            numbers[:, 0] * _BASE + numbers[:, 1],
            numbers[:, 2] * _BASE + numbers[:, 3],
        )
        return flat[:, :own].unflatten(1, self.shape), labels, timesteps


def packed_size(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (C, H, W) of a packed row: maps keep their proportions, latents lie in a square."""
    if len(shape) == 3:
        channels, height, width = shape
        return channels + math.ceil(_NUMBERS / (height * width)), height, width
    side = math.ceil(math.sqrt(math.prod(shape) + _NUMBERS))
    return 1, side, side


def take_rows(module: nn.Module, rows: Rows, call: Call) -> None:
    """Have a module take packed rows; a module that does so already is left as it is."""
    if hasattr(module, "_channelexplorer_rows"):
        return

    def unpack(_module: nn.Module, given: tuple[Any, ...], _keywords: Any) -> tuple[Any, dict[str, Any]]:
        arguments = call(*rows.unpack(given[0]))
        return (arguments, {}) if isinstance(arguments, tuple) else ((), dict(arguments))

    module.register_forward_pre_hook(unpack, with_kwargs=True)
    module._channelexplorer_rows = rows  # type: ignore[assignment]


def rows_of(module: nn.Module, spec: ModelSpec, image: tuple[int, int, int] | None = None) -> Rows:
    """Return what a module of a factory takes, and have it take it.

    A generator or a denoiser says the shape of its latents in ``latent_shape``; a denoiser may have a
    ``sampler`` (:class:`~channelexplorer_dash.models.sampling.Sampler`), where it is not trained on
    velocities with the squared-cosine schedule of 1,000 steps. Arguments are handed on in order: the latent,
    then the timestep of a denoiser, then the class, if ``forward`` takes so many.

    Parameters
    ----------
    image
        Input size of a model that takes an image and its class.

    Raises
    ------
    ModelError
        If it does not say the shape of its latents.
    """
    shape = image if image is not None else getattr(module, "latent_shape", None)
    if not isinstance(shape, tuple) or not shape or not all(isinstance(side, int) for side in shape):
        raise ModelError(
            f"The model {spec.name!r} does not say what latents it takes. Give the module an attribute "
            "`latent_shape`, as (64,) or (1, 16, 16)."
        )
    sampler = None
    if spec.takes == "state":
        sampler = getattr(module, "sampler", None) or Sampler(cosine_shares())
    rows = Rows(spec.takes, shape, packed_size(shape), sampler)
    taken = _positional(module)

    def call(values: Tensor, labels: Tensor, timesteps: Tensor) -> tuple[Any, ...]:
        arguments = (values, timesteps, labels) if spec.takes == "state" else (values, labels)
        return arguments[:taken]

    take_rows(module, rows, call)
    return rows


def _positional(module: nn.Module) -> int:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return sum(parameter.kind in kinds for parameter in parameters)
