"""States on their way from noise: layers × timesteps, and trajectories."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.choices import Measure
from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.steps import STEP_MEASURES
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.generated import POSITION, TIMESTEP, TRAJECTORY
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer.measuring import AllLayers
from channelexplorer_dash.results.answers import Answer, Job, Pending, Ready, Sample
from channelexplorer_dash.results.layers import StepMatrix
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


def step_matrix(asked: AllLayers, dataset: Dataset, measure: Measure) -> Answer[StepMatrix]:
    """Return how far the classes are apart in every layer at each timestep, once all layers are known.

    Raises
    ------
    SelectionError
        If the dataset has no timesteps, or the measure is none for them.
    """
    if not has_timesteps(dataset):
        raise SelectionError(f"{dataset.name} has no timesteps. Choose what a diffusion model has drawn.")
    if measure not in STEP_MEASURES:
        raise SelectionError(f"Timesteps are measured by one of {', '.join(STEP_MEASURES)}.")
    timesteps = timesteps_key(asked.work.store, dataset)
    job = asked.summaries()
    if job is not None:
        return Pending(job)
    neighbours = asked.work.settings.knn_neighbours
    keys: list[str] = []
    waiting: list[Job] = []
    for layer in asked.layers:
        answer = asked.work.derive(
            "step_measure",
            asked.view,
            layer,
            asked.work.source(asked.view, layer),
            patience=0,
            timesteps=timesteps,
            measure=measure,
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
    values = np.array([record["values"] for record in records])
    labels = asked.work.labels(asked.view)
    chance = float(np.bincount(labels).max() / len(labels))
    # From noise to image, as the states come into being.
    found = StepMatrix(asked.layers, steps[::-1].copy(), measure, values[:, ::-1].copy(), neighbours, chance)
    return Ready(found, digest(keys))


def timesteps_key(store: Store, dataset: Dataset) -> str:
    """Return the key under which the engine finds the timestep of every row, 0 where there are none."""
    key = digest({"what": "timesteps", "dataset": dataset.digest})
    if not store.has(Kind.ARRAY, key):
        known = dataset.table[TIMESTEP].to_numpy() if has_timesteps(dataset) else np.zeros(len(dataset))
        store.publish_array(Kind.ARRAY, key, known.astype(np.int64))
    return key
