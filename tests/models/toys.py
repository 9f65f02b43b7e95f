"""Small modules and factories that the tests name as ``factory:`` sources."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Tiny(nn.Module):
    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.conv(x).relu().mean((2, 3)))
        return result


def tiny(outputs: int = 3) -> nn.Module:
    return Tiny(outputs)


def not_a_module() -> str:
    return "no"


def broken() -> nn.Module:
    raise RuntimeError("the disc is on fire")


def six_channels() -> nn.Module:
    return nn.Sequential(nn.Conv2d(6, 4, 3), nn.Flatten())


def fixed_size() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))


def equal(a: nn.Module, b: nn.Module) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
