"""Neural collapse at the head: NC3 and NC4 of the classes that occur, of the head's own input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.explorer.contributions import outputs_of
from channelexplorer_dash.explorer.measuring import AllLayers
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.layers import HeadCollapse, HeadFigure
from channelexplorer_dash.store import digest


def head_collapse(
    asked: AllLayers, class_names: Sequence[str], output_names: Sequence[str]
) -> Answer[HeadCollapse]:
    """Return how far the model's head agrees with the class means, or why that means nothing here.

    The head is found by running the model on a few images. Where what it takes in is a layer's summary, all
    images count; else the model is run up to its head for a stratified sample of ``measure_images``.
    """
    if why := _why_not(asked, class_names, output_names):
        return _none(why)
    labels = asked.work.labels(asked.view)
    drawn = asked.work.drawn(asked.view.dataset, patience=0)
    if isinstance(drawn, Pending):
        return drawn
    plan = asked.work.plans.head(asked.view, asked.key)
    found = asked.work.ask(plan)
    if isinstance(found, Pending):
        return found
    record = asked.work.store.record(found.value)
    if record["why"]:
        return _none(f"Not defined for this model: {record['why']}")
    needed = {"head": record["head"], "targets": outputs_of(labels, class_names, output_names)}
    way = _by_a_layer if record["layer"] else _by_its_input
    asked_for = way(asked, record["layer"] or record["head"], needed)
    if isinstance(asked_for, Pending):
        return asked_for
    measured = asked.work.store.record(asked_for.value)
    figures = {name: HeadFigure(**entry) for name, entry in measured["figures"].items()}
    answer = HeadCollapse(
        record["head"],
        measured["channels"],
        measured["classes"],
        figures,
        measured["voters"],
        measured["images"],
    )
    return Ready(answer, asked_for.key)


def _why_not(asked: AllLayers, class_names: Sequence[str], output_names: Sequence[str]) -> str:
    """Return why there is nothing to compare; empty where there may be."""
    labels = np.unique(asked.work.labels(asked.view))
    outputs = asked.description.outputs
    if not outputs:
        return "Not defined for this model: it has no class outputs, and so no head."
    if len(labels) < 2:
        return "NC3 and NC4 compare classes, and all of these images are of one. Choose at least two classes."
    if not output_names:
        return (
            f"Not defined for this model on this dataset: the model's {outputs:,} outputs have no names, and "
            f"the dataset has {len(class_names):,} classes. Give the model class_names in the settings."
        )
    lacking = [class_names[label] for label in labels.tolist() if class_names[label] not in output_names]
    if lacking:
        return (
            f"Not defined for this model on this dataset: no output of the model is named {lacking[0]!r}, so "
            "that no row of the head belongs to that class."
        )
    return ""


def _none(why: str) -> Ready[HeadCollapse]:
    return Ready(HeadCollapse(why=why), digest(["no head", why]))


def _by_a_layer(asked: AllLayers, name: str, needed: dict[str, object]) -> Answer[str]:
    """Return the key of the figures by a layer's summary, which is the head's input."""
    # Of a dense layer only this summary is not the value itself.
    is_value = asked.view.summary != "active_fraction"
    view = asked.view if is_value else replace(asked.view, summary="l2")
    layer = asked.description.layer(name)
    parameters = {**asked.work.plans.of_the_model(view), **needed, "of_summary": True}
    # The layer is computed for what is not measured yet alone: with a quota it may be gone, and stay so.
    if (measured := asked.work.measured("head_collapse", view, layer, **parameters)) is not None:
        return measured
    summary = asked.work.compute(view, asked.description, (name,), output=False)
    if isinstance(summary, Pending):
        return summary
    source = asked.work.source(view, layer)
    return asked.work.derive("head_collapse", view, layer, source, patience=0, **parameters)


def _by_its_input(asked: AllLayers, name: str, needed: dict[str, object]) -> Answer[str]:
    """Return the key of the figures by what the head takes in of a sample, for which the model is run."""
    work, view, last = asked.work, asked.view, asked.layers[-1]
    # Which images can be read is known of any layer; the last one is asked for by the measures, too.
    summary = work.compute(view, asked.description, (last.name,), output=False)
    if isinstance(summary, Pending):
        return summary
    shown = work.readable(view, work.source(view, last))
    drawn = stratified(shown.labels, work.settings.measure_images, 0)
    sample = work.keep_sample(view, shown.image_ids[drawn], shown.labels[drawn])
    given = work.plans.head_input(view, sample, len(drawn), name)
    rows = work.ask(given)
    if isinstance(rows, Pending):
        return rows
    return work.ask(work.plans.head_collapse(view, given, {**needed, "images": len(shown.labels)}))
