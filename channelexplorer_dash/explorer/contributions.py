"""Which channels matter: the scorecard, what tells two groups of images apart, what an ablation does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.contribution import Effect
from channelexplorer_dash.core.moments import pooled
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer.answers import Prepared, check_channel
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.indices import decode_indices, encode_indices
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.channels import AblationDetail, ContrastDetail, ScorecardTable
from channelexplorer_dash.store import Kind, digest, schema
from channelexplorer_dash.store.moments import read_moments

if TYPE_CHECKING:
    from channelexplorer_dash.explorer.layerwork import LayerWork

Fill = Literal["zero", "mean"]
WEIGHT_NORM = "edge_weight"


@dataclass(frozen=True)
class Ablated:
    """Channels of a layer that are set to zero, or to their mean over the dataset."""

    layer: str
    channels: tuple[int, ...]
    fill: Fill = "zero"

    def __post_init__(self) -> None:
        if not self.channels:
            raise SelectionError("No channel is chosen to be ablated. Mark one in a heatmap.")
        check_fill(self.fill)

    def to_json(self) -> dict[str, Any]:
        """Return the form that a ``dcc.Store`` keeps."""
        return {"layer": self.layer, "channels": encode_indices(self.channels), "fill": self.fill}

    @classmethod
    def from_json(cls, data: object) -> Ablated:
        """Read :meth:`to_json`'s form back; raise SelectionError where it was tampered with."""
        found = _mapping(data)
        return cls(str(found.get("layer")), decode_indices(str(found.get("channels"))), found.get("fill"))  # type: ignore[arg-type]

    @classmethod
    def from_link(cls, text: str) -> Ablated | None:
        """Read a link's ``layer:fill:channels``, which the page's script writes; None of an empty one."""
        return cls.from_json(_in_link(text, ("layer", "fill", "channels"))) if text else None


def check_fill(fill: str) -> None:
    """Raise SelectionError where channels cannot be set to what is asked."""
    if fill not in get_args(Fill):
        raise SelectionError(f"A channel is set to zero or to its mean, not to {str(fill)[:20]!r}.")


@dataclass(frozen=True)
class Groups:
    """Two groups of images (image_id) to be told apart in a layer; no ``second`` means all others shown."""

    layer: str
    first: tuple[int, ...]
    second: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the form that a ``dcc.Store`` keeps."""
        images = {"first": encode_indices(self.first), "second": encode_indices(self.second)}
        return {"layer": self.layer, **images}

    @classmethod
    def from_json(cls, data: object) -> Groups:
        """Read :meth:`to_json`'s form back; raise SelectionError where it was tampered with."""
        found = _mapping(data)
        images = (decode_indices(str(found.get(name) or "")) for name in ("first", "second"))
        return cls(str(found.get("layer")), *images)

    @classmethod
    def from_link(cls, text: str) -> Groups | None:
        """Read a link's ``layer:first:second``, which the page's script writes; None of an empty one."""
        return cls.from_json(_in_link(text, ("layer", "first", "second"))) if text else None


def scorecard(work: LayerWork, prepared: Prepared) -> Answer[ScorecardTable]:
    """Return the scorecard of a layer, with the heatmap's statistics and the norms of its kernels."""
    view, layer = prepared.view, prepared.layer
    top = {"top_fraction": view.top_fraction}
    scores = work.derive("scorecard", view, layer, prepared.summary, **top)
    statistics = work.derive("statistics", view, layer, prepared.summary, **top)
    norms = work.kernel_norms(view, prepared.description, layer)
    for asked in (scores, statistics, norms):
        if isinstance(asked, Pending):
            return asked
    assert isinstance(scores, Ready) and isinstance(statistics, Ready) and isinstance(norms, Ready)
    table = work.store.table(scores.value)
    sums = work.store.table(statistics.value)
    columns = {name: table[name].to_numpy() for name in schema.SCORES}
    columns |= {name: sums[name].to_numpy() for name in (schema.VARIANCE, schema.PAIRWISE, schema.COUNT)}
    kernels = np.asarray(work.store.array(Kind.ARRAY, norms.value))
    if len(kernels):
        columns[WEIGHT_NORM] = kernels.astype(np.float64)
    result = ScorecardTable(
        layer=layer,
        classes=np.unique(prepared.sample.labels),
        class_names=prepared.sample.class_names,
        columns=columns,
        best_class=table[schema.BEST_CLASS].to_numpy().astype(np.int64),
        class_auroc=np.array(table[schema.CLASS_AUROC].to_list(), np.float32),
        class_frequency=np.array(table[schema.CLASS_FREQUENCY].to_list(), np.float32),
    )
    return Ready(result, digest([scores.key, statistics.key, norms.key]))


