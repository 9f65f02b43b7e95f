"""What the training scripts share: one training run, its accuracy and the record beside the checkpoint."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from channelexplorer_dash.datasets.base import IMAGE_ID, Dataset
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.models.build import build
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.specs import ModelSpec

DEMO = Path(__file__).resolve().parents[1] / "channelexplorer_dash" / "demo"


@dataclass(frozen=True)
class Recipe:
    """The choices of one training run.

    Attributes
    ----------
    learning_rate
        Peak of the one-cycle schedule of AdamW.
    shift
        Largest shift of a training batch in pixels of the model's input, in both directions.
    flip
        Whether batches are mirrored at random.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    shift: int
    flip: bool
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """Preprocessed images, float32 (N, C, H, W), and their labels, int64 (N,)."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


def read(dataset: Dataset, spec: ModelSpec, image_ids: Iterable[int]) -> Examples:
    """Read images through the preprocessing that the model is later used with."""
    ids = np.asarray(list(image_ids), dtype=np.int64)
    transform = build(untrained(spec)).transform
    height, width = spec.preprocessing["input_size"][1:]
    images = torch.empty((len(ids), spec.preprocessing["input_size"][0], height, width))
    for row, image_id in enumerate(ids.tolist()):
        images[row] = transform(dataset.image(image_id))
    return Examples(images, torch.from_numpy(dataset.labels[ids]))


def untrained(spec: ModelSpec, seed: int = 0) -> ModelSpec:
    """Return the spec with seeded random weights in place of its checkpoint."""
    return spec.model_copy(update={"weights": "random", "seed": seed})


def train(spec: ModelSpec, examples: Examples, recipe: Recipe) -> torch.nn.Module:
    """Train the spec's architecture from random weights; the same on every run of one machine."""
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    module = build(untrained(spec, recipe.seed)).module.train()
    generator = torch.Generator().manual_seed(recipe.seed)
    batches = len(examples) // recipe.batch_size
    optimiser = torch.optim.AdamW(module.parameters(), weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.epochs * batches
    )
    for epoch in range(recipe.epochs):
        started, total = time.perf_counter(), 0.0
        order = torch.randperm(len(examples), generator=generator)
        for rows in order[: batches * recipe.batch_size].split(recipe.batch_size):
            images = _augment(examples.images[rows], recipe, generator)
            loss = functional.cross_entropy(
                module(images), examples.labels[rows], label_smoothing=recipe.label_smoothing
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        seconds = time.perf_counter() - started
        print(
            f"epoch {epoch + 1:2d}/{recipe.epochs}  loss {total / batches:.4f}  {seconds:.1f} s", flush=True
        )
    return module.eval()


def save(module: torch.nn.Module, file: Path) -> None:
    """Write the weights in half precision, under a temporary name first."""
    weights = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in module.state_dict().items()
    }
    unfinished = file.with_name(f".{file.name}.part")
    save_file(weights, unfinished)
    unfinished.chmod(0o644)  # safetensors makes its files private
    unfinished.replace(file)


@torch.inference_mode()
def accuracy(spec: ModelSpec, examples: Examples) -> float:
    """Return the share of the examples that the spec's checkpoint, as saved, classifies correctly."""
    module = build(spec).module
    hits = sum(
        int((module(images).argmax(1) == labels).sum())
        for images, labels in zip(examples.images.split(500), examples.labels.split(500), strict=True)
    )
    return hits / len(examples)


def run(settings_file: Path, name: str, recipe: Recipe, into: Path = DEMO) -> dict[str, float]:
    """Train the first model of a settings file on its first dataset's ``train`` split; write both files.

    Parameters
    ----------
    settings_file
        Names the architecture, the preprocessing and the data, so that the checkpoint fits where it is used.
    name
        Name of the checkpoint and of the record beside it, without their endings.

    Returns
    -------
    The accuracy of the checkpoint, as saved, on each split: also printed and part of the record.
    """
    torch.set_num_threads(1)
    settings = load_settings([settings_file], environment=False)
    checkpoint = into / f"{name}.safetensors"
    spec = settings.models[0].model_copy(update={"weights": str(checkpoint)})
    dataset = open_dataset(settings.datasets[0], max_pixels=settings.max_image_pixels)
    splits = {
        split: read(dataset, spec, dataset.table.filter(split=split)[IMAGE_ID]) for split in ("train", "test")
    }
    save(train(spec, splits["train"], recipe), checkpoint)
    found = {split: round(accuracy(spec, examples), 4) for split, examples in splits.items()}
    record = {
        "architecture": spec.source,
        "options": spec.options,
        "preprocessing": spec.preprocessing,
        "accuracy": found,
        "data": {
            "name": settings.datasets[0].title,
            "licence": settings.datasets[0].licence,
            "images": {split: len(examples) for split, examples in splits.items()},
        },
        "training": {"optimiser": "AdamW, one-cycle schedule", **asdict(recipe)},
        "checkpoint": {
            "file": checkpoint.name,
            "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            "dtype": "float16",
            "licence": "MIT",
        },
        "script": f"python -m scripts.train_{name.split('_')[0]}",
        "versions": {package: version(package) for package in ("torch", "timm")},
    }
    checkpoint.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(", ".join(f"{split} {share:.2%}" for split, share in found.items()))
    return found


def _augment(images: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    across, down = torch.randint(0, 2 * recipe.shift + 1, (2,), generator=generator).tolist()
    height, width = images.shape[-2:]
    # The images' corners are background, whose normalised value is their minimum.
    padded = functional.pad(images, (recipe.shift,) * 4, value=images.min().item())
    moved = padded[..., down : down + height, across : across + width]
    if recipe.flip and torch.rand((), generator=generator) < 0.5:
        moved = moved.flip(-1)
    return moved
