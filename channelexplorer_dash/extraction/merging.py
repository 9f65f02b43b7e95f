"""From shards to published summaries: rows are streamed in order, so that memory stays flat.

Shards are merged in the order of their rows, whoever computed them and whenever they came: the same shards
always give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.core.moments import MomentsAccumulator
from channelexplorer_dash.errors import VanishedError
from channelexplorer_dash.extraction.plan import Extraction, about_key
from channelexplorer_dash.extraction.shards import lacking_results, loaded_dataset, publish_shard
from channelexplorer_dash.store import Kind, Store, schema
from channelexplorer_dash.store.moments import publish_moments
from channelexplorer_dash.store.shards import Shard


def publish_merged(store: Store, plan: Extraction, still_wanted: Callable[[], None]) -> None:
    """Publish every result of a plan that the store lacks, and remove the plan's shards.

    Parameters
    ----------
    still_wanted
        Called before every result; raises when the work was cancelled.
    """
    folder = store.shards(plan.key)
    if lacking_results(store, plan):
        # A result that was there when a shard was computed may have been removed since: the shard lacks it.
        for start in plan.starts:
            publish_shard(store, plan, start, still_wanted)
    if lacking := lacking_results(store, plan):
        shards = [folder.read(start, stop) for start, stop in plan.shards]
        parts = [shard for shard in shards if shard is not None]
        if len(parts) < len(shards):
            raise VanishedError(f"A shard in {folder.path} is gone. Ask for it again.")
        labels = loaded_dataset(store, plan.dataset, plan.dataset_digest, plan.max_image_pixels).labels
        buffer = bytearray()
        for (layer, _), key in plan.results.items():
            if key in lacking:
                still_wanted()
                bad = sum(int(part.record["non_finite"].get(layer, 0)) for part in parts)
                store.publish_record(about_key(key), _about(plan, parts, bad))
                _publish_summary(store, key, parts, labels, buffer)
        if plan.predictions in lacking:
            bad = sum(int(part.record.get("non_finite_logits", 0)) for part in parts)
            store.publish_record(about_key(plan.predictions), _about(plan, parts, bad))
            _publish_predictions(store, plan, parts, buffer)
    folder.drop()


def _about(plan: Extraction, parts: list[Shard], non_finite: int) -> dict[str, Any]:
    return {
        "images": plan.images,
        "left_out": [entry for part in parts for entry in part.record["left_out"]],
        "non_finite": non_finite,
    }


def _publish_summary(
    store: Store, key: str, parts: list[Shard], labels: npt.NDArray[np.int64], buffer: bytearray
) -> None:
    """Publish S and, before it, its moments: a summary that is there always has them."""
    shape = (parts[-1].stop, parts[0].channels[key])
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": shape,
    }
    moments = MomentsAccumulator(np.unique(labels), shape[1])
    with store.publishing(Kind.SUMMARY, key) as file:
        np.lib.format.write_array_header_1_0(file, header)
        first = 0
        for part in parts:
            for block in part.blocks(key, buffer):
                file.write(block.data)
                moments.add(block, labels[first : first + len(block)])
                first += len(block)
        publish_moments(store, key, moments.moments())


def _publish_predictions(store: Store, plan: Extraction, parts: list[Shard], buffer: bytearray) -> None:
    """Publish the predictions: shards hold the output's number and its probability.

    An image that could not be read, or whose logits are not finite, has none.
    """
    rows = [block.copy() for part in parts for block in part.blocks(plan.predictions, buffer)]
    values = np.concatenate(rows)
    readable = np.isfinite(values[:, 0])
    table = pl.DataFrame(
        {
            schema.IMAGE_ID: np.flatnonzero(readable),
            schema.PREDICTION: values[readable, 0].astype(np.int32),
            schema.CONFIDENCE: values[readable, 1],
        }
    )
    store.publish_table(plan.predictions, table, schema.PREDICTIONS)
