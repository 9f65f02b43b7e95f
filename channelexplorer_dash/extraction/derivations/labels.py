"""Which labels are probably wrong: from the summaries of several layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import torch

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.label_issues import WAYS, LayerEvidence, label_issues
from channelexplorer_dash.extraction.derivations.registry import active_given, derives, sample_of
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.store import Kind, Store, schema


@derives("label_issues")
def _label_issues(store: Store, plan: Derivation) -> None:
    layers = [_of_layer(plan, layer, source) for layer, source in plan.parameters["sources"].items()]
    samples = [sample_of(store, layer) for layer in layers]
    # Which images can be read may differ between layers of different passes.
    common = np.logical_and.reduce([np.isin(samples[0][0], ids) for ids, _ in samples])
    ids, labels = samples[0][0][common], samples[0][1][common]
    evidence = _evidence(store, layers, [sample for sample, _ in samples], ids)
    found = label_issues(
        evidence, labels, plan.parameters["neighbours"], plan.parameters["seed"], torch.get_num_threads()
    )
    table = pl.DataFrame(
        {
            schema.IMAGE_ID: ids,
            schema.LABEL: labels,
            schema.PROPOSED: found.proposed,
            schema.SCORE: found.score,
            **{way: found.way(way) for way in WAYS},
            schema.CHANCE: found.chance,
            schema.PRECISION: found.precision,
        }
    )
    order = np.argsort(-found.score, kind="stable")
    store.publish_table(plan.key, table[order], schema.LABEL_ISSUES)


def _of_layer(plan: Derivation, layer: str, source: str) -> Derivation:
    return Derivation(plan.name, layer, source, plan.sample, plan.parameters)


def _evidence(
    store: Store, layers: list[Derivation], samples: list[IntArray], ids: IntArray
) -> Iterator[LayerEvidence]:
    for layer, sample in zip(layers, samples, strict=True):
        sets = active_given(store, layer)
        if len(sample) != len(ids):
            sets = sets[np.isin(sample, ids)]
        yield LayerEvidence(layer.layer, store.array(Kind.SUMMARY, layer.source)[ids], np.asarray(sets))
