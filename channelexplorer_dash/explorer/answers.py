"""From published results to the records that the views draw: what is shown, in which order, of how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.choices import Distance, JaccardMode, JaccardOrder, Projection, Sorting
from channelexplorer_dash.core.active import unpacked
from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.core.channels import order as channel_order
from channelexplorer_dash.core.hierarchy import class_linkage, leaf_order, linkage_of
from channelexplorer_dash.core.normalise import apply_scaling
from channelexplorer_dash.core.sampling import stratified
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.extraction.plan import FITTED_TO_SOME
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Pending, Ready, Sample
from channelexplorer_dash.results.channels import ChannelDetail
from channelexplorer_dash.results.views import ClassJaccard, Heatmap, ImageJaccard, PairDetail, Scatter
from channelexplorer_dash.selection import ChannelMark, Grouping, Marks, PairMark, View
from channelexplorer_dash.store import Kind, digest, schema

if TYPE_CHECKING:
    from channelexplorer_dash.explorer.layerwork import LayerWork

VIEWS = ("scatterplot", "jaccard", "heatmap")
"""The three views of a panel."""
PARTS = ("hierarchy", "clusters")
"""What is drawn beside or in the views, and comes later than they."""
TOP_IMAGES = 12
"""Most activating images of a channel that are shown."""
MARKED_SHARE = 2 / 3
"""Share of the heatmap's columns that marked images may take: the rest shows what they differ from."""


@dataclass(frozen=True)
class Prepared:
    """A layer whose S is there, and the readable images of the view."""

    view: View
    description: str
    layer: Layer
    summary: str
    sample: Sample


def scatter(work: LayerWork, prepared: Prepared, projection: Projection) -> Answer[Scatter]:
    """Return the wanted positions, or PCA's while they are computed."""
    layer = prepared.layer
    wanted = work.project(prepared.view, layer, prepared.summary, projection, patience=0)
    shown, method, note = wanted, projection, ""
    if isinstance(wanted, Pending):
        shown, method = work.project(prepared.view, layer, prepared.summary, "pca"), "pca"
        note = f"{wanted.job.label} …"
    if isinstance(shown, Pending):
        return shown
    xy = np.asarray(work.store.array(Kind.ARRAY, shown.value))
    some = method in FITTED_TO_SOME and len(xy) > work.settings.projection_images
    fitted = work.settings.projection_images if some else len(xy)
    return Ready(Scatter(prepared.sample, xy, method, layer, fitted, note), shown.key)


def jaccard(
    work: LayerWork,
    prepared: Prepared,
    mode: JaccardMode,
    order: JaccardOrder,
    distance: Distance = "jaccard",
) -> Answer[ImageJaccard | ClassJaccard]:
    """Return similarities of images where they are few, of classes otherwise, or what was asked for.

    ``distance`` is that of the hierarchy, by which the classes may be ordered.
    """
    view, layer, sample = prepared.view, prepared.layer, prepared.sample
    compared = work.classes(view, layer, prepared.summary)
    if isinstance(compared, Pending):
        return compared
    similarity, exact = compared.value
    leaves, counts = np.unique(sample.labels, return_counts=True)
    shown = np.arange(len(leaves))
    if order == "hierarchy" and distance == "jaccard":
        shown = leaf_order(class_linkage(similarity), len(leaves))
    elif order == "hierarchy":
        apart = work.leaf_distances(view, layer, prepared.summary, Grouping(distance=distance))
        if isinstance(apart, Pending):
            return apart
        shown = leaf_order(linkage_of(work.store.array(Kind.ARRAY, apart.value)), len(leaves))
    key = digest([compared.key, mode, order, distance])
    limit = work.settings.jaccard_images
    if mode == "classes" or (mode == "auto" and len(sample.labels) > limit):
        square = similarity[np.ix_(shown, shown)]
        classes = ClassJaccard(leaves[shown], counts[shown], square, sample.class_names, layer, exact)
        return Ready(classes, key)
    asked = work.derive("image_jaccard", view, layer, prepared.summary, **work.plans.drawn_pairs(view))
    if isinstance(asked, Pending):
        return asked
    drawn = stratified(sample.labels, limit, view.seed)
    rank = np.empty(len(leaves), np.int64)
    rank[shown] = np.arange(len(leaves))
    # Stable: within a class the images keep their order.
    placed = np.argsort(rank[np.searchsorted(leaves, sample.labels[drawn])], kind="stable")
    pairs = work.store.array(Kind.ARRAY, asked.value)[np.ix_(placed, placed)]
    return Ready(ImageJaccard(_part(sample, drawn[placed]), pairs, len(sample.labels), layer), key)


