"""Neural collapse at the head: which module it is, and how far it agrees with the means of its input.

The record ``head`` has ``head``, the module's name, and ``layer``, the described layer whose summary is its
input, or empty; or ``why`` there is none. ``head_collapse`` has ``figures`` as the measures have them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.bootstrap import Interval, bootstrap, jackknife
from channelexplorer_dash.core.collapse import head_disagrees, self_duality
from channelexplorer_dash.core.interrupt import come_up_for_air
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.derivations.measures import entry
from channelexplorer_dash.extraction.derivations.models import model_of
from channelexplorer_dash.extraction.derivations.registry import derives, sample_of
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.specs import DatasetSpec
from channelexplorer_dash.store import Kind, Store

IMAGES = 4
"""Images of the dataset on which the head is looked for."""
# Where images cannot be read, others are tried.
_TRIED = 64


@derives("head")
def _head(store: Store, plan: Derivation) -> None:
    from channelexplorer_dash.extraction.head import NoHeadError, find_head
    from channelexplorer_dash.extraction.running import place
    from channelexplorer_dash.extraction.shards import choose_device

    built = model_of(plan)
    device = torch.device(choose_device(plan.parameters["_device"]))
    module = place(built.module, device, built.input_size)
    description = ModelDescription.from_json(store.record(plan.source))
    images = _some_images(store, plan, built)
    try:
        found = find_head(module, description, images, plan.parameters["_precision"])
    except NoHeadError as error:
        store.publish_record(plan.key, {"head": "", "layer": "", "why": str(error)})
    else:
        store.publish_record(plan.key, {"head": found.name, "layer": found.layer, "why": ""})


def _some_images(store: Store, plan: Derivation, built: Any) -> torch.Tensor:
    """Return a few images from all over the dataset, float32 (B, C, H, W)."""
    from channelexplorer_dash.extraction.batches import batches
    from channelexplorer_dash.extraction.inputs import reader
    from channelexplorer_dash.extraction.shards import loaded_dataset

    dataset = loaded_dataset(
        store,
        DatasetSpec.model_validate(plan.parameters["_dataset"]),
        plan.parameters["dataset_digest"],
        plan.parameters["_max_image_pixels"],
    )
    ids = np.unique(np.linspace(0, len(dataset) - 1, _TRIED).astype(np.int64))
    # Side by side in a batch they come from far apart.
    spread = ids.reshape(IMAGES, -1).T.ravel() if len(ids) == _TRIED else ids
    for batch in batches(dataset, reader(built, dataset), spread.tolist(), IMAGES):
        come_up_for_air()
        if batch.images is not None:
            return batch.images
    raise DatasetError("None of the images on which the head was to be looked for can be read.")


@derives("head_collapse")
def _head_collapse(store: Store, plan: Derivation) -> None:
    """Publish NC3 and NC4 by the head's input: rows of a summary, or of an array in the sample's order."""
    from channelexplorer_dash.extraction.head import head_weights

    wanted = plan.parameters
    if wanted["of_summary"]:
        ids, labels = sample_of(store, plan)
        rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    else:
        labels = np.asarray(store.array(Kind.ARRAY, plan.sample)[1])
        rows = np.asarray(store.array(Kind.ARRAY, plan.source))
    weights, bias = head_weights(model_of(plan).module, wanted["head"])
    outputs = np.array(wanted["targets"])[np.unique(labels)]
    own, offset = weights[outputs], bias[outputs]

    def duality(left: IntArray) -> float:
        return self_duality(class_moments(rows[left], labels[left]), own)

    def disagreement() -> Interval:
        return bootstrap(head_disagrees(rows, labels, own, offset), labels, labels)

    figures = {"nc3": entry(lambda: jackknife(duality, labels)), "nc4": entry(disagreement)}
    store.publish_record(
        plan.key,
        {
            "figures": figures,
            "voters": len(labels),
            # How many a sample of them stands for.
            "images": wanted.get("images", len(labels)),
            "classes": len(own),
            "channels": own.shape[1],
        },
    )
