"""Images by class: the order in which the measures go through them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray, label_array
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class Classes:
    """The labels of N images, and the images of each of the K labels that occur.

    Attributes
    ----------
    labels
        int64 (K,): the labels that occur, ascending.
    ranks
        int64 (N,): the position of each image's label in ``labels``.
    counts
        int64 (K,): images of each class, all above 0.
    """

    labels: IntArray
    ranks: IntArray
    counts: IntArray

    @cached_property
    def order(self) -> IntArray:
        """Rows of the images by class, ascending in a class: int64 (N,)."""
        return np.argsort(self.ranks, kind="stable")

    @cached_property
    def ends(self) -> IntArray:
        """Where each class ends in ``order``, int64 (K,)."""
        return np.cumsum(self.counts)

    def members(self, rank: int) -> IntArray:
        """Return the rows of a class's images, ascending."""
        return self.order[self.ends[rank] - self.counts[rank] : self.ends[rank]]

    def __len__(self) -> int:
        return len(self.labels)


def classes_of(labels: npt.ArrayLike, images: int, measure: str = "") -> Classes:
    """Return the classes of some images.

    Parameters
    ----------
    labels
        int64 (N,).
    images
        N.
    measure
        Name of a measure that means nothing of one class alone, or empty.

    Raises
    ------
    DatasetError
        If there is not one integer per image; or if ``measure`` has one class only.
    """
    known = label_array(labels, images)
    present, ranks, counts = np.unique(known, return_inverse=True, return_counts=True)
    if measure and len(present) < 2:
        raise DatasetError(
            f"{measure} compares classes, and all of these images are of one. Choose at least two classes."
        )
    return Classes(present, ranks.reshape(-1).astype(np.int64), counts.astype(np.int64))
