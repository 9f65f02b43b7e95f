"""Of states on their way from noise: accuracies by timestep, and the place of a new latent."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.steps import accuracy_by_step, vote
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.derivations.models import layer_of, model_of
from channelexplorer_dash.extraction.derivations.registry import derives, sample_of
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.store import Kind, Store


@derives("step_accuracy")
def _step_accuracy(store: Store, plan: Derivation) -> None:
    ids, labels = sample_of(store, plan)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    at = np.asarray(store.array(Kind.ARRAY, plan.parameters["timesteps"]))[ids]
    steps, accuracy = accuracy_by_step(rows, labels, at, plan.parameters["neighbours"])
    store.publish_record(plan.key, {"timesteps": steps.tolist(), "accuracy": accuracy.tolist()})


@derives("placed_latent")
def _placed_latent(store: Store, plan: Derivation) -> None:
    """Draw one latent through all timesteps, and ask the known states' neighbours where each belongs."""
    import torch

    from channelexplorer_dash.extraction.forward import run_batch
    from channelexplorer_dash.extraction.generation import draw_states, noise_of

    wanted = plan.parameters
    built, layer = model_of(plan), layer_of(store, plan, wanted["description"])
    if built.rows is None or built.rows.takes != "state":
        raise ModelError(f"The model {built.spec.name!r} has no timesteps: choose a diffusion model.")
    label = np.array([wanted["label"]])
    visited = list(wanted["visited"])
    noise = noise_of(int(label[0]), int(wanted["seed"]), built.rows.shape)[None]
    states, _ = draw_states(built, noise, label, visited)
    packed = built.rows.pack(
        torch.as_tensor(states), torch.as_tensor(label).repeat(len(visited)), torch.tensor(visited)
    )
    result = run_batch(built.module, packed, [layer], [wanted["summary"]], output=False)
    ids, labels = sample_of(store, plan)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    at = np.asarray(store.array(Kind.ARRAY, wanted["timesteps"]))[ids]
    new = result.summaries[layer.name][wanted["summary"]]
    found = vote(rows, labels, at, new, wanted["neighbours"])
    record = {
        "timesteps": visited,
        "labels": found.labels.tolist(),
        "label_share": found.label_share.tolist(),
        "placed": found.steps.tolist(),
        "placed_share": found.step_share.tolist(),
        "mean": found.mean_step.tolist(),
        "near": ids[found.near].tolist(),
    }
    store.publish_record(plan.key, record)
