"""Two checkpoints of the digits ResNet: one learns with the labels of one class shuffled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.settings import Settings, load_settings
from scripts.training import Examples, Recipe, read, save, train

SHUFFLED = 3
RECIPE = Recipe(
    epochs=6, batch_size=64, learning_rate=5e-3, weight_decay=0.05, label_smoothing=0.05, shift=2, flip=False
)


def shuffled(examples: Examples, label: int) -> Examples:
    """Return the examples with a random label in place of one class's own."""
    labels = examples.labels.clone()
    own = labels == label
    generator = np.random.default_rng(0)
    labels[own] = torch.from_numpy(generator.integers(0, 10, int(own.sum())))
    return Examples(examples.images, labels)


def train_both(folder: Path, store: Path, **flags: object) -> Settings:
    """Train both in seconds; return the demo's settings with them as ``before`` and ``after``."""
    settings = load_settings([demo_settings_file()], flags={"store": store, **flags}, environment=False)
    spec = settings.models[0]
    dataset = open_dataset(settings.datasets[0], settings.max_image_pixels)
    examples = read(dataset, spec, range(len(dataset)))
    models = []
    for name, learned in (("before", examples), ("after", shuffled(examples, SHUFFLED))):
        file = folder / f"{name}.safetensors"
        save(train(spec, learned, RECIPE), file)
        models.append(spec.model_copy(update={"name": name, "weights": str(file)}))
    datasets = [settings.datasets[0].model_copy(update={"model": "before"})]
    return settings.model_copy(update={"models": tuple(models), "datasets": tuple(datasets)})
