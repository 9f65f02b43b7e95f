"""From shards to published summaries."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from channelexplorer_dash.extraction.plan import Extraction, about_key
from channelexplorer_dash.store import Kind, Store, schema


def publish_merged(store: Store, plan: Extraction) -> None:
    """Publish every summary of a plan, and the predictions where it has them.

    What is said about a summary is published before it, so that a summary that is there always has it.
    """
    for (layer, _), key in plan.results.items():
        if not store.has(Kind.SUMMARY, key):
            store.publish_record(about_key(key), _about(store, plan, key, layer))
            store.merge_shards(key, plan.starts)
        store.drop_shards(key)
    if plan.output:
        if not store.has(Kind.TABLE, plan.predictions):
            _publish_predictions(store, plan)
        store.drop_shards(plan.predictions)


def _about(store: Store, plan: Extraction, key: str, layer: str) -> dict[str, Any]:
    records = store.shard_records(key, plan.starts)
    return {
        "images": plan.images,
        "left_out": [pair for record in records for pair in record["left_out"]],
        "non_finite": sum(int(record["non_finite"].get(layer, 0)) for record in records),
    }


def _publish_predictions(store: Store, plan: Extraction) -> None:
    """Publish the predictions: shards hold float32 (n, 2), the output's number and its probability."""
    values = np.concatenate([store.shard(plan.predictions, start) for start in plan.starts])
    readable = np.isfinite(values[:, 0])
    table = pl.DataFrame(
        {
            schema.IMAGE_ID: np.flatnonzero(readable),
            schema.PREDICTION: values[readable, 0].astype(np.int32),
            schema.CONFIDENCE: values[readable, 1],
        }
    )
    store.publish_table(plan.predictions, table, schema.PREDICTIONS)
