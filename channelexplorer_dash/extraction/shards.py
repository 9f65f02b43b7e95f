"""The torch side of the engine's tasks: models built once a process, shards of summaries."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.generated import Drawn
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.errors import DatasetError, ModelError
from channelexplorer_dash.extraction.batches import batches
from channelexplorer_dash.extraction.fitting import Fitting, batch_size
from channelexplorer_dash.extraction.forward import run_batch
from channelexplorer_dash.extraction.inputs import reader
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.plan import Describe, Extraction, description_key
from channelexplorer_dash.extraction.running import place
from channelexplorer_dash.models.build import BuiltModel, build
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, Store, digest

_models: dict[str, BuiltModel] = {}
_KEPT_MODELS = 2


def loaded_model(spec: ModelSpec, identity: dict[str, Any]) -> BuiltModel:
    """Return a model, built once in this process; the last two are kept."""
    key = digest(identity)
    if key not in _models:
        while len(_models) >= _KEPT_MODELS:
            del _models[next(iter(_models))]
        _models[key] = build(spec)
    return _models[key]


@lru_cache(maxsize=4)
def _opened(root: Path, spec_json: str, dataset_digest: str, max_pixels: int) -> Dataset:
    drawn = Drawn(Store(root), dataset_digest)
    dataset = open_dataset(DatasetSpec.model_validate_json(spec_json), max_pixels, drawn)
    if dataset.digest != dataset_digest:
        raise DatasetError(
            f"The dataset {dataset.name} has changed since the server opened it. "
            "Restart the server to read it anew."
        )
    return dataset


def loaded_dataset(store: Store, spec: DatasetSpec, dataset_digest: str, max_pixels: int) -> Dataset:
    """Return a dataset, opened once in this process; refuse one that has changed meanwhile."""
    return _opened(store.root, spec.model_dump_json(), dataset_digest, max_pixels)


def publish_description(store: Store, plan: Describe) -> None:
    """Build the model and publish its description."""
    if not store.has(Kind.RECORD, plan.key):
        built = loaded_model(plan.model, dict(plan.identity))
        store.publish_record(plan.key, describe(built).to_json())


def publish_shard(store: Store, plan: Extraction, start: int, still_wanted: Callable[[], None]) -> None:
    """Run the model over the rows ``start`` … and publish them as a shard of every result that is lacking.

    Nothing is done where the shard is there, or where everything that it would hold was published by now.

    Parameters
    ----------
    still_wanted
        Called before every batch; raises when the work was cancelled.
    """
    lacking = lacking_results(store, plan)
    ids = range(start, min(start + plan.shard_size, plan.images))
    shards = store.shards(plan.key)
    found = shards.read(ids.start, ids.stop)
    if not lacking or (found is not None and lacking <= found.channels.keys()):
        return
    keys = {pair: key for pair, key in plan.results.items() if key in lacking}
    output = plan.predictions in lacking
    description = ModelDescription.from_json(store.record(description_key(plan.identity)))
    taps = [description.layer(name) for name in plan.layers if any(layer == name for layer, _ in keys)]
    summaries = tuple(name for name in plan.summaries if any(summary == name for _, summary in keys))
    if output and not description.outputs:
        raise ModelError(f"The model {plan.model.name} has no class outputs to predict with.")

    built = loaded_model(plan.model, dict(plan.identity))
    dataset = loaded_dataset(store, plan.dataset, plan.dataset_digest, plan.max_image_pixels)
    device = torch.device(choose_device(plan.device))
    module = place(built.module, device, built.input_size)
    size = plan.batch_size or batch_size(description, device.type, plan.batch_memory_mb)
    fitting = Fitting(
        lambda batch: run_batch(module, batch, taps, summaries, output=output, precision=plan.precision)
    )
    channels = {key: description.layer(layer).channels for (layer, _), key in keys.items()}
    if output:
        channels[plan.predictions] = 2
    left_out: list[tuple[int, str, str]] = []
    non_finite: dict[str, int] = {}
    non_finite_logits = 0

    with shards.writer(ids.start, ids.stop, channels) as shard:
        for batch in batches(dataset, reader(built, dataset), ids, size):
            still_wanted()
            left_out += batch.left_out
            if batch.images is None:
                continue
            result = fitting(batch.images)
            values = {key: result.summaries[layer][summary] for (layer, summary), key in keys.items()}
            if output and result.logits is not None:
                values[plan.predictions] = _most_probable(result.logits)
            shard.write(np.asarray(batch.image_ids) - start, values)
            for layer, count in result.non_finite.items():
                non_finite[layer] = non_finite.get(layer, 0) + count
            non_finite_logits += result.non_finite_logits
        shard.record.update(left_out=left_out, non_finite=non_finite, non_finite_logits=non_finite_logits)


def lacking_results(store: Store, plan: Extraction) -> frozenset[str]:
    """Return the keys of a plan's results that the store does not have."""
    lacking = {key for key in plan.results.values() if not store.has(Kind.SUMMARY, key)}
    if plan.output and not store.has(Kind.TABLE, plan.predictions):
        lacking.add(plan.predictions)
    return frozenset(lacking)


def choose_device(wanted: str) -> str:
    """Return the torch device for a setting; raise ModelError for one that is not there."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"The device {wanted!r} cannot be used here. Set `device` to 'auto' or 'cpu'."
        ) from error
    return wanted


def _most_probable(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (B, 2): the largest logit's index and its softmax probability; NaN where there is neither."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    best = logits.argmax(axis=1)
    probability = shifted[np.arange(len(best)), best] / shifted.sum(axis=1)
    found = np.stack([best, probability], axis=1).astype(np.float32)
    found[np.isnan(probability)] = np.nan
    return found
