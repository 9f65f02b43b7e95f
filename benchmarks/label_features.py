"""Activation summaries for the benchmark of label issues, kept in ``data/labels`` to be quick to repeat.

Everything goes the real way: real images through a real network, by the engine, into a store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.harness import ROOT
from channelexplorer_dash.choices import Summary
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.labels import review_layers
from channelexplorer_dash.results.answers import Answer, Pending, T
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import Settings, load_settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store
from scripts.training import Recipe, read, save, train

FOLDER = ROOT / "data" / "labels"
FASHION_IMAGES = 4000
PART = f"fashion-{FASHION_IMAGES}"
SUMMARY: Summary = "l2"
RECIPES = {
    "digits": Recipe(
        epochs=15,
        batch_size=64,
        learning_rate=5e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        shift=2,
        flip=False,
    ),
    PART: Recipe(
        epochs=8,
        batch_size=64,
        learning_rate=8e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        shift=1,
        flip=True,
    ),
}
ARCHITECTURES = {"digits": "digits-resnet", PART: "fashion-resnet"}

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Layers = dict[str, FloatArray]


@dataclass(frozen=True)
class Noise:
    """Known wrong labels.

    Attributes
    ----------
    share
        Of the images whose label is changed: exactly so many, drawn at random.
    kind
        ``uniform``: to any other class alike. ``class``: to the next class, so that all wrong labels of a
        class agree with each other.
    """

    share: float
    kind: Literal["uniform", "class"]
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}-{round(100 * self.share)}-{self.seed}"

    def flipped(self, labels: IntArray) -> tuple[IntArray, BoolArray]:
        """Return the labels with the noise, and which of them are wrong."""
        generator = np.random.default_rng(self.seed)
        classes = int(labels.max()) + 1
        chosen = generator.permutation(len(labels))[: round(self.share * len(labels))]
        steps = generator.integers(1, classes, len(chosen)) if self.kind == "uniform" else 1
        noisy = labels.copy()
        noisy[chosen] = (labels[chosen] + steps) % classes
        return noisy, noisy != labels


class Source:
    """Summaries of datasets by networks: those that never saw the labels, and those trained on wrong ones."""

    def __init__(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._settings = configured()
        self._explorer = Explorer(self._settings)

    def has(self, dataset: str) -> bool:
        """Tell whether a dataset is prepared."""
        return any(spec.name == dataset for spec in self._settings.datasets)

    def labels(self, dataset: str) -> IntArray:
        """Return a dataset's true labels, int64 (N,)."""
        return self._explorer.dataset(dataset).labels

    def by_model(self, dataset: str, model: str) -> Layers:
        """Return S of the layers in which label issues are looked for by default."""
        view = View(model, dataset, summary=SUMMARY)
        return summaries(self._explorer, view)

    def by_network_of(self, dataset: str, noise: Noise) -> Layers:
        """Return S by a network that was trained on the labels with noise."""
        spec = self._trained(dataset, noise)
        settings = self._settings.model_copy(update={"models": (spec,)})
        return summaries(Explorer(settings), View(spec.name, dataset, summary=SUMMARY))

    def _trained(self, dataset: str, noise: Noise) -> ModelSpec:
        base = next(spec for spec in self._settings.models if spec.name == ARCHITECTURES[dataset])
        file = FOLDER / f"{dataset}-{noise}.safetensors"
        spec = base.model_copy(update={"name": file.stem, "weights": str(file)})
        if not file.exists():
            images = self._explorer.dataset(dataset)
            examples = read(images, spec, range(len(images)))
            noisy, _ = noise.flipped(images.labels)
            wrong = replace(examples, labels=torch.from_numpy(noisy))
            save(train(spec, wrong, RECIPES[dataset]), file)
        return spec


def configured() -> Settings:
    """Return the settings: the demo, whatever is prepared in ``data/``, and a part of Fashion-MNIST."""
    prepared = [ROOT / "data" / f"{name}.toml" for name in ("photos", "fashion")]
    settings = load_settings(
        [demo_settings_file(), *(file for file in prepared if file.exists())],
        environment=False,
        flags={"engine": "inline", "threads": 1, "store": FOLDER / "store", "summaries": (SUMMARY,)},
    )
    part = _fashion_part()
    if part is None:
        return settings
    return settings.model_copy(
        update={"datasets": (*settings.datasets, DatasetSpec(name=PART, kind="arrays", path=part))}
    )


def summaries(explorer: Explorer, view: View) -> Layers:
    """Return S of the layers in which label issues are looked for by default, computed where it has to be."""
    description = waited(lambda: explorer.describe(view.model))
    layers = review_layers(description, explorer.settings.label_layers)
    keys = waited(lambda: explorer.compute(view, tuple(layer.name for layer in layers), output=False))
    # One summary only is computed, so that there is a key for each layer, in their order.
    store = Store(explorer.settings.store)
    return {
        layer.name: np.asarray(store.array(Kind.SUMMARY, key))
        for layer, key in zip(layers, keys, strict=True)
    }


def waited(ask: Callable[[], Answer[T]]) -> T:
    """Return what an explorer answers as soon as it is there."""
    while isinstance(answer := ask(), Pending):
        time.sleep(0.2)
    return answer.value


def _fashion_part() -> Path | None:
    """Return the file of a stratified part of Fashion-MNIST's training images, written at the first call."""
    whole, part = ROOT / "data" / "fashion" / "fashion-mnist.npz", FOLDER / f"{PART}.npz"
    if part.exists() or not whole.exists():
        return part if part.exists() else None
    with np.load(whole) as arrays:
        images, labels = arrays["train_images"], arrays["train_labels"]
    rows = stratified(labels, FASHION_IMAGES, 0)
    np.savez(part, images=images[rows], labels=labels[rows])
    return part
