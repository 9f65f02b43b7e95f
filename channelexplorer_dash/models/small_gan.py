"""A class-conditional GAN for small grey images: the generator and the discriminator of the demo.

After A. Radford, L. Metz, S. Chintala, Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks, ICLR 2016, and M. Mirza, S. Osindero, Conditional Generative Adversarial
Nets, 2014.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Generator(nn.Module):
    """A latent and a class → an image of 16 × 16 pixels, -1…1.

    Parameters
    ----------
    latent
        Length of the latent.
    classes
        Number of classes.
    width
        Channels of the last block; the ones before it have twice and four times as many.
    """

    def __init__(self, latent: int = 64, classes: int = 10, width: int = 24) -> None:
        super().__init__()
        self.latent_shape = (latent,)
        self.classes = classes
        self.blocks = nn.ModuleList(
            [
                _grow(latent + classes, 4 * width, kernel=4, stride=1, padding=0),
                _grow(4 * width, 2 * width),
                _grow(2 * width, width),
            ]
        )
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images (B, 1, 16, 16) of latents (B, latent) and labels int64 (B,)."""
        named = functional.one_hot(labels, self.classes).to(latents.dtype)
        maps = torch.cat([latents, named], 1)[:, :, None, None]
        for block in self.blocks:
            maps = block(maps)
        images: Tensor = self.head(maps).tanh()
        return images


class Discriminator(nn.Module):
    """An image of 16 × 16 pixels, -1…1, and a class → the logit of "real, and of that class"."""

    def __init__(self, classes: int = 10, width: int = 32, dropout: float = 0.3) -> None:
        super().__init__()
        self.classes = classes
        self.maps = nn.Embedding(classes, 16 * 16)
        self.blocks = nn.ModuleList(
            [
                _shrink(2, width, dropout),
                _shrink(width, 2 * width, dropout),
                _shrink(2 * width, 3 * width, dropout),
            ]
        )
        self.head = nn.Linear(3 * width * 4, 1)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return logits (B, 1) of images (B, 1, 16, 16) and labels int64 (B,)."""
        maps = torch.cat([images, self.maps(labels).view(-1, 1, 16, 16)], 1)
        for block in self.blocks:
            maps = block(maps)
        logits: Tensor = self.head(maps.flatten(1))
        return logits


def _grow(given: int, made: int, kernel: int = 4, stride: int = 2, padding: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(given, made, kernel, stride, padding, bias=False), nn.BatchNorm2d(made), nn.ReLU()
    )


def _shrink(given: int, made: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, made, 4, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(dropout))
