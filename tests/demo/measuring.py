"""Run a model over images of a dataset as the product does, without store and engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.extraction.forward import run_batch
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.description import Layer

BATCH = 32


def run(
    built: BuiltModel, dataset: Dataset, image_ids: Sequence[int], taps: Sequence[Layer] = ()
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Return the l2 summaries of each tapped layer, (N, C), and the logits, (N, K)."""
    torch.set_num_threads(1)
    results = []
    with torch.inference_mode():
        for start in range(0, len(image_ids), BATCH):
            images = [built.transform(dataset.image(i)) for i in image_ids[start : start + BATCH]]
            results.append(run_batch(built.module, torch.stack(images), taps, ["l2"], output=True))
    summaries = {
        tap.name: np.concatenate([result.summaries[tap.name]["l2"] for result in results]) for tap in taps
    }
    return summaries, np.concatenate([result.logits for result in results if result.logits is not None])


def accuracy(built: BuiltModel, dataset: Dataset, image_ids: Sequence[int]) -> float:
    """Return the share of the images whose largest logit is that of their label."""
    logits = run(built, dataset, image_ids)[1]
    return float((logits.argmax(axis=1) == dataset.labels[list(image_ids)]).mean())
