"""What tells two groups of images apart: the smallest set of channels, and how well it does on others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray
from channelexplorer_dash.core.ranks import auroc
from channelexplorer_dash.core.stepwise import Path, forward_path
from channelexplorer_dash.errors import SelectionError

FOLDS = 5
FEWEST = 3
"""Images that each group must have."""


@dataclass(frozen=True)
class Contrast:
    """The smallest set of channels that tells two groups apart; see :func:`contrast`.

    Attributes
    ----------
    channels
        int64 (k,), in the order in which they were chosen; empty where nothing tells the groups apart.
    channel_auc
        float64 (k,): AUROC of each channel alone for the first group; below 0.5 where it is larger in the
        second.
    auc, standard_error
        Held-out AUROC of the whole procedure.
    sizes
        float64 (m + 1,): mean held-out AUROC of sets of 0 … m channels.
    path
        The discriminants, fitted to all images.
    """

    channels: IntArray
    channel_auc: DoubleArray
    auc: float
    standard_error: float
    sizes: DoubleArray
    path: Path

    def scores(self, values: npt.ArrayLike) -> DoubleArray:
        """Return the score (n,) of images, of values (n, C): the larger, the more like the first group."""
        return self.path.scores(np.asarray(values, np.float64), len(self.channels))


def contrast(values: npt.ArrayLike, first: BoolArray, most: int = 12, seed: int = 0) -> Contrast:
    """Return the smallest set of channels that tells the first group from the second.

    Sets grow by forward selection (:func:`~channelexplorer_dash.core.stepwise.forward_path`), and are scored
    by their linear discriminant. Their size is chosen by stratified cross-validation with five folds: the
    smallest whose mean held-out AUROC is within one standard error of the best (L. Breiman, J. H. Friedman,
    R. A. Olshen, C. J. Stone, "Classification and Regression Trees", 1984). A set of no channels, with an
    AUROC of 0.5, is among them.

    The AUROC that is given is that of the whole procedure on images which had no part in it: channels *and*
    size are chosen anew within the training images of each of five outer folds (nested cross-validation;
    C. Ambroise, G. J. McLachlan, PNAS 99(10), 2002, show what comes of choosing before).

    Parameters
    ----------
    values
        float (n, C), finite.
    first
        bool (n,): which images are of the first group.
    most
        Channels at most.
    seed
        Of the folds.

    Raises
    ------
    SelectionError
        If a group has fewer than three images.
    """
    X = np.asarray(values, np.float64)
    groups = {"first": int(first.sum()), "second": int((~first).sum())}
    for name, size in groups.items():
        if size < FEWEST:
            raise SelectionError(
                f"Each group needs at least {FEWEST} images: the {name} has {size}. Mark more."
            )
    held_out = []
    for train, test in _folds(first, seed):
        inner = _cross_validated(X[train], first[train], most, seed + 1)
        path = forward_path(X[train], first[train], most)
        held_out.append(auroc(path.scores(X[test], smallest(inner)), first[test]))
    curves = _cross_validated(X, first, most, seed)
    path = forward_path(X, first, most)
    chosen = path.channels[: smallest(curves)]
    return Contrast(
        channels=chosen,
        channel_auc=np.array([auroc(X[:, channel], first) for channel in chosen]),
        auc=float(np.mean(held_out)),
        standard_error=float(np.std(held_out, ddof=1) / np.sqrt(len(held_out))),
        sizes=curves.mean(axis=0),
        path=path,
    )


def smallest(curves: DoubleArray) -> int:
    """Return the smallest size whose mean is within one standard error of the best; curves (folds, sizes)."""
    means = curves.mean(axis=0)
    best = int(means.argmax())
    error = curves[:, best].std(ddof=1) / np.sqrt(len(curves))
    return int(np.flatnonzero(means >= means[best] - error - 1e-12)[0])


def _cross_validated(X: DoubleArray, first: BoolArray, most: int, seed: int) -> DoubleArray:
    """Return the held-out AUROC of every fold and size, float64 (folds, most + 1)."""
    curves = []
    for train, test in _folds(first, seed):
        path = forward_path(X[train], first[train], most)
        curves.append([auroc(path.scores(X[test], size), first[test]) for size in range(most + 1)])
    return np.array(curves)


def _folds(first: BoolArray, seed: int) -> list[tuple[BoolArray, BoolArray]]:
    """Return (train, test) masks of stratified folds: five, or as many as the smaller group has images."""
    folds = min(FOLDS, int(first.sum()), int((~first).sum()))
    fold = np.empty(len(first), np.int64)
    generator = np.random.default_rng(seed)
    for group in (first, ~first):
        members = generator.permutation(np.flatnonzero(group))
        fold[members] = np.arange(len(members)) % folds
    return [(fold != k, fold == k) for k in range(folds)]
