"""The generalised discrimination value: distances within the classes less those between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, matrix
from channelexplorer_dash.core.bootstrap import Interval, normal_interval
from channelexplorer_dash.core.centroids import precision
from channelexplorer_dash.core.classes import Classes, classes_of
from channelexplorer_dash.core.distances import class_distance_sums
from channelexplorer_dash.core.normalise import normalise
from channelexplorer_dash.errors import DatasetError


def discrimination_value(S: npt.ArrayLike, labels: npt.ArrayLike) -> Interval:
    """Return the generalised discrimination value (Schilling et al. 2021, Neural Networks 139, 278–293).

    With every channel scaled to mean 0 and standard deviation ½ (a dead one to 0),

        1/√C · [ 1/K Σ_c d(c, c) − 2/(K(K − 1)) Σ_{c<d} d(c, d) ],

    d(c, d) the mean Euclidean distance of an image of class c to one of d, over pairs of different images.
    0 where the classes are mixed, −1 where each is one point and they lie ideally apart; scaling and shifting
    of channels do not change it. Classes of one image have no d(c, c), and are left out of the first mean.

    The interval is by leaving out one image after the other, within the classes (Shao and Tu 1995, 6.3): the
    variance is Σ_c (n_c − 1) / n_c Σ_i (θ_−i − mean)², each θ_−i in closed form from the image's distances.

    All pairs are measured, N² C multiplications: of many images, give a stratified sample.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).

    Raises
    ------
    DatasetError
        If there is one class only, none with two images, shapes do not fit, or S holds NaN or infinity.
    """
    name = "The generalised discrimination value"
    values = matrix(S)
    classes = classes_of(labels, len(values), name)
    if classes.counts.max() == 1:
        raise DatasetError(f"{name} needs a class with two images. Choose more images of a class.")
    scaled = normalise(values, "zscore")
    kind = precision(scaled, scaled.size * len(scaled))
    sums = class_distance_sums(scaled, classes.order, classes, np.zeros(values.shape[1]), kind)
    # Half of the distances, for the deviation of ½.
    return _interval(sums / 2 / np.sqrt(values.shape[1]), classes)


def _interval(sums: DoubleArray, classes: Classes) -> Interval:
    """Return the value and its interval, from sums of distances in class order."""
    k, counts = len(classes), classes.counts.astype(np.float64)
    ranks = np.repeat(np.arange(k), classes.counts)
    whole = np.add.reduceat(sums, classes.ends - classes.counts, axis=0)
    own = np.diagonal(whole)
    several = counts > 1
    within = np.divide(own, counts * (counts - 1), out=np.zeros(k), where=several)
    between = whole / np.outer(counts, counts)
    np.fill_diagonal(between, 0.0)
    pairs = k * (k - 1)
    mean_within = within.sum() / several.sum()
    value = float(mean_within - between.sum() / pairs)
    # Without image i of class c, only what c has to do with changes.
    mine = sums[np.arange(len(sums)), ranks]
    n, left = counts[ranks], counts[ranks] - 1
    changed = np.divide(own[ranks] - 2 * mine, left * (left - 1), out=np.zeros_like(mine), where=left > 1)
    kept = several.sum() - (n == 2)
    inside = np.divide(within.sum() - within[ranks] + changed, kept, out=np.zeros_like(mine), where=kept > 0)
    others = sums / counts
    others[np.arange(len(sums)), ranks] = 0.0
    lost = (between.sum(axis=1)[ranks] * n - others.sum(axis=1)) / np.maximum(left, 1)
    outside = (between.sum() + 2 * (lost - between.sum(axis=1)[ranks])) / pairs
    without = inside - outside
    usable = several[ranks] & (kept > 0)
    if not usable.any():
        return Interval(value, None, None)
    means = np.bincount(ranks, np.where(usable, without, 0.0), minlength=k) / counts
    squares = np.bincount(ranks, np.where(usable, np.square(without - means[ranks]), 0.0), minlength=k)
    variance = float(((counts - 1) / counts * squares).sum())
    return normal_interval(value, variance)
