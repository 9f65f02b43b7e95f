"""What the training scripts of generative models share: the data, moving averages, the record."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from channelexplorer_dash.datasets.digits import held_out, load_digits
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.models.build import build
from channelexplorer_dash.settings import load_settings
from scripts.training import DEMO, save

M = TypeVar("M", bound=nn.Module)
SIDE = 16
LICENCE = (
    "CC BY 4.0: E. Alpaydin and C. Kaynak, UCI Machine Learning Repository; as shipped with scikit-learn"
)


def digits() -> tuple[Tensor, Tensor]:
    """Return the digits that the classifier is trained on: float32 (N, 1, 16, 16) in -1…1, int64 (N,)."""
    images, labels = load_digits()
    chosen = ~held_out(labels)
    scaled = torch.from_numpy(images[chosen]).float()[:, None] / 127.5 - 1
    larger = functional.interpolate(scaled, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return larger.clamp(-1, 1), torch.from_numpy(labels[chosen])


def recognised(images: Tensor, labels: Tensor) -> float:
    """Return the share of images (N, 1, H, W) in -1…1 that the demo's classifier reads as their label."""
    from PIL import Image

    spec = next(
        model
        for model in load_settings([demo_settings_file()], environment=False).models
        if model.name == "digits-resnet"
    )
    built = build(spec)
    eight_bit = ((images.clamp(-1, 1) + 1) * 127.5).round().byte().squeeze(1).numpy()
    batch = torch.stack([built.transform(Image.fromarray(image)) for image in np.asarray(eight_bit)])
    with torch.inference_mode():
        return float((built.module(batch).argmax(1) == labels).float().mean())


class Average(Generic[M]):
    """The moving average of a module's weights."""

    def __init__(self, module: M, keep: float) -> None:
        self.module = copy.deepcopy(module)
        self.module.eval()
        self._keep = keep
        self._steps = 0

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move towards the weights of ``module``; faster at first, when there is little to keep."""
        self._steps += 1
        keep = min(self._keep, (1 + self._steps) / (10 + self._steps))
        new = module.state_dict()
        for name, kept in self.module.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(new[name], 1 - keep)
            else:
                kept.copy_(new[name])


def write(
    modules: Mapping[str, nn.Module], found: Mapping[str, float], training: Mapping[str, Any], script: str
) -> None:
    """Write the checkpoints by name, and a record beside each."""
    for name, module in modules.items():
        file = DEMO / f"{name}.safetensors"
        save(module, file)
        record = {
            "architecture": f"{type(module).__module__}:{type(module).__qualname__}",
            "recognised": dict(found),
            "data": {"name": "1,797 handwritten digits, without the held-out fifth", "licence": LICENCE},
            "training": dict(training),
            "checkpoint": {
                "file": file.name,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "dtype": "float16",
                "licence": "MIT",
            },
            "script": script,
            "versions": {package: version(package) for package in ("torch",)},
        }
        Path(file.with_suffix(".json")).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def shifted(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Return the batch moved by up to ``reach`` pixels in both directions; what comes in is background."""
    across, down = torch.randint(0, 2 * reach + 1, (2,), generator=generator).tolist()
    height, width = images.shape[-2:]
    padded = functional.pad(images, (reach,) * 4, value=-1.0)
    return padded[..., down : down + height, across : across + width]
