"""What the three views of a panel show: positions, overlap, hierarchy, channels × images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.clusters import MakeUp
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Sample


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
    outlier: BoolArray
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
    linkage: DoubleArray
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
    statistic: DoubleArray
    sorting: str
    marked: int
    of_channels: int
    of_images: int
    layer: Layer
    shared: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Mapping[str, DoubleArray] = field(default_factory=dict)
    best_class: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))


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
