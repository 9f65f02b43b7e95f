"""What a person is looking at: frozen records, and their form in a link.

A :class:`View` says which numbers are computed; a :class:`Selection` adds the open panels, what is
marked in them and how they are drawn. Both travel in the URL's query, so that a link restores the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, get_args
from urllib.parse import parse_qs, quote, unquote, urlencode

from channelexplorer_dash.choices import (
    Distance,
    Granularity,
    JaccardMode,
    JaccardOrder,
    LayersAs,
    Leaves,
    Measure,
    Normalisation,
    Projection,
    Show,
    Sorting,
    Summary,
    Switch,
    check_one_of,
)
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.indices import decode_indices, encode_indices

MAX_QUERY_CHARACTERS = 8_000
MAX_PANELS = 4
MAX_CLUSTERS = 30
LOOKS = (
    "granularity",
    "layers_as",
    "colour_by",
    "projection",
    "jaccard",
    "order",
    "sorting",
    "measure",
    "clusters",
    "distance",
    "leaves",
    "compare",
    "trajectories",
)
"""What of a selection says how the panels are drawn, by name."""
_FRAMES = ("show", "beside")
ASKED = ("ablate", "contrast")
"""What of a selection is asked of the channels, by name."""


@dataclass(frozen=True)
class Only:
    """Which rows of a dataset take part, by one of its further columns.

    Attributes
    ----------
    values
        Texts as the column has them; of whole numbers also ranges ``first..last``. Sorted, each once.
    """

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.column or not self.values:
            raise SelectionError(f"No {self.column or 'column'} is chosen. Choose at least one value.")
        object.__setattr__(self, "values", tuple(sorted(set(self.values))))

    def to_text(self) -> str:
        """Return the form in a link: column, colon, values between commas, each quoted."""
        column, *values = (quote(part, safe="") for part in (self.column, *self.values))
        return f"{column}:{','.join(values)}"

    @classmethod
    def from_text(cls, text: str) -> Only:
        """Read :meth:`to_text`'s form back."""
        column, _, values = text.partition(":")
        return cls(unquote(column), tuple(unquote(value) for value in values.split(",") if value))


@dataclass(frozen=True)
class View:
    """The part of a selection that decides which numbers are computed.

    Attributes
    ----------
    classes
        Labels that take part; None for all.
    per_class
        Images drawn of each class, with ``seed``; 0 for all.
    top_fraction
        Share of the channels that make an image's active set.
    only
        Rows that images are drawn of, by further columns of the dataset; all where it is empty.
    """

    model: str
    dataset: str
    summary: Summary = "l2"
    normalisation: Normalisation = "minmax"
    classes: tuple[int, ...] | None = None
    per_class: int = 0
    seed: int = 0
    top_fraction: float = 0.2
    only: tuple[Only, ...] = ()

    def __post_init__(self) -> None:
        check_one_of("summary", self.summary, get_args(Summary))
        check_one_of("normalisation", self.normalisation, get_args(Normalisation))
        if self.classes is not None and not self.classes:
            raise SelectionError("No class is chosen. Choose at least one class in the Dataset View.")
        if self.per_class < 0:
            raise SelectionError("Images per class must be 0 (all) or a positive number.")
        if not 0.0 < self.top_fraction <= 1.0:
            raise SelectionError("The active share must be above 0 and at most 1.")
        if len({one.column for one in self.only}) < len(self.only):
            raise SelectionError("A column is filtered twice. Ask for the link again.")
        object.__setattr__(self, "only", tuple(sorted(self.only, key=lambda one: one.column)))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form, as kept in a ``dcc.Store``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> View:
        """Read :meth:`to_json`'s form back; raise SelectionError where it was tampered with."""
        if not isinstance(data, Mapping):
            raise SelectionError("The page's state is missing. Reload the page.")
        known = {f.name for f in fields(cls)}
        try:
            values: dict[str, Any] = {k: v for k, v in data.items() if k in known}
            values["model"], values["dataset"] = str(values["model"]), str(values["dataset"])
            if values.get("classes") is not None:
                values["classes"] = tuple(int(c) for c in values["classes"])
            if values.get("only"):
                values["only"] = tuple(
                    Only(str(one["column"]), tuple(map(str, one["values"]))) for one in values["only"]
                )
            for name, kind in (("per_class", int), ("seed", int), ("top_fraction", float)):
                if name in values:
                    values[name] = kind(values[name])
            return cls(**values)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SelectionError("The page's state cannot be read. Reload the page.") from error


