"""Find where a diffusion model's latent states belong: ``python -m scripts.use_cases.diffusion``.

The demo's diffusion U-Net draws 300 digits in ten steps. From the activation summaries of its blocks, the
timestep and the class of states with other seeds are recovered, and new latents are placed among the known.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.steps import DECIDABLE, decidable_from, explained, vote
from channelexplorer_dash.datasets.generated import GeneratedDataset
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.new_latents import Latent
from channelexplorer_dash.extraction.forward import run_batch
from channelexplorer_dash.models.build import build
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Pending
from channelexplorer_dash.results.layers import StepMatrix
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.store import Kind, Store

VIEW = View("digits-diffusion", "diffusion-digits")
SEEDS, HELD_OUT = 30, 20
"""Seeds of each class, and the first of those whose states are held out."""
MORE_OFTEN_THAN_NOT = 0.5
NEIGHBOURS = 5
PLACED_AT = "up_blocks.0"
NEW_SEEDS = (1000, 1001)
LIMIT_SECONDS = 300.0

T = TypeVar("T")


@dataclass(frozen=True)
class Findings:
    """What a block's channels say of held-out states.

    Attributes
    ----------
    layers
        Names of the L blocks, in execution order.
    timesteps
        int64 (T,), from noise to image.
    r_squared
        float64 (L,): how much of the timestep's variance the mean timestep of the nearest known states
        explains.
    told, untold
        float64 (L, T): share of held-out states whose class a linear probe finds that was fitted to the known
        states of the same timestep; the model is told the right class, or a class drawn at random.
    matrix
        The page's map of layers × timesteps.
    placed_class, placed_steps
        Of new latents at all their timesteps: share whose class is found, and the mean distance of the
        timestep that most neighbours have from the true one.
    confidence
        Mean share of the neighbours that vote for the class that wins.
    """

    layers: tuple[str, ...]
    timesteps: IntArray
    r_squared: DoubleArray
    told: DoubleArray
    untold: DoubleArray
    matrix: StepMatrix
    placed_class: float
    placed_steps: float
    confidence: float

    def decidable(self, accuracy: DoubleArray, threshold: float = MORE_OFTEN_THAN_NOT) -> int | None:
        """Return the timestep from which on a row of ``told`` or ``untold`` stays at a threshold."""
        at = decidable_from(accuracy, threshold)
        return None if at is None else int(self.timesteps[at])


def find(view: View = VIEW) -> Findings:
    """Draw the digits, summarise every block, and recover timestep and class of held-out states."""
    with tempfile.TemporaryDirectory() as folder:
        flags = {"store": Path(folder) / "store", "engine": "inline"}
        settings = load_settings([demo_settings_file()], flags=flags, environment=False)
        drawn = tuple(
            spec.model_copy(update={"seeds": SEEDS}) if spec.name == view.dataset else spec
            for spec in settings.datasets
        )
        explorer = Explorer(settings.model_copy(update={"datasets": drawn}), batch=True)
        try:
            return _find(explorer, view)
        finally:
            explorer.close()


def _find(explorer: Explorer, view: View) -> Findings:
    layers = _wait(lambda: explorer.describe(view.model)).at("block")
    matrix = _wait(lambda: explorer.steps(view, "block"))
    keys = _wait(lambda: explorer.compute(view, tuple(layer.name for layer in layers), output=False))
    store = Store(explorer.settings.store)
    dataset = explorer.dataset(view.dataset)
    assert isinstance(dataset, GeneratedDataset)
    at, labels = dataset.timesteps, dataset.labels
    held = dataset.table["seed"].to_numpy() >= HELD_OUT
    others = _untold(explorer, dataset, layers)
    r_squared, told, untold = [], [], []
    steps = matrix.timesteps
    by_layer = {layer.name: key for layer, key in zip(layers, _summaries(keys, layers), strict=True)}
    for layer in layers:
        S = np.asarray(store.array(Kind.SUMMARY, by_layer[layer.name]))
        found = vote(S[~held], labels[~held], at[~held], S[held], NEIGHBOURS)
        r_squared.append(explained(at[held], found.mean_step))
        told.append(_by_step(S, labels, at, held, steps))
        untold.append(_by_step(others[layer.name], labels, at, held, steps))
    placed = [
        _wait(partial(explorer.new_latents.look, view, PLACED_AT, [latent], "pca")).latents[0]
        for label in range(len(dataset.class_names))
        for latent in (Latent(view.dataset, label, seed) for seed in NEW_SEEDS)
    ]
    return Findings(
        layers=tuple(layer.name for layer in layers),
        timesteps=steps,
        r_squared=np.array(r_squared),
        told=np.array(told),
        untold=np.array(untold),
        matrix=matrix,
        placed_class=float(np.mean([(one.labels == one.label).mean() for one in placed])),
        placed_steps=float(np.mean([np.abs(one.placed - one.timesteps).mean() for one in placed])),
        confidence=float(np.mean([one.label_share.mean() for one in placed])),
    )


def _summaries(keys: tuple[str, ...], layers: tuple[Layer, ...]) -> list[str]:
    """Return the keys of S with the default summary: of each layer, the engine publishes several."""
    each = len(keys) // len(layers)
    return [keys[position * each] for position in range(len(layers))]


def _by_step(S: FloatArray, labels: IntArray, at: IntArray, held: np.ndarray, steps: IntArray) -> list[float]:
    found = []
    for step in steps.tolist():
        known, asked = ~held & (at == step), held & (at == step)
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        found.append(float(probe.fit(S[known], labels[known]).score(S[asked], labels[asked])))
    return found


def _untold(
    explorer: Explorer, dataset: GeneratedDataset, layers: tuple[Layer, ...]
) -> dict[str, FloatArray]:
    """Return S of the same states, the model being told classes that are drawn at random."""
    spec = next(spec for spec in explorer.models() if spec.name == VIEW.model)
    built = build(spec)
    assert built.rows is not None
    others = np.random.default_rng(0).integers(0, len(dataset.class_names), len(dataset))
    values = torch.as_tensor(np.stack([dataset.values(row) for row in range(len(dataset))]))
    packed = built.rows.pack(values, torch.as_tensor(others), torch.as_tensor(dataset.timesteps))
    found = [
        run_batch(built.module, part, layers, ["l2"], output=False).summaries for part in packed.split(100)
    ]
    return {layer.name: np.concatenate([part[layer.name]["l2"] for part in found]) for layer in layers}


def _wait(ask: Callable[[], Answer[T]]) -> T:
    deadline = time.monotonic() + LIMIT_SECONDS
    while isinstance(answer := ask(), Pending):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{answer.job.label} took longer than {LIMIT_SECONDS:.0f} s.")
        time.sleep(0.05)
    return answer.value


def main() -> None:
    """Print the figures of docs/use-case-diffusion.md."""
    torch.set_num_threads(1)
    found = find()
    print("class decidable: from which timestep on it is found more often than not (at 90 %)")
    print(f"{'block':16s} {'R²':>6s}  {'told':>11s} {'untold':>11s}   class accuracy untold, noise → image")
    for i, name in enumerate(found.layers):
        told, untold = (
            f"{found.decidable(row)} ({found.decidable(row, DECIDABLE)})"
            for row in (found.told[i], found.untold[i])
        )
        row = " ".join(f"{value:.2f}" for value in found.untold[i])
        print(f"{name:16s} {found.r_squared[i]:6.3f}  {told:>11s} {untold:>11s}   {row}")
    print("\nlayers × timesteps " + " ".join(f"{step:>4d}" for step in found.timesteps.tolist()))
    for name, row in zip(found.layers, found.matrix.values, strict=True):
        print(f"{name:18s} " + " ".join(f"{value:4.2f}" for value in row))
    print(
        f"\nnew latents at {PLACED_AT}: class found {found.placed_class:.1%}, "
        f"timestep off by {found.placed_steps:.0f} on average, confidence {found.confidence:.2f}"
    )


if __name__ == "__main__":
    main()
