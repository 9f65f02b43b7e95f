"""What is said of all layers together: their dataflow, and how far the classes are apart in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from channelexplorer_dash.choices import Measure
from channelexplorer_dash.core.arrays import DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.flowgraph import Drawing, FlowNet
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Job


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
class HeadFigure:
    """NC3 or NC4; ``value`` is None where it is not defined, and ``why`` says why not.

    ``low`` and ``high`` are the ends of its 95 % interval, None where it has none.
    """

    value: float | None
    low: float | None
    high: float | None
    why: str


@dataclass(frozen=True)
class HeadCollapse:
    """Neural collapse at the head: how far it agrees with the class means of what it takes in.

    ``head`` is the name of the module, ``channels`` the length of its input. The figures (``nc3``: weights
    against centred class means, ``nc4``: answers against nearest class means) are of the ``classes`` that
    occur, by ``voters`` of the ``images``. ``why`` says why this model has none of it on these images; then
    everything else is empty.
    """

    head: str = ""
    channels: int = 0
    classes: int = 0
    figures: Mapping[str, HeadFigure] = field(default_factory=dict)
    voters: int = 0
    images: int = 0
    why: str = ""
