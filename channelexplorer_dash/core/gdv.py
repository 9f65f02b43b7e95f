"""The generalised discrimination value: distances within the classes less those between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import matrix
from channelexplorer_dash.core.centroids import precision
from channelexplorer_dash.core.classes import classes_of
from channelexplorer_dash.core.distances import distance_sums
from channelexplorer_dash.core.normalise import normalise
from channelexplorer_dash.errors import DatasetError


def discrimination_value(S: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the generalised discrimination value (Schilling et al. 2021, Neural Networks 139, 278–293).

    With every channel scaled to mean 0 and standard deviation ½ (a dead one to 0),

        1/√C · [ 1/K Σ_c d(c, c) − 2/(K(K − 1)) Σ_{c<d} d(c, d) ],

    d(c, d) the mean Euclidean distance of an image of class c to one of d, over pairs of different images.
    0 where the classes are mixed, −1 where each is one point and they lie ideally apart; scaling and shifting
    of channels do not change it. Classes of one image have no d(c, c), and are left out of the first mean.

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
    kind = precision(scaled, values.size * len(values) // 2)
    k, counts = len(classes), classes.counts
    apart = np.zeros((k, k))
    for rank in range(k):
        members = classes.members(rank)
        rest = classes.order[classes.ends[rank] - counts[rank] :]
        centre = scaled[members].mean(axis=0, dtype=np.float64)
        sums = distance_sums(scaled, rest, members, centre, kind)
        apart[rank] = np.bincount(classes.ranks[rest], sums, minlength=k) / (counts * counts[rank])
    own = counts > 1
    within = (np.diagonal(apart)[own] * counts[own] / (counts[own] - 1)).mean()
    between = apart[np.triu_indices(k, 1)].mean()
    return float((within - between) / 2 / np.sqrt(values.shape[1]))