def contrast(work: LayerWork, prepared: Prepared, groups: Groups) -> Answer[ContrastDetail]:
    """Return the smallest set of channels that tells two groups apart, and how well it does.

    Raises
    ------
    UnknownNameError
        If an image is not among those shown.
    SelectionError
        If the groups share images.
    """
    shown = prepared.sample.image_ids
    first = np.unique(np.array(groups.first, np.int64))
    second = np.unique(np.array(groups.second, np.int64))
    if not len(second):
        second = np.setdiff1d(shown, first)
    ids = np.concatenate([first, second])
    unknown = ids[~np.isin(ids, shown)]
    if len(unknown):
        raise UnknownNameError(f"The image {unknown[0]} is not among those shown. Choose the groups again.")
    if both := len(np.intersect1d(first, second)):
        raise SelectionError(f"{both:,} images are in both groups. Choose groups that share none.")
    sample = work.keep_sample(prepared.view, ids, np.repeat([0, 1], [len(first), len(second)]))
    settings = work.settings
    parameters = {
        "normalisation": prepared.view.normalisation,
        "images": settings.contrast_images,
        "channels": settings.contrast_channels,
        "seed": 0,
    }
    asked = work.ask(Derivation("contrast", prepared.layer.name, prepared.summary, sample, parameters))
    if isinstance(asked, Pending):
        return asked
    found = work.store.record(asked.value)
    scores = np.array(found["scores"])
    falling = np.argsort(-scores, kind="stable")
    detail = ContrastDetail(
        layer=prepared.layer,
        channels=np.array(found["channels"], np.int64),
        channel_auc=np.array(found["channel_auc"]),
        auc=found["auc"],
        standard_error=found["standard_error"],
        sizes=np.array(found["sizes"]),
        fitted=found["fitted"],
        image_ids=np.array(found["image_ids"])[falling],
        first=np.array(found["groups"])[falling] == 0,
        scores=scores[falling],
    )
    return Ready(detail, asked.key)


def ablation(
    work: LayerWork,
    prepared: Prepared,
    description: ModelDescription,
    ablated: Ablated,
    output_names: Sequence[str],
) -> Answer[AblationDetail]:
    """Return what the model answers with channels held still, beside what it answers as it is.

    Raises
    ------
    SelectionError
        If the model has no class outputs.
    """
    view, layer, sample = prepared.view, prepared.layer, prepared.sample
    for channel in ablated.channels:
        check_channel(layer, channel)
    if not description.outputs:
        raise SelectionError("This model has no class outputs that an ablation could change.")
    channels = np.array(sorted(set(ablated.channels)), np.int64)
    values = np.zeros(len(channels))
    if ablated.fill == "mean":
        means = work.summary(replace(view, summary="mean"), description, layer)
        if isinstance(means, Pending):
            return means
        values = pooled(read_moments(work.store, means.value))[1][channels]
    drawn = stratified(sample.labels, work.settings.ablation_images, view.seed)
    labels = sample.labels[drawn]
    key = work.keep_sample(view, sample.image_ids[drawn], labels)
    before = work.logits(view, key, len(drawn))
    if isinstance(before, Pending):
        return before
    after = work.logits(view, key, len(drawn), layer, channels.tolist(), values.tolist())
    if isinstance(after, Pending):
        return after
    targets = outputs_of(labels, sample.class_names, output_names)
    parameters = {"after": after.value, "targets": targets}
    asked = work.ask(Derivation("ablation_effect", layer.name, before.value, key, parameters))
    if isinstance(asked, Pending):
        return asked
    detail = AblationDetail(
        layer=layer,
        channels=channels,
        fill=ablated.fill,
        images=len(drawn),
        of_images=len(sample.labels),
        own_answers=targets is None,
        effect=_effect(work.store.record(asked.value)),
        class_names=sample.class_names,
        output_names=tuple(output_names),
    )
    return Ready(detail, asked.key)


def outputs_of(labels: IntArray, class_names: Sequence[str], output_names: Sequence[str]) -> list[int] | None:
    """Return the output of every label by its name; None where a label that occurs has no output."""
    place = {name: output for output, name in enumerate(output_names)}
    targets = [place.get(name, -1) for name in class_names]
    return None if min(targets[label] for label in np.unique(labels)) < 0 else targets


def _effect(record: Mapping[str, Any]) -> Effect:
    arrays: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value for name, value in record.items()
    }
    return Effect(**arrays)


def _in_link(text: str, names: Sequence[str]) -> dict[str, str]:
    parts = text.rsplit(":", len(names) - 1)
    if len(parts) < len(names) or not parts[0]:
        raise SelectionError("What the link ablates or compares cannot be read. Ask for the link again.")
    return dict(zip(names, parts, strict=True))


def _mapping(data: object) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise SelectionError("The page's state cannot be read. Reload the page.")
    return data
