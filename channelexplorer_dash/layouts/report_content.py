"""What a report is made of: the answers of the explorer for one selection, as far as they are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.datasets.base import IMAGE_ID, Dataset
from channelexplorer_dash.datasets.thumbnails import thumbnail
from channelexplorer_dash.errors import DatasetError, JobFailedError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.desk import only_looking
from channelexplorer_dash.figures.colouring import Colouring
from channelexplorer_dash.layouts.colours import clusters_of, colouring_of
from channelexplorer_dash.layouts.measures import MEASURES
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Answer, Pending, Ready, Sample
from channelexplorer_dash.results.channels import ScorecardTable
from channelexplorer_dash.results.images import ImageRow, LabelReview
from channelexplorer_dash.results.layers import Profile
from channelexplorer_dash.results.views import (
    ClassJaccard,
    Heatmap,
    Hierarchy,
    Honesty,
    ImageJaccard,
    Scatter,
)
from channelexplorer_dash.selection import Grouping, Selection
from channelexplorer_dash.specs import DatasetSpec, ModelSpec

T = TypeVar("T")
LABEL_ROWS = 20
"""Rows of the ranked labels, and of the decisions, that a report shows."""
THUMBNAIL = 64


class Finish(Protocol):
    """How a question is asked: once, or until its answer is there."""

    def __call__(self, ask: Callable[[], Answer[T]]) -> Answer[T]:
        """Return the answer."""
        ...


@dataclass(frozen=True)
class LayerPart:
    """One layer of a report; None is what is not there. ``ways`` are those of the trajectories."""

    layer: Layer
    scatter: Scatter | None = None
    colouring: Colouring | None = None
    ways: IntArray | None = None
    honesty: Honesty | None = None
    jaccard: ImageJaccard | ClassJaccard | None = None
    hierarchy: Hierarchy | None = None
    heatmap: Heatmap | None = None
    scorecard: ScorecardTable | None = None


@dataclass(frozen=True)
class LabelPart:
    """The labels of a report.

    Attributes
    ----------
    review
        The whole ranking, or None where labels were not ranked.
    ranked
        The images of its first rows.
    decided
        The images of the first decisions, by ``image_id``.
    decisions
        How many there are.
    pictures
        The thumbnail of each of these images, WebP, by ``image_id``; those that can be read.
    """

    review: LabelReview | None
    ranked: tuple[ImageRow, ...]
    decided: tuple[ImageRow, ...]
    decisions: int
    pictures: dict[int, bytes]


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes
    ----------
    chosen
        How the layers were chosen, in words.
    missing
        What is not in the report, and why.
    address
        Where the view is found again, or "" where only its query is known.
    when, version
        When and with what it was written.
    webgl_points
        Points from which WebGL draws them.
    """

    selection: Selection
    model: ModelSpec
    dataset: DatasetSpec
    sample: Sample
    profile: Profile | None
    layers: tuple[LayerPart, ...]
    labels: LabelPart | None
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    chosen: str
    address: str
    when: str
    version: str
    webgl_points: int


@dataclass
class _Asking:
    """Asks for one part after the other, and keeps in mind what did not come."""

    finish: Finish
    missing: list[str] = field(default_factory=list)

    def __call__(self, what: str, ask: Callable[[], Answer[T]]) -> T | None:
        """Return a part, or None."""
        try:
            answer = self.finish(ask)
        except (JobFailedError, SelectionError) as error:
            self.missing.append(f"{what}: {error}")
            return None
        if isinstance(answer, Pending):
            self.missing.append(f"{what}: not computed yet")
            return None
        return answer.value


def gather(
    explorer: Explorer,
    selection: Selection,
    finish: Finish,
    *,
    rank_labels: bool,
    chosen: str = "",
    link: str = "",
) -> Report:
    """Ask for everything that a report of a selection shows.

    Parameters
    ----------
    selection
        Model, dataset, layers, and how they are drawn.
    finish
        Asks a question: once, where only what is there is to be shown, or until it is answered.
    rank_labels
        Whether labels are ranked for the report. Those that were ranked before are shown in any case.
    chosen
        As in :class:`Report`.
    link
        The address of a page of the server that shows the view, or "".

    Raises
    ------
    ChannelExplorerError
        If the model or the dataset cannot be read.
    """
    view = selection.view
    asking = _Asking(finish)
    description = asking("Model", lambda: explorer.describe(view.model))
    profile = asking(
        "Depth profile", lambda: explorer.profile(view, selection.granularity, selection.measure)
    )
    if profile is not None and profile.job is not None:
        known = sum(row.value is not None or bool(row.why) for row in profile.rows)
        asking.missing.append(f"Depth profile: {known:,} of {len(profile.rows):,} layers are known")
    layers = () if description is None else tuple(map(description.layer, selection.layers))
    return Report(
        selection=selection,
        model=next(spec for spec in explorer.models() if spec.name == view.model),
        dataset=next(spec for spec in explorer.datasets() if spec.name == view.dataset),
        sample=explorer.sample(view),
        profile=profile,
        layers=tuple(_layer(explorer, selection, layer, asking) for layer in layers),
        labels=_labels(explorer, selection, asking, rank=rank_labels),
        left_out=explorer.left_out(view),
        missing=tuple(asking.missing),
        chosen=chosen,
        address=_address(link, selection.to_query()),
        when=f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC",
        version=version("channelexplorer-dash"),
        webgl_points=explorer.settings.webgl_points,
    )