def heatmap(
    work: LayerWork,
    prepared: Prepared,
    sorting: Sorting,
    marks: Marks,
    measured: Answer[DoubleArray] | None = None,
) -> Answer[Heatmap]:
    """Return the channels that lead the sorting × marked images, then a stratified draw of the others.

    ``measured``, float64 (C,), is what the sorting sorts by where the model had to be run for it.
    """
    view, layer, sample = prepared.view, prepared.layer, prepared.sample
    scaling = work.scaling(view, layer, prepared.summary)
    if isinstance(scaling, Pending):
        return scaling
    sorted_by = measured or _sorted_by(work, prepared, sorting)
    if isinstance(sorted_by, Pending):
        return sorted_by
    statistic = sorted_by.value
    channels = channel_order(statistic, sorting)[: work.settings.heatmap_channels]
    marked, others = _columns(sample, marks, work.settings.heatmap_images, view.seed)
    shown = _part(sample, np.concatenate([marked, others]))
    values = apply_scaling(work.rows(prepared.summary, shown.image_ids), scaling.value)
    shared = np.zeros(0, np.int64)
    if marks.pair is not None and marks.pair.layer == layer.name:
        detail = pair(work, prepared, marks.pair)
        if isinstance(detail, Ready):
            shared = detail.value.shared
    scored = work.scores(view, layer, prepared.summary)
    table, scores_key = scored or (None, None)
    result = Heatmap(
        sample=shown,
        channels=channels,
        values=np.ascontiguousarray(values[:, channels].T),
        statistic=statistic[channels],
        sorting=sorting,
        marked=len(marked),
        of_channels=layer.channels,
        of_images=len(sample.labels),
        layer=layer,
        shared=shared,
        scores={} if table is None else {name: table[name].to_numpy()[channels] for name in schema.SCORES},
        best_class=shared[:0] if table is None else table[schema.BEST_CLASS].to_numpy()[channels],
    )
    made_of = [prepared.summary, scaling.key, view.to_json(), sorted_by.key, scores_key, sorting]
    return Ready(result, digest([*made_of, marks.to_json()]))


def pair(work: LayerWork, prepared: Prepared, mark: PairMark) -> Answer[PairDetail]:
    """Return which channels two images share."""
    images = np.array([mark.first, mark.second])
    known = np.isin(images, prepared.sample.image_ids)
    if not known.all():
        raise UnknownNameError(
            f"The image {images[~known][0]} is not among those shown. Clear the selection with Esc."
        )
    sets = work.active(prepared.view, prepared.layer, prepared.summary)
    if isinstance(sets, Pending):
        return sets
    at = [int(np.flatnonzero(prepared.sample.image_ids == image)[0]) for image in images]
    first, second = unpacked(sets.value[at], prepared.layer.channels)
    both, either = int((first & second).sum()), int((first | second).sum())
    detail = PairDetail(
        layer=prepared.layer,
        first=mark.first,
        second=mark.second,
        similarity=both / either if either else 1.0,
        shared=np.flatnonzero(first & second),
        only_first=np.flatnonzero(first & ~second),
        only_second=np.flatnonzero(second & ~first),
    )
    return Ready(detail, digest([prepared.summary, prepared.view.to_json(), mark.first, mark.second]))


def channel(work: LayerWork, prepared: Prepared, mark: ChannelMark) -> Answer[ChannelDetail]:
    """Return one channel of S as it is (not normalised), and the images where it is largest."""
    check_channel(prepared.layer, mark.channel)
    ids = prepared.sample.image_ids
    values = np.asarray(work.store.array(Kind.SUMMARY, prepared.summary)[:, mark.channel][ids])
    top = ids[np.argsort(-values, kind="stable")[:TOP_IMAGES]]
    detail = ChannelDetail(prepared.layer, mark.channel, prepared.sample, values, top)
    return Ready(detail, digest([prepared.summary, prepared.view.to_json(), mark.channel]))


def check_channel(layer: Layer, channel: int) -> None:
    """Raise UnknownNameError where a layer has no such channel."""
    if not 0 <= channel < layer.channels:
        raise UnknownNameError(
            f"{layer.name} has {layer.channels:,} channels, numbered from 0: there is no channel {channel}."
        )


def _sorted_by(work: LayerWork, prepared: Prepared, sorting: Sorting) -> Answer[npt.NDArray[np.float64]]:
    """Return one number per channel, float64 (C,)."""
    view, layer = prepared.view, prepared.layer
    if sorting == "none":
        return Ready(np.zeros(layer.channels), digest([prepared.summary, sorting]))
    if sorting != "edge_weight":
        return work.statistic(view, layer, prepared.summary, sorting)
    asked = work.kernel_norms(view, prepared.description, layer)
    if isinstance(asked, Pending):
        return asked
    norms = np.asarray(work.store.array(Kind.ARRAY, asked.value))
    if not len(norms):
        raise SelectionError("This layer has no kernels, so no edge weight. Choose another sorting.")
    return Ready(norms, asked.key)


def _columns(sample: Sample, marks: Marks, limit: int, seed: int) -> tuple[IntArray, IntArray]:
    """Return positions in the sample: marked images, then others, together at most ``limit``."""
    is_marked = np.isin(sample.image_ids, np.asarray(marks.images, dtype=np.int64))
    marked, others = np.flatnonzero(is_marked), np.flatnonzero(~is_marked)
    room = limit if not len(others) else max(int(limit * MARKED_SHARE), limit - len(others))
    if len(marked) > room:
        marked = marked[stratified(sample.labels[marked], room, seed)]
    rest = limit - len(marked)
    if len(others) > rest:
        others = others[stratified(sample.labels[others], rest, seed)]
    return marked, others


def _part(sample: Sample, positions: IntArray) -> Sample:
    return Sample(sample.image_ids[positions], sample.labels[positions], sample.class_names)
