"""Frozen records that the explorer answers with; figure builders take them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.clusters import MakeUp
from channelexplorer_dash.core.contribution import ChannelEffects, Effect
from channelexplorer_dash.core.flowgraph import Drawing, FlowNet
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.selection import Measure

T = TypeVar("T")
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Job:
    """Work that the engine is doing, or is about to do.

    ``total`` is 0 where the share that is done cannot be known.
    """

    key: str
    label: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Ready(Generic[T]):
    """An answer that is there; ``key`` changes when and only when the value does."""

    value: T
    key: str


@dataclass(frozen=True)
class Pending:
    """An answer that the engine is computing."""

    job: Job


Answer = Ready[T] | Pending


@dataclass(frozen=True)
class Sample:
    """The images that take part, in the order of ``image_ids`` (grouped by class, ascending in a class).

    ``labels`` is aligned with ``image_ids``; ``class_names`` is of the whole dataset.
    """

    image_ids: IntArray
    labels: IntArray
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Scatter:
    """2-D positions of images; ``xy`` float32 (n, 2) aligned with ``sample``.

    The projection was fitted to ``fitted`` of them, and the others were placed by these.
    """

    sample: Sample
    xy: FloatArray
    method: str
    layer: Layer
    fitted: int
    note: str = ""


@dataclass(frozen=True)
class ImageJaccard:
    """Jaccard similarity of images; ``similarity`` float32 (n, n) in the order of ``sample``.

    ``of`` is the number of images that ``sample`` was drawn from.
    """

    sample: Sample
    similarity: FloatArray
    of: int
    layer: Layer


@dataclass(frozen=True)
class ClassJaccard:
    """Mean Jaccard similarity over image pairs of two classes.

    ``similarity`` float32 (K, K) and ``classes`` (K labels) are in display order. A class of one image has no
    pairs with itself: its diagonal is 1. Unless ``exact``, it is the similarity at the expected overlap, in
    closed form, while all pairs are compared.
    """

    classes: IntArray
    counts: IntArray
    similarity: FloatArray
    class_names: tuple[str, ...]
    layer: Layer
    exact: bool = True


@dataclass(frozen=True)
class ClusterAnswer:
    """Clusters of the images of a layer, the largest first.

    ``assignment`` int64 (n,) and ``outlier`` bool (n,) are aligned with ``sample``; ``found`` says whether
    their number was found by BIC.
    """

    sample: Sample
    assignment: IntArray
    outlier: npt.NDArray[np.bool_]
    make_up: MakeUp
    found: bool
    layer: Layer


@dataclass(frozen=True)
class Reference:
    """How well a hierarchy agrees with a known tree.

    ``correlation`` is None where it is not defined; ``problem`` says why a tree could not be used, or is
    empty; ``classes`` of the shown ones are in the tree.
    """

    name: str
    correlation: float | None
    classes: int
    problem: str = ""


@dataclass(frozen=True)
class Hierarchy:
    """The tree of classes, or of the subclasses that they fall into.

    ``labels``, ``clusters`` (-1 for a whole class) and ``counts``, int64 (P,), are of the leaves, ascending;
    ``linkage`` is SciPy's (P-1, 4) average linkage of them. ``order`` int64 (P,) are the leaves in display
    order, top to bottom. ``superclasses`` are nodes, as SciPy numbers them. ``members`` are the image ids of
    each leaf, or () where leaves are classes.
    """

    labels: IntArray
    clusters: IntArray
    counts: IntArray
    linkage: npt.NDArray[np.float64]
    order: IntArray
    superclasses: tuple[int, ...]
    members: tuple[IntArray, ...]
    class_names: tuple[str, ...]
    distance: str
    reference: Reference | None
    layer: Layer
    exact: bool = True

    @property
    def leaf_names(self) -> tuple[str, ...]:
        """Name of each leaf: the class, and the number of its cluster where it is a part of one."""
        return tuple(
            self.class_names[label] + (f" #{cluster + 1}" if cluster >= 0 else "")
            for label, cluster in zip(self.labels.tolist(), self.clusters.tolist(), strict=True)
        )


@dataclass(frozen=True)
class PairDetail:
    """Two images in one layer: overlap of their active sets; channel indices ascending."""

    layer: Layer
    first: int
    second: int
    similarity: float
    shared: IntArray
    only_first: IntArray
    only_second: IntArray


@dataclass(frozen=True)
class Heatmap:
    """Normalised activation of channels × images.

    ``values`` float32 (channels, images), aligned with ``channels`` (channel indices in display order)
    and ``sample`` (images in display order: marked ones first, ``marked`` of them). ``statistic``
    (aligned with ``channels``) is what the rows are sorted by. ``of_channels`` and ``of_images`` say
    what they were taken from. ``shared`` are channels to mark (those shared by the marked pair).
    ``scores`` (columns of the scorecard by name) and ``best_class`` (labels) are aligned with ``channels``;
    empty until the channels have been scored.
    """

    sample: Sample
    channels: IntArray
    values: FloatArray
    statistic: npt.NDArray[np.float64]
    sorting: str
    marked: int
    of_channels: int
    of_images: int
    layer: Layer
    shared: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Mapping[str, DoubleArray] = field(default_factory=dict)
    best_class: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class LayerFigure:
    """A separability measure of a layer; ``value`` is None until it is known, or where it is not defined.

    ``low`` and ``high`` are the ends of its 95 % interval, ``why`` says why there is no value.
    """

    layer: Layer
    value: float | None
    low: float | None = None
    high: float | None = None
    non_finite: int = 0
    why: str = ""


@dataclass(frozen=True)
class Profile:
    """The depth profile: one measure of every layer of a granularity, in execution order.

    It is by ``voters`` of the ``images``; ``chance`` is what guessing reaches, None where that means nothing.
    """

    rows: tuple[LayerFigure, ...]
    measure: Measure
    neighbours: int
    chance: float | None
    voters: int
    images: int
    job: Job | None


@dataclass(frozen=True)
class LayerGraph:
    """The dataflow graph of a granularity, laid out; ``problems`` say what could not be followed."""

    net: FlowNet
    drawing: Drawing
    problems: tuple[str, ...]


@dataclass(frozen=True)
class MeasureMatrix:
    """Every measure of every layer of a granularity, in execution order: what is known so far."""

    layers: tuple[Layer, ...]
    figures: Mapping[Measure, tuple[LayerFigure, ...]]
    job: Job | None


@dataclass(frozen=True)
class ComingApart:
    """At which layer each pair of classes comes apart.

    ``depth`` int64 (K, K) holds positions in ``layers``, their number standing for never: the first layer
    from which on the accuracy stays at ``threshold`` or above. Off the diagonal it is of the two classes
    alone, on it of the class among all. ``accuracy`` float32 (K, K) is that of the last layer. ``classes``
    are the labels of the K that are shown, of ``of``; ``hardest`` are the pairs that come apart last, each
    the positions of two classes.
    """

    layers: tuple[Layer, ...]
    classes: IntArray
    class_names: tuple[str, ...]
    depth: IntArray
    accuracy: FloatArray
    hardest: tuple[tuple[int, int], ...]
    threshold: float
    of: int


@dataclass(frozen=True)
class StepMatrix:
    """How far the classes are apart in every layer at each timestep, among the states of it alone.

    ``timesteps`` int64 (T,) from noise to image; ``values`` float64 (L, T) of the measure, of ``neighbours``
    where it asks some; ``chance`` is the accuracy that guessing reaches.
    """

    layers: tuple[Layer, ...]
    timesteps: IntArray
    measure: Measure
    values: DoubleArray
    neighbours: int
    chance: float


@dataclass(frozen=True)
class PlacedLatent:
    """Where a new latent of the class ``label`` belongs among the known states, at each of its timesteps.

    ``labels`` and ``placed`` int64 (T,) are the class and the timestep that most of its neighbours have,
    ``label_share`` and ``placed_share`` float64 (T,) the share that has them; ``near`` int64 (T, k) the
    neighbours' image ids, nearest first. ``positions`` float64 (T, 2) are in the scatterplot, and ``images``
    uint8 (T, H, W) or (T, H, W, 3) what the model takes each state for.
    """

    label: int
    timesteps: IntArray
    labels: IntArray
    label_share: DoubleArray
    placed: IntArray
    placed_share: DoubleArray
    near: IntArray
    positions: DoubleArray
    images: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Honesty:
    """What a picture says of the classes beside what all dimensions say; None where it is not defined.

    ``knn`` and ``consistency`` are pairs: of the two dimensions, and of all. ``trust`` is the
    trustworthiness, by ``trusted`` images. ``flags`` say in words what is not to be believed.
    """

    knn: tuple[float, float]
    consistency: tuple[float, float]
    trust: float | None
    trusted: int
    method: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class ChannelDetail:
    """One channel: its values over the sample, and where it is largest.

    ``values`` float32 (n,) aligned with ``sample``; ``top`` image_ids of the largest values.
    """

    layer: Layer
    channel: int
    sample: Sample
    values: FloatArray
    top: IntArray


@dataclass(frozen=True)
class ImageRow:
    """One image as the inspector shows it; prediction and confidence are None until known.

    ``correct`` is None where the prediction is not known, or where the model's outputs are other classes
    than the dataset's, so that right and wrong mean nothing. ``decision`` is ``keep``, ``relabel`` (to the
    class named ``decided_label``), ``flag``, or None where nobody has decided about the label.
    """

    image_id: int
    label: int
    label_name: str
    source: str
    prediction: int | None = None
    prediction_name: str | None = None
    confidence: float | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)
    correct: bool | None = None
    decision: str | None = None
    decided_label: str | None = None
    decided_by: str | None = None
    decided_at: str | None = None


@dataclass(frozen=True)
class LabelReview:
    """Labels that are probably wrong, the most suspicious first; all arrays are in this order.

    Attributes
    ----------
    image_ids, given, proposed
        int64 (n,): images, their labels, and the best other label of each.
    score
        float64 (n,), 0 … 1: the higher, the more suspicious.
    neighbours, active_sets, probe
        float64 (n,), 0 … 1: the single scores, as mean ranks over the layers.
    chance
        float64 (n,): that the label is wrong.
    precision
        float64 (n,): expected share of wrong labels among those up to each row.
    margin
        float64 (n,): by how much that is off at most, nine times in ten.
    layers
        Names of the layers that were looked at.
    class_names
        Of the whole dataset.
    checks
        How many decisions of the spot check chance and precision follow.
    """

    image_ids: IntArray
    given: IntArray
    proposed: IntArray
    score: npt.NDArray[np.float64]
    neighbours: npt.NDArray[np.float64]
    active_sets: npt.NDArray[np.float64]
    probe: npt.NDArray[np.float64]
    chance: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    margin: npt.NDArray[np.float64]
    layers: tuple[str, ...]
    class_names: tuple[str, ...]
    checks: int

    @property
    def expected_wrong(self) -> float:
        """How many of the labels are expected to be wrong."""
        return float(self.chance.sum())


@dataclass(frozen=True)
class PanelStatus:
    """What a panel can show now.

    ``versions`` maps ``scatterplot``, ``jaccard``, ``heatmap``, ``hierarchy`` and ``clusters`` to the key of
    the answer that is there (a projection that is still computed shows PCA meanwhile), or to None. ``job`` is
    what is still computed, or None when everything is there.
    """

    versions: Mapping[str, str | None]
    job: Job | None


@dataclass(frozen=True)
class ScorecardTable:
    """Figures of every channel of a layer, a row a channel.

    ``columns`` are float64 (C,) by name: those of ``store.schema.SCORECARD``, the heatmap's statistics, and
    ``edge_weight`` where the layer has kernels. ``best_class`` int64 (C,) are labels. ``class_auroc`` and
    ``class_frequency`` float32 (C, K) are aligned with ``classes`` (K labels that occur, ascending).

    ``effects`` is what each channel's ablation alone takes away, once that was measured on ``effect_images``
    of ``of_images`` images, channels being set to ``fill``. ``effect_images`` is 0 where it cannot be
    measured: the model's outputs are not the dataset's classes.
    """

    layer: Layer
    classes: IntArray
    class_names: tuple[str, ...]
    columns: Mapping[str, DoubleArray]
    best_class: IntArray
    class_auroc: FloatArray
    class_frequency: FloatArray
    effects: ChannelEffects | None = None
    effect_images: int = 0
    of_images: int = 0
    fill: str = "zero"


@dataclass(frozen=True)
class ContrastDetail:
    """What tells two groups of images apart in a layer.

    ``channels`` and ``channel_auc`` (the AUROC of each alone, for the first group) are in the order in which
    they were chosen. ``auc`` is held out. ``sizes`` float64 (m + 1,) are held-out AUROCs of sets of 0 … m
    channels. ``image_ids``, ``first`` (whether of the first group) and ``scores`` are by falling score. The
    discriminant was fitted to ``fitted`` of the images.
    """

    layer: Layer
    channels: IntArray
    channel_auc: DoubleArray
    auc: float
    standard_error: float
    sizes: DoubleArray
    fitted: int
    image_ids: IntArray
    first: BoolArray
    scores: DoubleArray


@dataclass(frozen=True)
class AblationDetail:
    """What a model answers on ``images`` of ``of_images`` images with channels of a layer held still.

    With ``own_answers`` the model's outputs are other classes than the dataset's, and what it answered before
    counts as right.
    """

    layer: Layer
    channels: IntArray
    fill: str
    images: int
    of_images: int
    own_answers: bool
    effect: Effect
    class_names: tuple[str, ...]
    output_names: tuple[str, ...]