def _address(link: str, query: str) -> str:
    """Return the address of a view on the server of a link, or "" where the link is none of the web."""
    parts = urlsplit(link)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query.removeprefix("?"), ""))


def _layer(explorer: Explorer, selection: Selection, layer: Layer, asking: _Asking) -> LayerPart:
    """Ask for what a panel shows of a layer."""
    view, name = selection.view, layer.name
    grouping = Grouping(selection.clusters, selection.distance, selection.leaves)
    channel = selection.marks.to_json()["channel"]
    colour_by, projection, order = selection.colour_by, selection.projection, selection.order
    scatter = asking(f"{name}, Scatterplot", lambda: explorer.scatter(view, name, projection))
    part = LayerPart(layer, scatter)
    if scatter is not None:
        sample = scatter.sample
        colouring = clusters_of(explorer, view, name, sample, colour_by, channel, selection.clusters)
        part = replace(
            part,
            colouring=colouring or colouring_of(explorer, view, sample, colour_by, channel),
            ways=explorer.trajectories(view, sample, shown=selection.trajectories == "on"),
            honesty=asking(f"{name}, honesty figures", lambda: explorer.honesty(view, name, projection)),
        )
    return replace(
        part,
        jaccard=asking(
            f"{name}, Jaccard Similarity",
            lambda: explorer.jaccard(view, name, selection.jaccard, order, selection.distance),
        ),
        hierarchy=asking(f"{name}, hierarchy", lambda: explorer.hierarchy(view, name, grouping, order)),
        heatmap=asking(
            f"{name}, Heatmap", lambda: explorer.heatmap(view, name, selection.sorting, selection.marks)
        ),
        scorecard=asking(f"{name}, scorecard", lambda: explorer.scorecard(view, name)),
    )


def _labels(explorer: Explorer, selection: Selection, asking: _Asking, *, rank: bool) -> LabelPart | None:
    """Return the ranked labels and the decisions, or None where there are neither."""
    view = selection.view
    review = (
        asking("Labels to review", lambda: explorer.label_review(view))
        if rank
        else _ranked(explorer, selection)
    )
    decisions = explorer.labels.table(view.dataset)
    if review is None and decisions.is_empty():
        return None
    ranked: tuple[ImageRow, ...] = ()
    if review is not None:
        checks = explorer.settings.spot_check
        review = explorer.labels.chosen(view.dataset, review, None, "all", checks).review
        ranked = explorer.images(view, review.image_ids[:LABEL_ROWS].tolist())
    decided = explorer.images(view, decisions[IMAGE_ID][:LABEL_ROWS].to_list())
    dataset = explorer.dataset(view.dataset)
    pictures = {
        row.image_id: picture for row in (*ranked, *decided) if (picture := _picture(dataset, row.image_id))
    }
    return LabelPart(review, ranked, decided, len(decisions), pictures)


def _ranked(explorer: Explorer, selection: Selection) -> LabelReview | None:
    """Return the labels' ranking where somebody asked for it before."""
    try:
        with only_looking():
            answer = explorer.label_review(selection.view)
    except SelectionError:
        # There is nothing to rank in one class.
        return None
    return answer.value if isinstance(answer, Ready) else None


def _picture(dataset: Dataset, image_id: int) -> bytes:
    """Return the thumbnail of an image, or nothing where it cannot be read."""
    try:
        return thumbnail(dataset, image_id, THUMBNAIL)
    except DatasetError:
        return b""


def telling_layers(profile: Profile) -> tuple[tuple[str, ...], str]:
    """Return the layers that tell most of a model, in its order, and how they were chosen.

    They are the one in which the classes are farthest apart by the profile's measure, the one in the middle
    of the model, and the last.
    """
    rows, better = profile.rows, MEASURES[profile.measure].better
    middle, last = len(rows) // 2, len(rows) - 1
    places = {middle, last}
    said = "the layer in the middle of the model, and the last"
    known = [(row.value, place) for place, row in enumerate(rows) if row.value is not None]
    if known and better != "neither":
        sign = 1.0 if better == "higher" else -1.0
        # Of equal ones the earliest.
        best = max(known, key=lambda one: (sign * one[0], -one[1]))[1]
        places.add(best)
        name = MEASURES[profile.measure].name
        said = f"{rows[best].layer.name}, the best by {name}; {said}"
    return tuple(rows[place].layer.name for place in sorted(places)), said
