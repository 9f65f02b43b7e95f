"""Small modules with what real ones do: in-place activations, shared modules, tuples, odd layouts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from channelexplorer_dash.models.build import BuiltModel, build
from channelexplorer_dash.models.registry import register_object
from channelexplorer_dash.specs import ModelSpec

SIZE = (3, 16, 16)


def built(module: nn.Module, size: tuple[int, int, int] = SIZE, **values: Any) -> BuiltModel:
    return build(register_object(module, "toy", preprocessing={"input_size": size}, **values))


def timm_model(name: str, size: int = 64, **options: Any) -> BuiltModel:
    return build(
        ModelSpec(
            name="toy", source=f"timm:{name}", options=options, preprocessing={"input_size": [3, size, size]}
        )
    )


def images(count: int = 2, size: tuple[int, int, int] = SIZE, seed: int = 0) -> Tensor:
    return torch.randn(count, *size, generator=torch.Generator().manual_seed(seed))


class SharedRelu(nn.Module):
    """An in-place ReLU that runs after both convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3)
        self.second = nn.Conv2d(8, 8, 3)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.second(self.relu(self.first(x))))
        result: Tensor = self.head(x.mean((2, 3)))
        return result


class Twins(nn.Module):
    """Returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)

    def forward(self, x: Tensor) -> tuple[None, Tensor, Tensor]:
        y = self.conv(x)
        return None, y, y.mean((2, 3))


class TupleNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins()
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.twins(x)[2])}


class Tripwire(nn.Module):
    """Counts how often it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return x.flatten(1)


class Failing(nn.Module):
    """Fails, and swallows every ordinary exception of its inside."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.after = Tripwire()

    def forward(self, x: Tensor) -> Tensor:
        try:
            y: Tensor = self.conv(x)
        except Exception:
            y = x
        result: Tensor = self.after(y)
        return result


class Poison(nn.Module):
    """Puts NaN and infinity into two of its maps."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[0, 0, 0, 0] = torch.nan
        x[1, 2, 3, 3] = torch.inf
        return x


class ClassTokenNet(nn.Module):
    """A class token before the patches, as torchvision's ViT has it."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 6, 4, 4)
        self.class_token = nn.Parameter(torch.full((1, 1, 6), 100.0))
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.proj(x).flatten(2).transpose(1, 2)
        tokens = self.norm(torch.cat([self.class_token.expand(len(x), -1, -1), tokens], 1))
        result: Tensor = self.head(tokens[:, 0])
        return result


class Unsure(nn.Module):
    """Two blocks, and logits that are NaN for the darker images."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.second = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.first(x)).mean((2, 3))
        return torch.where(x.mean((1, 2, 3))[:, None] < 0, torch.nan, logits)


class Windows(nn.Module):
    """Cuts (B, H, W, C) into windows, shifted by one, and takes a linear layer over each: Swin's way."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.proj = nn.Linear(channels, channels + 1)

    def forward(self, x: Tensor) -> Tensor:
        images, height, width, channels = x.shape
        side = self.side
        x = torch.roll(x, (-1, -1), (1, 2))
        x = x.view(images, height // side, side, width // side, side, channels)
        x = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, side * side, channels)
        result: Tensor = self.proj(x)
        return result


class WindowNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 1)
        self.windows = Windows(5, 4)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.windows(self.conv(x).permute(0, 2, 3, 1))
        result: Tensor = self.head(parts.unflatten(0, (len(x), -1)).mean((1, 2)))
        return result


class TokenMixer(nn.Module):
    """Layers over the positions of transposed tokens, as in MLP-Mixer."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 6, 4, 4)
        self.norm = nn.LayerNorm(6)
        self.mix = nn.Sequential(nn.Linear(16, 9), nn.GELU(), nn.Linear(9, 16))
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(self.proj(x).flatten(2).transpose(1, 2))
        tokens = tokens + self.mix(tokens.transpose(1, 2)).transpose(1, 2)
        result: Tensor = self.head(tokens.mean(1))
        return result


class TwoInputs(nn.Module):
    """Takes a second input, with a default or without."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor, scale: float = 2.0) -> Tensor:
        result: Tensor = self.conv(x) * scale
        return result


class NeedsTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor, timestep: Tensor) -> Tensor:
        result: Tensor = self.conv(x) * timestep
        return result


class InPlaceSkip(nn.Module):
    """Adds in place to what it returned from a block before, with functional activations."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        before = self.first(x)
        after = self.second(torch.relu_(before))
        after += before
        result: Tensor = self.head(torch.cat([after, before], 1))
        return result


class Attention(nn.Module):
    """torch's own attention, whose output is a tuple, over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        tokens = self.proj(x).flatten(2).transpose(1, 2)
        mixed, _ = self.attention(tokens, tokens, tokens)
        return {"features": mixed, "logits": self.head(mixed.mean(1))}
