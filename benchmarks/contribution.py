"""Accuracy lost by ablating the channels that the scorecard names, beside random ones and the heaviest.

For every class, the top 5 % of a layer's channels by the AUROC of the class against the rest are set to zero,
and the class's accuracy is compared with that under as many random channels (the mean over several draws) and
under the channels with the largest kernels. Channels are scored on training images, and the accuracy is
measured on test images. The column was chosen beforehand, for what it says: which channels are larger for
the class than for others, whatever their scale.

The unit is the class, its differences averaged over the layers; intervals are 95 % bootstrap intervals over
classes, of which there are few. The photographs' six kinds are no outputs of the ImageNet model: there an
answer counts as right that the whole model gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import ROOT, Claim
from channelexplorer_dash.demo import demo_settings_file

SHARE = 0.05
DRAWS, RESAMPLES = 10, 5000
# Of fewer channels five percent are not even one.
FEWEST_CHANNELS = 16

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A registered model and dataset, and how many images are scored and measured (0: all).

    ``layers`` counts from the last block; 0 for every block.
    """

    title: str
    settings: Path
    scored: int
    measured: int
    layers: int = 0
    draws: int = DRAWS


CASES = (
    Case("digits", demo_settings_file(), 0, 0),
    Case("Fashion-MNIST", ROOT / "data" / "fashion.toml", 1500, 1000),
    Case("photographs", ROOT / "data" / "photos.toml", 0, 0, layers=2, draws=5),
)


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes the digits' last block and two draws."""
    if quick:
        return _claims(Case("digits", demo_settings_file(), 300, 0, layers=1, draws=2))
    claims: list[Claim] = []
    for case in CASES:
        if case.settings.exists():
            claims += _claims(case)
        else:
            print(f"  {case.title}: not prepared, left out", flush=True)
    return claims