@dataclass(frozen=True)
class Grouping:
    """How the images are grouped into clusters, and the classes into a hierarchy.

    Attributes
    ----------
    clusters
        k of k-means from ``1`` to ``MAX_CLUSTERS``, or ``auto``: the k that BIC prefers.
    distance
        Between classes: one minus their mean Jaccard similarity, or of their centroids.
    leaves
        Whether the tree's leaves are whole classes, or the subclasses that they fall into.
    """

    clusters: str = "auto"
    distance: Distance = "jaccard"
    leaves: Leaves = "classes"

    def __post_init__(self) -> None:
        check_one_of("number of clusters", self.clusters, ("auto", *map(str, range(1, MAX_CLUSTERS + 1))))
        check_one_of("distance", self.distance, get_args(Distance))
        check_one_of("kind of leaves", self.leaves, get_args(Leaves))

    @property
    def k(self) -> int | None:
        """The chosen k, or None where it is to be found."""
        return None if self.clusters == "auto" else int(self.clusters)


@dataclass(frozen=True)
class ChannelMark:
    """One channel of one layer."""

    layer: str
    channel: int


@dataclass(frozen=True)
class PairMark:
    """A cell of the image × image Jaccard view: two images (image_id) in one layer."""

    layer: str
    first: int
    second: int


