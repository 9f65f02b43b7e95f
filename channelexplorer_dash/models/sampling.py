"""The way from noise to an image, one timestep after the other, without chance.

Steps: J. Song, C. Meng, S. Ermon, Denoising Diffusion Implicit Models, ICLR 2021, with η = 0. Velocity:
T. Salimans, J. Ho, Progressive Distillation, ICLR 2022. Schedule of squared cosines: A. Nichol, P. Dhariwal,
Improved Denoising Diffusion Probabilistic Models, ICML 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from channelexplorer_dash.errors import ModelError

TRAINED_STEPS = 1000
_LARGEST_BETA = 0.999

Pixels = npt.NDArray[np.uint8]
Prediction = Literal["epsilon", "v_prediction", "sample"]
"""What a denoiser predicts, by the names that diffusers uses: noise ε, velocity v or the image x₀."""


def cosine_shares(steps: int = TRAINED_STEPS) -> list[float]:
    """Return ᾱ, the share of the image's variance that is left after each timestep, with squared cosines."""

    def level(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    shares, kept = [], 1.0
    for step in range(steps):
        kept *= 1 - min(1 - level((step + 1) / steps) / level(step / steps), _LARGEST_BETA)
        shares.append(kept)
    return shares


def to_pixels(images: Tensor) -> Pixels:
    """Return uint8 (B, H, W), or (B, H, W, 3) of three channels, of images (B, C, H, W) in -1…1."""
    scaled = ((images.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    array: Any = scaled.movedim(1, -1).numpy()
    # Latents of other numbers of channels are shown by their first.
    return np.ascontiguousarray(array if array.shape[-1] == 3 else array[..., 0])


class Sampler:
    """Draws images: the same noise and class always give the same one.

    Parameters
    ----------
    shares
        ᾱ of every timestep that the model was trained with, from 0 on.
    prediction
        What the model predicts.
    clip
        Whether images lie in -1…1, and what the model points to is cut off there.
    pixels
        Images, uint8, of what the model points to; an autoencoder's decoder for latents.

    Raises
    ------
    ModelError
        If the prediction is of no known kind, or the model has other timesteps than 0 … 999.
    """

    def __init__(
        self,
        shares: Sequence[float],
        prediction: Prediction = "v_prediction",
        *,
        clip: bool = True,
        pixels: Callable[[Tensor], Pixels] = to_pixels,
    ) -> None:
        if prediction not in {"epsilon", "v_prediction", "sample"}:
            raise ModelError(
                f"A denoiser that predicts {prediction!r} is not known. Known: epsilon, v_prediction, sample."
            )
        if len(shares) != TRAINED_STEPS:
            raise ModelError(
                f"The denoiser was trained with {len(shares):,} timesteps; only {TRAINED_STEPS:,} are known."
            )
        self.shares = list(shares)
        self._prediction = prediction
        self._clip = clip
        self.pixels = pixels

    def noised(self, image: Tensor, noise: Tensor, timestep: int) -> Tensor:
        """Return the state √ᾱ x₀ + √(1−ᾱ) ε of an image at a timestep."""
        share = self.shares[timestep]
        state: Tensor = image * share**0.5 + noise * (1 - share) ** 0.5
        return state

    def advance(
        self, state: Tensor, output: Tensor, timestep: int, later: int | None
    ) -> tuple[Tensor, Tensor]:
        """Return the next state, and the image that the model points to.

        Parameters
        ----------
        state, output
            (B, …): what the model was called with, and what it answered.
        later
            The next timestep, or None after the last.
        """
        share = self.shares[timestep]
        signal, noise_level = share**0.5, (1 - share) ** 0.5
        if self._prediction == "epsilon":
            image = (state - noise_level * output) / max(signal, 1e-4)
        elif self._prediction == "v_prediction":
            image = signal * state - noise_level * output
        else:
            image = output
        if self._clip:
            image = image.clamp(-1, 1)
        if later is None:
            return image, image
        noise = (state - signal * image) / max(noise_level, 1e-4)
        return self.noised(image, noise, later), image
