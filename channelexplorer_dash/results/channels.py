"""What is said of the channels of a layer, each alone or several together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from channelexplorer_dash.core.contribution import ChannelEffects, Effect
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Sample


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
