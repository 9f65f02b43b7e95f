"""What the points of the scatterplots are coloured by."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.colouring import Colouring, by_category, by_class, by_cluster, by_number
from channelexplorer_dash.figures.theme import CORRECT, WRONG, class_colours
from channelexplorer_dash.results.answers import Pending, Sample
from channelexplorer_dash.selection import ChannelMark, Grouping, Marks, View

TITLES = {"prediction": "prediction", "correct": "correctness", "confidence": "confidence"}


def colouring_of(explorer: Explorer, view: View, sample: Sample, colour_by: str, channel: Any) -> Colouring:
    """Return the colours of a sample: those of the marked channel, or else of what is chosen.

    The channel may be one of another layer, whose values may not be there yet.
    """
    mark = Marks.from_json({"channel": channel}).channel
    if mark is not None and (found := _by_channel(explorer, view, sample, mark)) is not None:
        return found
    if colour_by in {"class", "cluster"}:
        return by_class(sample)
    title = TITLES.get(colour_by, colour_by)
    found_values = explorer.colours(view, sample, colour_by)
    if found_values.names is None:
        return by_number(title, found_values.values)
    if colour_by == "correct":
        return Colouring(
            title, found_values.values, found_values.names, (CORRECT, WRONG)[: len(found_values.names)]
        )
    names = [found_values.names[code] if code >= 0 else None for code in found_values.values.tolist()]
    if set(names) <= {*sample.class_names, None}:
        # The colours of the classes, so that prediction and label can be compared by eye.
        label = {name: i for i, name in enumerate(sample.class_names)}
        codes = np.array([-1 if name is None else label[name] for name in names], dtype=np.int64)
        return Colouring(title, codes, sample.class_names, class_colours(len(sample.class_names)))
    return by_category(title, names)


def clusters_of(
    explorer: Explorer, view: View, layer: str, sample: Sample, colour_by: str, channel: Any, clusters: Any
) -> Colouring | None:
    """Return the colours of a layer's clusters, or None where these are not wanted or not there yet."""
    if colour_by != "cluster" or Marks.from_json({"channel": channel}).channel is not None:
        return None
    answer = explorer.clusters(view, layer, Grouping(clusters))
    return None if isinstance(answer, Pending) else by_cluster(answer.value, sample)


def _by_channel(explorer: Explorer, view: View, sample: Sample, mark: ChannelMark) -> Colouring | None:
    answer = explorer.channel(view, mark)
    if isinstance(answer, Pending):
        return None
    detail = answer.value
    # Which images can be read may differ between layers of different passes.
    value_of = dict(zip(detail.sample.image_ids.tolist(), detail.values.tolist(), strict=True))
    values = np.array([value_of.get(image_id, np.nan) for image_id in sample.image_ids.tolist()])
    return by_number(f"channel {mark.channel} of {mark.layer}", values)