@dataclass(frozen=True)
class Marks:
    """What is marked in the views: images (image_id), a channel, a pair of images."""

    images: tuple[int, ...] = ()
    channel: ChannelMark | None = None
    pair: PairMark | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form kept in the page's marks store: the images as :func:`encode_indices`."""
        return {
            "images": encode_indices(self.images),
            "channel": asdict(self.channel) if self.channel else None,
            "pair": asdict(self.pair) if self.pair else None,
        }

    @classmethod
    def from_json(cls, data: object) -> Marks:
        """Read :meth:`to_json`'s form back."""
        if data is None:
            return cls()
        if not isinstance(data, Mapping):
            raise SelectionError("The marks cannot be read. Reload the page.")
        try:
            channel, pair = data.get("channel"), data.get("pair")
            return cls(
                images=decode_indices(data.get("images") or ""),
                channel=ChannelMark(str(channel["layer"]), int(channel["channel"])) if channel else None,
                pair=PairMark(str(pair["layer"]), int(pair["first"]), int(pair["second"])) if pair else None,
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SelectionError("The marks cannot be read. Reload the page.") from error


@dataclass(frozen=True)
class Selection:
    """Everything that a link restores.

    Attributes
    ----------
    compare
        The model that the view's is compared with, or "".
    show
        The whole ``page``; its ``panels`` alone; or two frames ``side`` by side, each with the panels of one
        of the two models.
    beside
        The layer of the other model that is shown side by side with the first of ``layers``; "" for the one
        of the same name in the same network, or else the most alike.
    ablate, contrast
        What is ablated, and which groups are told apart, as ``explorer.contributions`` writes them; or "".
    """

    view: View
    layers: tuple[str, ...] = ()
    granularity: Granularity = "block"
    layers_as: LayersAs = "list"
    colour_by: str = "class"
    projection: Projection = "umap"
    jaccard: JaccardMode = "auto"
    order: JaccardOrder = "class"
    sorting: Sorting = "variance"
    measure: Measure = "knn"
    clusters: str = "auto"
    distance: Distance = "jaccard"
    leaves: Leaves = "classes"
    compare: str = ""
    trajectories: Switch = "off"
    show: Show = "page"
    beside: str = ""
    ablate: str = ""
    contrast: str = ""
    marks: Marks = field(default_factory=Marks)

    def __post_init__(self) -> None:
        check_one_of("granularity", self.granularity, get_args(Granularity))
        check_one_of("way of showing layers", self.layers_as, get_args(LayersAs))
        check_one_of("projection", self.projection, get_args(Projection))
        check_one_of("Jaccard mode", self.jaccard, get_args(JaccardMode))
        check_one_of("order", self.order, get_args(JaccardOrder))
        check_one_of("sorting", self.sorting, get_args(Sorting))
        check_one_of("measure", self.measure, get_args(Measure))
        check_one_of("setting of the trajectories", self.trajectories, get_args(Switch))
        check_one_of("way of showing models", self.show, get_args(Show))
        Grouping(self.clusters, self.distance, self.leaves)
        if len(self.layers) > MAX_PANELS:
            raise SelectionError(f"At most {MAX_PANELS} panels can be open at once.")

    def to_query(self) -> str:
        """Return the URL query (with its ``?``); defaults are left out."""
        default = Selection(View(self.view.model, self.view.dataset))
        pairs: list[tuple[str, str]] = [("model", self.view.model), ("dataset", self.view.dataset)]
        for name in ("summary", "normalisation", "per_class", "seed", "top_fraction"):
            if (value := getattr(self.view, name)) != getattr(default.view, name):
                pairs.append((name, str(value)))
        if self.view.classes is not None:
            pairs.append(("classes", encode_indices(self.view.classes)))
        pairs += [("only", one.to_text()) for one in self.view.only]
        pairs += [("layer", layer) for layer in self.layers]
        for name in (*LOOKS, *_FRAMES, *ASKED):
            if (value := getattr(self, name)) != getattr(default, name):
                pairs.append((name, value))
        if self.marks.images:
            pairs.append(("images", encode_indices(self.marks.images)))
        if mark := self.marks.channel:
            pairs.append(("channel", f"{mark.layer}:{mark.channel}"))
        if pair := self.marks.pair:
            pairs.append(("pair", f"{pair.layer}:{pair.first}:{pair.second}"))
        return "?" + urlencode(pairs)

    @classmethod
    def from_query(cls, query: str, *, model: str, dataset: str) -> Selection:
        """Read a URL query; ``model`` and ``dataset`` stand in where it names none.

        Raises
        ------
        SelectionError
            If a value cannot be read, or the query is longer than ``MAX_QUERY_CHARACTERS``.
        """
        if len(query) > MAX_QUERY_CHARACTERS:
            raise SelectionError(
                f"The link has {len(query):,} characters; at most {MAX_QUERY_CHARACTERS:,} can be read. "
                "It was cut or changed on its way: ask for it again."
            )
        try:
            values = parse_qs(query.removeprefix("?"), keep_blank_values=False, max_num_fields=100)
        except ValueError as error:
            raise SelectionError("The link has too many parameters. Ask for it again.") from error
        single = {name: found[-1] for name, found in values.items()}
        try:
            view = View(
                model=single.get("model", model),
                dataset=single.get("dataset", dataset),
                classes=decode_indices(single["classes"]) if "classes" in single else None,
                only=tuple(map(Only.from_text, values.get("only", []))),
                **_read(
                    single,
                    {"per_class": int, "seed": int, "top_fraction": float},
                    ("summary", "normalisation"),
                ),
            )
            return cls(
                view=view,
                layers=tuple(dict.fromkeys(values.get("layer", []))),
                marks=_read_marks(single),
                **_read(single, {}, (*LOOKS, *_FRAMES, *ASKED)),
            )
        except (ValueError, OverflowError) as error:
            raise SelectionError("The link holds a value that cannot be read as a number.") from error

    def with_model(self, model: str) -> Selection:
        """Return the selection with a model filled in, all else as it is."""
        return replace(self, view=replace(self.view, model=model))

    def with_view(self, **changes: Any) -> Selection:
        """Return the selection with a changed view.

        Marks, and what is ablated or told apart, are dropped, as they name images and channels of the old
        view; a changed model also closes the panels.
        """
        view = replace(self.view, **changes)
        same_model = view.model == self.view.model
        other = "" if self.compare == view.model else self.compare
        layers = self.layers if same_model else ()
        return replace(self, view=view, marks=Marks(), layers=layers, compare=other, ablate="", contrast="")


def _read(single: Mapping[str, str], numbers: Mapping[str, type], words: Iterable[str]) -> dict[str, Any]:
    values: dict[str, Any] = {n: single[n] for n in words if n in single}
    values |= {n: kind(single[n]) for n, kind in numbers.items() if n in single}
    return values


def _read_marks(single: Mapping[str, str]) -> Marks:
    channel, pair = single.get("channel"), single.get("pair")
    layer, _, index = channel.rpartition(":") if channel else ("", "", "")
    pair_layer, first, second = pair.rsplit(":", 2) if pair and pair.count(":") >= 2 else ("", "0", "0")
    if (channel and not layer) or (pair and not pair_layer):
        raise SelectionError("The link's channel or pair cannot be read. Ask for the link again.")
    return Marks(
        images=decode_indices(single.get("images", "")),
        channel=ChannelMark(layer, int(index)) if channel else None,
        pair=PairMark(pair_layer, int(first), int(second)) if pair else None,
    )
