"""What a generative model draws: a row for each class and seed, and for each timestep on the way.

The engine draws the images and publishes them; here they are looked up, without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

from channelexplorer_dash.datasets.tabled import TabledDataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, digest

SEED = "seed"
TIMESTEP = "timestep"
POSITION = "position"
TRAJECTORY = "trajectory"


@dataclass(frozen=True)
class Drawn:
    """Where the store has what was drawn: ``key`` that of the images, uint8 (N, H, W) or (N, H, W, 3)."""

    store: Store
    key: str

    @property
    def states(self) -> str:
        """Key of the latents or states, float32 (N, …)."""
        return states_key(self.key)


def states_key(images: str) -> str:
    """Return the key of the latents or states that belong to drawn images."""
    return digest({"what": "states", "images": images})


class GeneratedDataset(TabledDataset):
    """Rows of a generator or a diffusion model, the same on every machine for the same seeds.

    By a diffusion model, a row is a state on the way from noise to an image: class after class, seed after
    seed, ``steps`` rows each, from the noisiest on. Columns ``seed``, ``timestep`` (of the model: 0 is the
    image) and ``trajectory`` (one number for each class and seed). The image is what the model, at that
    timestep, takes the state for.

    By a generator, a row is a latent: of each class ``seeds`` of them, then ``between`` on the way from the
    first to the second. Columns ``seed`` (missing on the way), ``position`` (0 … 1) and ``trajectory``
    (-1 for latents that are on no way).

    Parameters
    ----------
    drawn
        Where the engine publishes the images, by a key that names model and rows: it is the ``digest`` too.

    Raises
    ------
    DatasetError
        If the description names no generator.
    """

    def __init__(self, spec: DatasetSpec, drawn: Drawn | None) -> None:
        if drawn is None or not isinstance(spec.generator, ModelSpec) or not spec.class_names:
            raise DatasetError(
                f"Dataset {spec.name!r} is drawn by a model. Name it in the settings, as `generator`."
            )
        self.drawn = drawn
        self.takes = spec.generator.takes
        self.by = spec.generator.name
        columns = step_rows(spec) if self.takes == "state" else latent_rows(spec)
        labels = columns["label"].to_numpy().astype(np.int64)
        super().__init__(
            name=spec.name,
            class_names=spec.class_names,
            labels=labels,
            sources=columns["source"],
            digest=drawn.key,
            columns=columns.drop("label", "source"),
        )

    def values(self, row: int) -> npt.NDArray[np.float32]:
        """Return the latent or the state of a row; raise VanishedError where it is not drawn (any more)."""
        found: npt.NDArray[np.float32] = self.drawn.store.array(Kind.ARRAY, self.drawn.states)[row]
        return found

    @property
    def timesteps(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the model's timestep of each row; 0 for latents of a generator."""
        if TIMESTEP not in self.table.columns:
            return np.zeros(len(self), np.int64)
        return self.table[TIMESTEP].to_numpy().astype(np.int64)

    def _load(self, row: int) -> Image.Image:
        return Image.fromarray(np.asarray(self.drawn.store.array(Kind.ARRAY, self.drawn.key)[row]))


def step_rows(spec: DatasetSpec) -> pl.DataFrame:
    """Return the rows of a diffusion model: label, source, seed, timestep, trajectory."""
    classes, seeds, steps = len(spec.class_names or ()), spec.seeds, spec.steps
    labels, drawn, step = (
        part.ravel()
        for part in np.meshgrid(np.arange(classes), np.arange(seeds), np.arange(steps), indexing="ij")
    )
    names = spec.class_names or ()
    visited = np.asarray(visited_timesteps(steps))
    return pl.DataFrame(
        {
            "label": labels,
            "source": [
                f"{names[label]}, seed {seed}, timestep {visited[at]}"
                for label, seed, at in zip(labels.tolist(), drawn.tolist(), step.tolist(), strict=True)
            ],
            SEED: drawn,
            TIMESTEP: visited[step],
            TRAJECTORY: labels * seeds + drawn,
        }
    )


def visited_timesteps(steps: int, trained: int = 1000) -> list[int]:
    """Return the timesteps of a dataset, from the noisiest on: evenly spaced, the last is 0."""
    return [round(step * (trained - 1) / max(steps - 1, 1)) for step in reversed(range(steps))]


def latent_rows(spec: DatasetSpec) -> pl.DataFrame:
    """Return the rows of a generator: label, source, seed, position, trajectory."""
    rows: list[tuple[int, str, int | None, float | None, int]] = []
    between = spec.between if spec.seeds > 1 else 0
    for label, name in enumerate(spec.class_names or ()):
        for seed in range(spec.seeds):
            on_way = between > 0 and seed < 2
            position = float(seed) if on_way else None
            rows.append((label, f"{name}, seed {seed}", seed, position, label if on_way else -1))
        for step in range(1, between + 1):
            share = step / (between + 1)
            rows.append((label, f"{name}, {share:.0%} from seed 0 to 1", None, share, label))
    schema = {
        "label": pl.Int64,
        "source": pl.String,
        SEED: pl.Int64,
        POSITION: pl.Float64,
        TRAJECTORY: pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
