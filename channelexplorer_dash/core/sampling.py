"""Sampling: which images take part, and which of them a view of limited size shows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray, label_array
from channelexplorer_dash.errors import DatasetError


def draw(labels: npt.ArrayLike, classes: Iterable[int] | None, per_class: int, seed: int) -> IntArray:
    """Draw images of each class without replacement.

    Each class is drawn by a generator of its own, seeded with (seed, class): which images of a class are
    drawn does not depend on the other classes, and fewer images are a part of more.

    Parameters
    ----------
    labels
        int64 (N,) of the whole dataset.
    classes
        Labels that take part; None for all. Those without images are passed over.
    per_class
        Images of each class; 0 for all. A class with fewer gives all that it has.
    seed
        Any integer.

    Returns
    -------
    numpy.ndarray
        int64 (n,): image ids, by class (ascending), ascending in a class.

    Raises
    ------
    DatasetError
        If no image is left, or ``per_class`` is negative.
    """
    if per_class < 0:
        raise DatasetError("Images per class must be 0 (all) or a positive number.")
    known = label_array(labels, np.size(labels))
    by_class = np.argsort(known, kind="stable")
    present, starts, counts = np.unique(known[by_class], return_index=True, return_counts=True)
    wanted = None if classes is None else set(classes)
    drawn = []
    for label, start, count in zip(present.tolist(), starts, counts, strict=True):
        if wanted is not None and label not in wanted:
            continue
        members = by_class[start : start + count]
        if 0 < per_class < count:
            members = np.sort(_generator(seed, label).permutation(members)[:per_class])
        drawn.append(members)
    if not drawn:
        raise DatasetError(
            "None of the chosen classes has an image. Choose other classes in the Dataset View."
        )
    return np.concatenate(drawn).astype(np.int64, copy=False)


def stratified(labels_of_sample: npt.ArrayLike, n: int, seed: int) -> IntArray:
    """Choose n of the images so that the classes keep their shares.

    Where n allows, each of the K classes has one image, and the other n − K go to the classes in proportion
    to what they have left, by largest remainder (of equal remainders the lower label first). With n < K, the
    n largest classes have one image each.

    Parameters
    ----------
    labels_of_sample
        int64 (N,).
    n
        Images wanted, at least 1; all are taken where there are not more.
    seed
        Any integer.

    Returns
    -------
    numpy.ndarray
        int64 (min(n, N),): positions in the sample, ascending.
    """
    labels = label_array(labels_of_sample, np.size(labels_of_sample))
    if n < 1:
        raise DatasetError("At least one image must be chosen.")
    if n >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    classes, counts = np.unique(labels, return_counts=True)
    shares = _shares(counts, n)
    positions = np.argsort(labels, kind="stable")
    ends = np.cumsum(counts)
    chosen = [
        _generator(seed, label).permutation(positions[end - count : end])[:share]
        for label, count, end, share in zip(classes.tolist(), counts, ends, shares, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64, copy=False)


def _shares(counts: IntArray, n: int) -> IntArray:
    """Return how many of n < Σ counts images each class gives."""
    shares = np.zeros(len(counts), np.int64)
    if n <= len(counts):
        shares[np.argsort(-counts, kind="stable")[:n]] = 1
        return shares
    spare, rest = n - len(counts), int(counts.sum()) - len(counts)
    # Whole numbers throughout: floor and remainder of spare · (count − 1) / rest.
    floors, remainders = np.divmod(spare * (counts - 1), rest)
    shares += 1 + floors
    shares[np.argsort(-remainders, kind="stable")[: n - shares.sum()]] += 1
    return shares


def _generator(seed: int, label: int) -> np.random.Generator:
    # Seeds must not be negative; a label may be.
    return np.random.default_rng([seed % 2**63, label % 2**63])
