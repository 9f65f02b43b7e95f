"""Images that are in no dataset: answered by the model, and placed among the images of a view."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image

from channelexplorer_dash.core.active import active_sets, unpacked
from channelexplorer_dash.core.arrays import BoolArray, FloatArray, IntArray
from channelexplorer_dash.core.neighbours import nearest_known
from channelexplorer_dash.core.normalise import apply_scaling
from channelexplorer_dash.core.pca import Components
from channelexplorer_dash.core.placing import place_new
from channelexplorer_dash.extraction.derivations.registry import (
    active_given,
    derives,
    given,
    publish_derivation,
    sample_of,
    scaling_given,
)
from channelexplorer_dash.extraction.plan import Derivation, description_key
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.specs import ModelSpec
from channelexplorer_dash.store import Kind, Store

ANSWERS = 3
"""Most probable outputs that are kept of each image."""


@derives("new_images")
def _new_images(store: Store, plan: Derivation) -> None:
    """Publish an entry for each image: its position, answers, nearest images, and the channels they share."""
    rows, logits, non_finite = _run(store, plan)
    ids, _ = sample_of(store, plan)
    scaling = scaling_given(store, plan)
    known = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    near = nearest_known(known, rows, plan.parameters["neighbours"], "cosine")
    channels = rows.shape[1]
    own = unpacked(active_sets(rows, plan.parameters["top_fraction"], scaling), channels)
    theirs = active_given(store, plan)
    positions = positions_of(store, plan, apply_scaling(rows, scaling))
    entries = [
        {
            "position": positions[i].tolist(),
            "answers": [] if logits is None else _answers(logits[i]),
            "neighbours": ids[near.indices[i]].tolist(),
            "distances": near.distances[i].tolist(),
            **_overlap(own[i], unpacked(theirs[near.indices[i]], channels)),
        }
        for i in range(len(rows))
    ]
    record = {"images": entries, "non_finite": non_finite}
    store.publish_record(plan.key, record, Kind.PASSING_RECORD)


def _run(store: Store, plan: Derivation) -> tuple[FloatArray, FloatArray | None, int]:
    """Return S of the images, float32 (m, C), their logits, and how many values were not finite."""
    from channelexplorer_dash.extraction.fitting import Fitting
    from channelexplorer_dash.extraction.forward import run_batch
    from channelexplorer_dash.extraction.running import place
    from channelexplorer_dash.extraction.shards import choose_device, loaded_model

    given_model, identity = plan.parameters["_model"], plan.parameters["_identity"]
    built = loaded_model(ModelSpec.model_validate(given_model), identity)
    description = ModelDescription.from_json(store.record(description_key(identity)))
    layer, summary = description.layer(plan.layer), plan.parameters["_summary"]
    device = torch.device(choose_device(plan.parameters["_device"]))
    module = place(built.module, device, built.input_size)
    # An array of its own for each: Pillow would read the mapped file as the pixels are asked for.
    pixels = [np.array(store.array(Kind.PASSING, key)) for key in plan.parameters["images"]]
    images = torch.stack([built.transform(Image.fromarray(values)) for values in pixels])
    output = description.outputs > 0

    def run(batch: torch.Tensor) -> Any:
        return run_batch(
            module, batch, [layer], (summary,), output=output, precision=plan.parameters["_precision"]
        )

    found = Fitting(run)(images)
    return found.summaries[layer.name][summary], found.logits, found.non_finite.get(layer.name, 0)


def positions_of(store: Store, plan: Derivation, rows: FloatArray) -> FloatArray:
    """Return where normalised rows of S lie in the projection that the scatterplot shows, float32 (m, 2)."""
    axes = np.asarray(store.array(Kind.ARRAY, given(store, plan, "axes", "normalisation")))
    scores = store.array(Kind.ARRAY, given(store, plan, "components", "normalisation"))
    components = Components(np.asarray(scores), axes[0], axes[1:].T)
    parameters = {"normalisation": plan.parameters["normalisation"], **plan.parameters["projected"]}
    shown = Derivation("projection", plan.layer, plan.source, plan.sample, parameters)
    publish_derivation(store, shown)
    placed = np.asarray(store.array(Kind.ARRAY, shown.key))
    return place_new(np.asarray(scores), placed, components.place(rows), parameters["method"])


def _answers(logits: FloatArray) -> list[list[float]]:
    """Return the most probable outputs of one image, and their softmax probabilities."""
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    probability = shifted / shifted.sum()
    best = np.argsort(-probability, kind="stable")[:ANSWERS]
    return [[int(output), float(probability[output])] for output in best]


def _overlap(own: BoolArray, theirs: BoolArray) -> dict[str, Any]:
    """Return the Jaccard similarity with each neighbour, and the channels shared with most of them."""
    both, either = (own & theirs).sum(axis=1), (own | theirs).sum(axis=1)
    similarity = np.divide(both, either, out=np.ones(len(theirs)), where=either > 0)
    sharing: IntArray = np.where(own, theirs.sum(axis=0), 0)
    order = np.argsort(-sharing, kind="stable")
    shared = [channel for channel in order.tolist() if sharing[channel] > 0]
    return {
        "similarity": similarity.tolist(),
        "shared": shared,
        "sharing": sharing[shared].tolist(),
        "active": int(own.sum()),
    }
