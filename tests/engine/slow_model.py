"""A model that takes its time and writes down what it was given, so that a test can come in between.

A file that the environment names can hold it: it says after how many batches the model stands still.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch
from torch import nn

SEEN = "TEST_IMAGES_SEEN"
HELD = "TEST_MODEL_HELD"
BATCH_SECONDS = 0.06


class SlowModel(nn.Module):
    """Two blocks and a head; a batch of images takes a moment, and is counted in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 9, 3, stride=2), nn.ReLU())
        self.head = nn.Linear(9, 10)
        self.batches = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 4 and images.device.type == "cpu":
            time.sleep(BATCH_SECONDS)
            while self.batches >= allowed():
                time.sleep(0.02)
            self.batches += 1
            if file := os.environ.get(SEEN):
                with Path(file).open("a", encoding="ascii") as seen:
                    seen.write(f"{len(images)}\n")
        out: torch.Tensor = self.head(self.second(self.first(images)).mean((2, 3)))
        return out


def allowed() -> float:
    """Return how many batches the model may be given before it stands still."""
    file = Path(os.environ.get(HELD, os.devnull))
    return float((file.read_text() if file.is_file() else "") or "inf")


def build() -> nn.Module:
    """Build the model with the same weights in every process."""
    torch.manual_seed(7)
    return SlowModel()
