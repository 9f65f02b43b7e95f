"""States on their way from noise: layers × timesteps, and where a new latent belongs."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.generated import POSITION, TIMESTEP, TRAJECTORY, GeneratedDataset
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.explorer.measuring import AllLayers
from channelexplorer_dash.results import (
    Answer,
    IntArray,
    Job,
    Pending,
    PlacedLatent,
    Ready,
    Sample,
    StepMatrix,
)
from channelexplorer_dash.store import Kind, Store, digest


def has_timesteps(dataset: Dataset) -> bool:
    """Tell whether the rows of a dataset are states at timesteps."""
    return TIMESTEP in dataset.table.columns and dataset.table[TIMESTEP].dtype.is_integer()


def trajectories(dataset: Dataset, sample: Sample) -> IntArray | None:
    """Return the positions of a sample's images along their trajectories, -1 between two trajectories.

    A trajectory goes from noise to image, or from one latent to another. None where the dataset has none.
    """
    if TRAJECTORY not in dataset.table.columns:
        return None
    rows = dataset.table[sample.image_ids]
    way = rows[TRAJECTORY].to_numpy()
    along = (
        -rows[TIMESTEP].to_numpy() if has_timesteps(dataset) else rows[POSITION].fill_null(-1.0).to_numpy()
    )
    order = np.lexsort((along, way))
    order = order[way[order] >= 0]
    ends = np.flatnonzero(np.diff(way[order])) + 1
    return np.insert(order, ends, -1).astype(np.int64)


def step_matrix(asked: AllLayers, dataset: Dataset) -> Answer[StepMatrix]:
    """Return how well every layer tells the classes at each timestep, once all layers are known.

    Raises
    ------
    SelectionError
        If the dataset has no timesteps.
    """
    timesteps = _timesteps(asked.work.store, dataset)
    job = asked.summaries()
    if job is not None:
        return Pending(job)
    neighbours = asked.work.settings.knn_neighbours
    keys: list[str] = []
    waiting: list[Job] = []
    for layer in asked.layers:
        answer = asked.work.derive(
            "step_accuracy",
            asked.view,
            layer,
            asked.work.source(asked.view, layer),
            patience=0,
            timesteps=timesteps,
            neighbours=neighbours,
        )
        if isinstance(answer, Pending):
            waiting.append(answer.job)
        else:
            keys.append(answer.value)
    if waiting:
        total = len(asked.layers)
        return Pending(Job(waiting[0].key, waiting[0].label, total - len(waiting), total))
    records = [asked.work.store.record(key) for key in keys]
    steps = np.array(records[0]["timesteps"], np.int64)
    accuracy = np.array([record["accuracy"] for record in records])
    labels = asked.work.labels(asked.view)
    chance = float(np.bincount(labels).max() / len(labels))
    # From noise to image, as the states come into being.
    found = StepMatrix(asked.layers, steps[::-1].copy(), accuracy[:, ::-1].copy(), neighbours, chance)
    return Ready(found, digest(keys))


def place(
    work: LayerWork, prepared: Prepared, dataset: Dataset, label: int, seed: int
) -> Answer[PlacedLatent]:
    """Return where a new latent, of a class and a seed, belongs among the known states at each timestep.

    Raises
    ------
    SelectionError
        If the dataset has no timesteps, no such class, or the seed already.
    """
    timesteps = _timesteps(work.store, dataset)
    if not isinstance(dataset, GeneratedDataset) or not 0 <= label < len(dataset.class_names):
        raise SelectionError(f"{dataset.name} has no class {label} to draw a new latent of.")
    if not 0 <= seed < 2**31 or seed in dataset.table["seed"].unique().to_list():
        raise SelectionError(f"The seed {seed} is in {dataset.name} already. Choose a larger one.")
    plan = work.new_latent(
        prepared.view,
        prepared.layer,
        prepared.summary,
        description=prepared.description,
        timesteps=timesteps,
        visited=np.unique(dataset.timesteps)[::-1].tolist(),
        label=label,
        seed=seed,
    )
    asked = work.ask(plan)
    if isinstance(asked, Pending):
        return asked
    record = work.store.record(asked.value)
    return Ready(
        PlacedLatent(
            label=label,
            timesteps=np.array(record["timesteps"], np.int64),
            labels=np.array(record["labels"], np.int64),
            label_share=np.array(record["label_share"]),
            placed=np.array(record["placed"], np.int64),
            placed_share=np.array(record["placed_share"]),
            near=np.array(record["near"], np.int64),
        ),
        asked.key,
    )


def _timesteps(store: Store, dataset: Dataset) -> str:
    """Return the key under which the engine finds the timestep of every row."""
    if not has_timesteps(dataset):
        raise SelectionError(f"{dataset.name} has no timesteps. Choose what a diffusion model has drawn.")
    key = digest({"what": "timesteps", "dataset": dataset.digest})
    if not store.has(Kind.ARRAY, key):
        store.publish_array(Kind.ARRAY, key, dataset.table[TIMESTEP].to_numpy().astype(np.int64))
    return key
