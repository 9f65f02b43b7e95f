"""A class-conditional denoiser for small images: the U-Net of the demo, with the names that diffusers uses.

After J. Ho, A. Jain, P. Abbeel, Denoising Diffusion Probabilistic Models, NeurIPS 2020.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two convolutions, between which time and class are added."""

    def __init__(self, given: int, made: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, given)
        self.conv1 = nn.Conv2d(given, made, 3, padding=1)
        self.embedding = nn.Linear(embedding, made)
        self.norm2 = nn.GroupNorm(8, made)
        self.conv2 = nn.Conv2d(made, made, 3, padding=1)
        self.skip = nn.Conv2d(given, made, 1) if given != made else nn.Identity()

    def forward(self, maps: Tensor, embedded: Tensor) -> Tensor:
        """Return maps (B, made, H, W) of maps (B, given, H, W) and an embedding (B, E)."""
        inner = self.conv1(functional.silu(self.norm1(maps)))
        inner = inner + self.embedding(embedded)[:, :, None, None]
        total: Tensor = self.conv2(functional.silu(self.norm2(inner))) + self.skip(maps)
        return total


class UNet(nn.Module):
    """A noisy image, its timestep and a class → the velocity that leads from noise to image.

    The velocity is v = √ᾱ ε − √(1−ᾱ) x₀ (T. Salimans, J. Ho, Progressive Distillation, ICLR 2022).

    Parameters
    ----------
    channels
        Of the three resolutions, each half of the one before.
    classes
        Number of classes.
    side
        Height and width of the images.
    """

    def __init__(
        self, channels: tuple[int, int, int] = (32, 48, 64), classes: int = 10, side: int = 16
    ) -> None:
        super().__init__()
        first, second, third = channels
        embedding = 4 * first
        self.latent_shape = (1, side, side)
        self.classes = classes
        self.width = first
        self.time = nn.Sequential(nn.Linear(first, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.class_embedding = nn.Embedding(classes, embedding)
        self.conv_in = nn.Conv2d(1, first, 3, padding=1)
        self.down_blocks = nn.ModuleList(
            [
                ResidualBlock(first, first, embedding),
                ResidualBlock(first, second, embedding),
                ResidualBlock(second, third, embedding),
            ]
        )
        self.mid_block = ResidualBlock(third, third, embedding)
        self.up_blocks = nn.ModuleList(
            [
                ResidualBlock(2 * third, second, embedding),
                ResidualBlock(2 * second, first, embedding),
                ResidualBlock(2 * first, first, embedding),
            ]
        )
        self.norm_out = nn.GroupNorm(8, first)
        self.conv_out = nn.Conv2d(first, 1, 3, padding=1)

    def forward(self, sample: Tensor, timestep: Tensor, class_labels: Tensor) -> Tensor:
        """Return velocities (B, 1, H, W) of noisy images, timesteps (B,) of 0…999 and labels int64 (B,)."""
        embedded = functional.silu(
            self.time(_waves(timestep, self.width).to(sample.dtype)) + self.class_embedding(class_labels)
        )
        maps = self.conv_in(sample)
        skips = []
        for block in self.down_blocks:
            maps = block(maps, embedded)
            skips.append(maps)
            if len(skips) < len(self.down_blocks):
                maps = functional.avg_pool2d(maps, 2)
        maps = self.mid_block(maps, embedded)
        for block in self.up_blocks:
            skip = skips.pop()
            if maps.shape[-1] != skip.shape[-1]:
                maps = functional.interpolate(maps, scale_factor=2.0)
            maps = block(torch.cat([maps, skip], 1), embedded)
        velocity: Tensor = self.conv_out(functional.silu(self.norm_out(maps)))
        return velocity


def _waves(timestep: Tensor, width: int) -> Tensor:
    """Sines and cosines of the timestep, (B, width); A. Vaswani et al., NeurIPS 2017."""
    half = width // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=timestep.device) / half)
    angles = timestep[:, None].float() * rates
    return torch.cat([angles.sin(), angles.cos()], 1)
