"""Which channels matter: the scorecard, what tells two groups apart, and what an ablation did."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
import torch

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.core.contrast import contrast
from channelexplorer_dash.core.contribution import effect
from channelexplorer_dash.core.jaccard import active_frequencies
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.normalise import apply_scaling, fit_scaling
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.core.scorecard import scorecard
from channelexplorer_dash.extraction.derivations.registry import active_given, derives, sample_of
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.extraction.samples import sample_moments
from channelexplorer_dash.store import Kind, Store, schema


@derives("scorecard")
def _scorecard(store: Store, plan: Derivation) -> None:
    ids, labels = sample_of(store, plan)
    values = store.array(Kind.SUMMARY, plan.source)
    _, active = active_frequencies(
        active_given(store, plan), labels, values.shape[1], torch.get_num_threads()
    )
    if plan.parameters["normalisation"] == "image_l1":
        rows = _per_image(np.asarray(values[ids]))
        moments = class_moments(rows, labels)
        found = scorecard(lambda part: rows[:, part], labels, moments, active, torch.get_num_threads())
    else:
        # A normalisation per channel changes no figure of the scorecard but the selectivity, which is
        # defined for the activation as it is.
        moments = sample_moments(store, plan.source, ids, labels)
        found = scorecard(lambda part: values[:, part][ids], labels, moments, active, torch.get_num_threads())
    table = pl.DataFrame(
        {
            schema.CHANNEL: np.arange(values.shape[1]),
            schema.F: found.f,
            schema.ETA_SQUARED: found.eta_squared,
            schema.MUTUAL_INFORMATION: found.mutual_information,
            schema.SELECTIVITY: found.selectivity,
            schema.BEST_CLASS: found.best_class,
            schema.AUROC: found.auroc,
            schema.CLASS_AUROC: list(found.class_auroc.T),
            schema.CLASS_FREQUENCY: list(found.frequency.T),
        }
    )
    store.publish_table(plan.key, table, schema.SCORECARD)


@derives("contrast")
def _contrast(store: Store, plan: Derivation) -> None:
    """Publish what tells two groups apart, and the score of every image of both.

    The sample holds the groups, 0 and 1, in place of labels: no moments of classes may be asked for by them.
    """
    ids, groups = sample_of(store, plan)
    rows = np.asarray(store.array(Kind.SUMMARY, plan.source)[ids])
    # The discriminant is the same under every normalisation per channel.
    if plan.parameters["normalisation"] == "image_l1":
        rows = _per_image(rows)
    some = stratified(groups, plan.parameters["images"], plan.parameters["seed"])
    first = groups == 0
    found = contrast(rows[some], first[some], plan.parameters["channels"], plan.parameters["seed"])
    record: dict[str, Any] = {
        "channels": found.channels.tolist(),
        "channel_auc": found.channel_auc.tolist(),
        "auc": found.auc,
        "standard_error": found.standard_error,
        "sizes": found.sizes.tolist(),
        "fitted": len(some),
        "image_ids": ids.tolist(),
        "groups": groups.tolist(),
        "scores": found.scores(rows).tolist(),
    }
    store.publish_record(plan.key, record)


@derives("ablation_effect")
def _ablation_effect(store: Store, plan: Derivation) -> None:
    """Compare the logits under ``source`` with those under ``after``; outputs of labels are ``targets``."""
    _, labels = np.asarray(store.array(Kind.ARRAY, plan.sample))
    before, after = (
        np.asarray(store.array(Kind.ARRAY, key)) for key in (plan.source, plan.parameters["after"])
    )
    outputs = plan.parameters["targets"]
    # Where the model's outputs are other classes than the dataset's, its own answer is what may be lost.
    targets = before.argmax(axis=1) if outputs is None else np.array(outputs)[labels]
    found = effect(before, after, labels, targets)
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in asdict(found).items()
    }
    store.publish_record(plan.key, plain)


def _per_image(rows: FloatArray) -> FloatArray:
    return apply_scaling(rows, fit_scaling(rows, "image_l1"))
