"""From a row of a dataset to a model's input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.generated import GeneratedDataset
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.build import BuiltModel

Read = Callable[[int], Tensor]
"""Row number → float32 (C, H, W). Raises DatasetError where the image cannot be read."""


def reader(built: BuiltModel, dataset: Dataset) -> Read:
    """Return what makes the model's input of a row.

    Raises
    ------
    ModelError
        If the model starts from noise and the dataset has none, or of another shape.
    """
    rows = built.rows
    if rows is None:
        return lambda image_id: built.transform(dataset.image(image_id))
    labels = torch.as_tensor(dataset.labels.copy())
    if rows.takes == "image and class":

        def with_class(image_id: int) -> Tensor:
            image = built.transform(dataset.image(image_id))[None]
            label = labels[image_id : image_id + 1]
            return rows.pack(image, label, torch.zeros_like(label))[0]

        return with_class
    if not isinstance(dataset, GeneratedDataset) or dataset.takes != rows.takes:
        raise ModelError(
            f"The model {built.spec.name!r} starts from noise, which {dataset.name!r} does not have. "
            "Choose a dataset that it has drawn."
        )
    timesteps = torch.as_tensor(dataset.timesteps)

    def from_noise(image_id: int) -> Tensor:
        values = torch.as_tensor(dataset.values(image_id).copy())
        if tuple(values.shape) != rows.shape:
            raise ModelError(
                f"The model {built.spec.name!r} takes latents of {rows.shape}; those of {dataset.name!r} are "
                f"of {tuple(values.shape)}. Choose a dataset that this model has drawn."
            )
        one = slice(image_id, image_id + 1)
        return rows.pack(values[None], labels[one], timesteps[one])[0]

    return from_noise
