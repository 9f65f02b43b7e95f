"""What is said of single images: what is known of them, their labels, where a new one belongs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray


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
        float64 (n,): by how much that is off at most, with a probability of nine in ten.
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
    score: DoubleArray
    neighbours: DoubleArray
    active_sets: DoubleArray
    probe: DoubleArray
    chance: DoubleArray
    precision: DoubleArray
    margin: DoubleArray
    layers: tuple[str, ...]
    class_names: tuple[str, ...]
    checks: int

    @property
    def expected_wrong(self) -> float:
        """How many of the labels are expected to be wrong."""
        return float(self.chance.sum())
