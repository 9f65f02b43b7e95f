"""What is read off the model itself: its kernels, and the activation map of one image."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.extraction.derivations.registry import derives
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store


@derives("kernel_norms")
def _kernel_norms(store: Store, plan: Derivation) -> None:
    from channelexplorer_dash.extraction.layers import kernel_norms

    layer = layer_of(store, plan, plan.source)
    norms = kernel_norms(model_of(plan), layer.name, layer.channels)
    store.publish_array(Kind.ARRAY, plan.key, np.zeros(0) if norms is None else norms)


@derives("overlay")
def _overlay(store: Store, plan: Derivation) -> None:
    from channelexplorer_dash.extraction.inputs import reader
    from channelexplorer_dash.extraction.maps import activation_map
    from channelexplorer_dash.extraction.shards import loaded_dataset

    dataset = loaded_dataset(
        store,
        DatasetSpec.model_validate(plan.parameters["_dataset"]),
        plan.parameters["dataset_digest"],
        plan.parameters["_max_image_pixels"],
    )
    built = model_of(plan)
    given = reader(built, dataset)(plan.parameters["image_id"])
    drawn = activation_map(built, given, layer_of(store, plan, plan.source), plan.parameters["channel"])
    store.publish_array(Kind.ARRAY, plan.key, drawn)


def model_of(plan: Derivation) -> Any:
    """Return the model whose description and identity are among the plan's parameters."""
    from channelexplorer_dash.extraction.shards import loaded_model

    return loaded_model(ModelSpec.model_validate(plan.parameters["_model"]), plan.parameters["_identity"])


def layer_of(store: Store, plan: Derivation, description: str) -> Layer:
    """Return the plan's layer, as the description under a key has it."""
    return ModelDescription.from_json(store.record(description)).layer(plan.layer)
