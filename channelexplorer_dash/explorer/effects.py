"""The scorecard's measured column: what ablating each channel of a layer alone takes away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from channelexplorer_dash.choices import Sorting
from channelexplorer_dash.core.contribution import ChannelEffects
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import answers, contributions
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.contributions import Fill, check_fill, outputs_of
from channelexplorer_dash.extraction.plan import Effects
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.channels import ScorecardTable
from channelexplorer_dash.results.views import Heatmap
from channelexplorer_dash.selection import Marks
from channelexplorer_dash.store import Kind, digest, schema

if TYPE_CHECKING:
    from channelexplorer_dash.explorer.layerwork import LayerWork

# Images of a task: progress is read off these parts, and what is more urgent waits for the end of one.
_SHARD = 4
_SET_TO = {"zero": "zero", "mean": "its mean"}


def measure(work: LayerWork, prepared: Prepared, output_names: Sequence[str], fill: Fill) -> Answer[str]:
    """Have the effect of every channel of a layer measured; return the key of the table.

    Raises
    ------
    SelectionError
        If the model's outputs are not the dataset's classes.
    """
    plan = _needed(work, prepared, output_names, fill)
    if fill == "mean":
        description = ModelDescription.from_json(work.store.record(prepared.description))
        means = work.summary(replace(prepared.view, summary="mean"), description, prepared.layer)
        if isinstance(means, Pending):
            return means
    return work.ask(plan)


def scorecard(
    work: LayerWork, prepared: Prepared, output_names: Sequence[str], fill: Fill
) -> Answer[ScorecardTable]:
    """Return the scorecard of a layer, with the effect of every channel where that was measured."""
    table = contributions.scorecard(work, prepared)
    plan = _plan(work, prepared, output_names, fill)
    if isinstance(table, Pending) or plan is None:
        return table
    of_images = len(prepared.sample.labels)
    whole = replace(table.value, effect_images=plan.images, of_images=of_images, fill=fill)
    if not work.store.has(Kind.TABLE, plan.key):
        return Ready(whole, table.key)
    found = work.store.table(plan.key)
    classes, counts = np.unique(work.store.array(Kind.ARRAY, plan.sample)[1], return_counts=True)
    effects = ChannelEffects(
        classes=classes,
        counts=counts,
        effect=found[schema.EFFECT].to_numpy(),
        accuracy_lost=found[schema.ACCURACY_LOST].to_numpy(),
        class_effect=np.array(found[schema.CLASS_EFFECT].to_list()).T,
        class_accuracy_lost=np.array(found[schema.CLASS_ACCURACY_LOST].to_list()).T,
    )
    return Ready(replace(whole, effects=effects), digest([table.key, plan.key]))


def heatmap(
    work: LayerWork,
    prepared: Prepared,
    sorting: Sorting,
    marks: Marks,
    output_names: Sequence[str],
    fill: Fill,
) -> Answer[Heatmap]:
    """Return channels × images, marked images first.

    Raises
    ------
    SelectionError
        If it is to be sorted by an effect that was not measured.
    """
    measured = None
    if sorting in schema.MEASURED:
        plan = _needed(work, prepared, output_names, fill)
        if not work.store.has(Kind.TABLE, plan.key):
            raise SelectionError(
                f"What is lost without each channel of {prepared.layer.name}, set to {_SET_TO[fill]}, is not "
                "measured yet. Open the table above, and measure it there."
            )
        values = work.store.table(plan.key, [sorting]).to_series().to_numpy()
        measured = Ready(values.astype(np.float64), digest([plan.key, sorting]))
    return answers.heatmap(work, prepared, sorting, marks, measured)


def _needed(work: LayerWork, prepared: Prepared, output_names: Sequence[str], fill: Fill) -> Effects:
    plan = _plan(work, prepared, output_names, fill)
    if plan is None:
        raise SelectionError(
            "The outputs of this model are not the classes of this dataset: an image's own class has no "
            "logit whose drop could be measured. Choose a dataset with classes of the model, or ablate "
            "channels from their card."
        )
    return plan


def _plan(work: LayerWork, prepared: Prepared, output_names: Sequence[str], fill: Fill) -> Effects | None:
    """Return what is to be run; None where the model's outputs are not the dataset's classes."""
    check_fill(fill)
    view, sample = prepared.view, prepared.sample
    drawn = stratified(sample.labels, work.settings.effect_images, view.seed)
    labels = sample.labels[drawn]
    targets = outputs_of(labels, sample.class_names, output_names)
    if targets is None:
        return None
    key = work.keep_sample(view, sample.image_ids[drawn], labels)
    return Effects(
        **work.plans.running(view, len(drawn)),
        shard_size=min(work.settings.shard_size, _SHARD),
        sample=key,
        layer=prepared.layer.name,
        means=work.source(replace(view, summary="mean"), prepared.layer) if fill == "mean" else "",
        targets=tuple(targets),
    )