def _claims(case: Case) -> list[Claim]:
    bench = Bench(case)
    differences = [bench.layer(layer) for layer in bench.layers]
    mean = np.mean(differences, axis=0)
    generator = np.random.default_rng(0)
    drawn = mean[generator.integers(0, len(mean), (RESAMPLES, len(mean)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    claims = []
    for column, other in enumerate(("random channels", "the heaviest kernels")):
        print(
            f"  {case.title}: {mean[:, column].mean():.3f} [{low[column]:.3f}, {high[column]:.3f}] "
            f"more of a class's accuracy lost than by {other}",
            flush=True,
        )
        claim = f"{case.title}: accuracy lost beyond that by {other}, lower bound"
        # Above 0, and not only at it.
        claims.append(Claim(claim, float(low[column]), 1e-9, "higher"))
    return claims


class Bench:
    """One case: its model, its images as batches, its labels."""

    def __init__(self, case: Case) -> None:
        import torch

        from channelexplorer_dash.datasets.registry import open_dataset
        from channelexplorer_dash.extraction.layers import describe
        from channelexplorer_dash.extraction.running import place
        from channelexplorer_dash.models.build import build
        from channelexplorer_dash.settings import load_settings

        torch.set_num_threads(1)
        settings = load_settings([case.settings], environment=False)
        self.case = case
        self.dataset = open_dataset(settings.datasets[0], settings.max_image_pixels)
        self.built = build(settings.models[0])
        place(self.built.module, torch.device("cpu"), self.built.input_size)
        blocks = [layer for layer in describe(self.built).at("block") if layer.layout != "dense"]
        blocks = [layer for layer in blocks if "leaf" not in layer.granularities]
        blocks = [layer for layer in blocks if layer.channels >= FEWEST_CHANNELS]
        self.layers = blocks[-case.layers :]
        scored, measured = self._split()
        self.labels = self.dataset.labels[measured]
        self.classes = np.unique(self.labels)
        self.images = list(self._batches(measured))
        self.scored_labels = self.dataset.labels[scored]
        self.S = self._summaries(list(self._batches(scored)))
        before = self._logits(None, np.zeros(0, np.int64)).argmax(axis=1)
        known = set(self.dataset.class_names) <= set(self.built.class_names)
        outputs = [self.built.class_names.index(name) if known else -1 for name in self.dataset.class_names]
        self.targets = np.array(outputs)[self.labels] if known else before
        self.before = self._by_class(before)

    def layer(self, layer: Any) -> DoubleArray:
        """Return, for each class, what is lost beyond random channels and beyond the heaviest: (K, 2)."""
        from channelexplorer_dash.core.ranks import ranked
        from channelexplorer_dash.extraction.layers import kernel_norms

        S = self.S[layer.name]
        scores = ranked(lambda part: S[:, part], layer.channels, self.scored_labels)
        count = int(np.ceil(SHARE * layer.channels))
        generator = np.random.default_rng(0)
        draws = [generator.permutation(layer.channels)[:count] for _ in range(self.case.draws)]
        norms = kernel_norms(self.built, layer.name, layer.channels)
        assert norms is not None
        random = np.mean([self._left(layer, channels) for channels in draws], axis=0)
        heavy = self._left(layer, np.argsort(-norms, kind="stable")[:count])
        own = np.empty(len(self.classes))
        for row, label in enumerate(self.classes):
            auroc = scores.auroc[np.searchsorted(scores.classes, label)]
            own[row] = self._left(layer, np.argsort(-auroc, kind="stable")[:count])[row]
        lost = [f"{(self.before - left).mean():.3f}" for left in (own, random, heavy)]
        print(
            f"  {self.case.title}, {layer.name}, {count} of {layer.channels} channels: accuracy lost "
            f"{lost[0]} by scorecard, {lost[1]} at random, {lost[2]} by weight norm",
            flush=True,
        )
        return np.stack([random - own, heavy - own], axis=1)

    def _left(self, layer: Any, channels: IntArray) -> DoubleArray:
        return self._by_class(self._logits(layer, channels).argmax(axis=1))

    def _by_class(self, said: IntArray) -> DoubleArray:
        right = said == self.targets
        return np.array([right[self.labels == label].mean() for label in self.classes])

    def _logits(self, layer: Any, channels: IntArray) -> FloatArray:
        from channelexplorer_dash.extraction.ablation import held
        from channelexplorer_dash.extraction.forward import run_batch

        found = []
        for batch in self.images:
            with held(self.built.module, layer, channels.tolist(), [0.0] * len(channels)):
                found.append(run_batch(self.built.module, batch, [], [], output=True).logits)
        return np.concatenate([logits for logits in found if logits is not None])

    def _summaries(self, images: list[Any]) -> dict[str, FloatArray]:
        from channelexplorer_dash.extraction.forward import run_batch

        found = [
            run_batch(self.built.module, batch, self.layers, ["l2"], output=False).summaries
            for batch in images
        ]
        names = [layer.name for layer in self.layers]
        return {name: np.concatenate([part[name]["l2"] for part in found]) for name in names}

    def _batches(self, ids: IntArray) -> Iterator[Any]:
        from channelexplorer_dash.extraction.batches import batches
        from channelexplorer_dash.extraction.inputs import reader

        for batch in batches(self.dataset, reader(self.built, self.dataset), ids.tolist(), 16):
            assert batch.images is not None
            yield batch.images

    def _split(self) -> tuple[IntArray, IntArray]:
        """Return the images to score on and to measure on: training and test images, or two halves."""
        from channelexplorer_dash.core.sampling import draw, stratified

        labels = self.dataset.labels
        if "split" in self.dataset.table.columns:
            is_test = (self.dataset.table["split"] == "test").to_numpy()
        else:
            half = draw(labels, None, 0, 0)
            is_test = np.zeros(len(labels), np.bool_)
            is_test[half[::2]] = True
        parts = []
        for rows, limit in ((~is_test, self.case.scored), (is_test, self.case.measured)):
            ids = np.flatnonzero(rows)
            parts.append(ids[stratified(labels[ids], limit or len(ids), 0)])
        return parts[0], parts[1]
