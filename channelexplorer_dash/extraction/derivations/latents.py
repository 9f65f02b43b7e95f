"""New latents, which are in no dataset: drawn on their way to an image, and placed among the known states.

What is published goes an hour after its last use, as that of new images.
"""

from __future__ import annotations

import numpy as np
import torch

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.core.normalise import apply_scaling
from channelexplorer_dash.core.steps import vote
from channelexplorer_dash.datasets.generated import states_key
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.derivations.models import layer_of, model_of
from channelexplorer_dash.extraction.derivations.new_images import positions_of
from channelexplorer_dash.extraction.derivations.registry import (
    derives,
    publish_derivation,
    sample_of,
    scaling_given,
)
from channelexplorer_dash.extraction.plan import Derivation, description_key
from channelexplorer_dash.store import Kind, Store


@derives("latent_states")
def _latent_states(store: Store, plan: Derivation) -> None:
    """Publish the states on the way from one noise, float32 (T, …), and what the model takes each for."""
    from channelexplorer_dash.extraction.generation import draw, noise_of
    from channelexplorer_dash.extraction.shards import choose_device

    wanted = plan.parameters
    built = model_of(plan)
    if built.rows is None:
        raise ModelError(f"The model {built.spec.name!r} draws no images: choose one that does.")
    built.module.to(choose_device(wanted["_device"]))
    if wanted["noise"]:
        start = torch.as_tensor(np.array(store.array(Kind.PASSING, wanted["noise"])))
    else:
        start = noise_of(wanted["label"], wanted["seed"], built.rows.shape)
    states, images = draw(built, start[None], np.array([wanted["label"]]), wanted["visited"])
    store.publish_array(Kind.PASSING, states_key(plan.key), states)
    store.publish_array(Kind.PASSING, plan.key, images)


@derives("placed_latent")
def _placed_latent(store: Store, plan: Derivation) -> None:
    """Ask the known states nearest to each state of a latent where it belongs, and place it."""
    wanted = plan.parameters
    drawn = wanted["_drawing"]
    drawing = Derivation("latent_states", "", drawn["source"], "", drawn["parameters"])
    publish_derivation(store, drawing)
    # What is published first is there for as long as the images are.
    states = np.array(store.array(Kind.PASSING, states_key(drawing.key)))
    shown = wanted["shown"]
    visited = np.array(drawn["parameters"]["visited"])[shown]
    new = _summaries(store, plan, states[shown], visited)
    ids, labels = sample_of(store, plan)
    known = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    at = np.asarray(store.array(Kind.ARRAY, wanted["timesteps"]))[ids]
    found = vote(known, labels, at, new, wanted["neighbours"])
    record = {
        "timesteps": visited.tolist(),
        "labels": found.labels.tolist(),
        "label_share": found.label_share.tolist(),
        "placed": found.steps.tolist(),
        "placed_share": found.step_share.tolist(),
        "near": ids[found.near].tolist(),
        "positions": positions_of(store, plan, apply_scaling(new, scaling_given(store, plan))).tolist(),
    }
    store.publish_record(plan.key, record, Kind.PASSING_RECORD)


def _summaries(store: Store, plan: Derivation, states: FloatArray, visited: np.ndarray) -> FloatArray:
    """Return S of states at their timesteps, float32 (T, C)."""
    from channelexplorer_dash.extraction.forward import run_batch
    from channelexplorer_dash.extraction.shards import choose_device

    wanted = plan.parameters
    built = model_of(plan)
    if built.rows is None or built.rows.shape != states.shape[1:]:
        raise ModelError(
            f"The model {built.spec.name!r} does not take latents of {states.shape[1:]}. Choose the one that "
            "has drawn the dataset."
        )
    layer = layer_of(store, plan, description_key(wanted["_identity"]))
    built.module.to(choose_device(wanted["_device"]))
    labels = torch.full((len(states),), wanted["_drawing"]["parameters"]["label"])
    packed = built.rows.pack(torch.as_tensor(states), labels, torch.as_tensor(visited))
    name = wanted["_summary"]
    result = run_batch(built.module, packed, [layer], [name], output=False, precision=wanted["_precision"])
    return result.summaries[layer.name][name]
