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
