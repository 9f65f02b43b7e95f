"""Neural collapse: classes shrink to their means, and the means to the corners of a simplex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, chunks, matrix
from channelexplorer_dash.core.centroids import precision, squared_to_means
from channelexplorer_dash.core.classes import classes_of
from channelexplorer_dash.core.moments import ClassMoments, class_moments
from channelexplorer_dash.errors import DatasetError

# Share of the largest eigenvalue of Σ_B below which another is rounding: the means do not vary along it.
RANK = 1e-10


@dataclass(frozen=True)
class SimplexGaps:
    """NC2: how far the centred class means are from the corners of a regular simplex.

    Attributes
    ----------
    norms
        Standard deviation over mean of their lengths; 0 where all are equally long.
    angles
        Standard deviation of the cosines of all pairs.
    simplex
        Mean over the pairs of |cosine + 1 / (K − 1)|; 0 where all angles are as wide as can be.
    """

    norms: float
    angles: float
    simplex: float


def within_class_variability(
    S: npt.ArrayLike, labels: npt.ArrayLike, moments: ClassMoments | None = None
) -> DoubleArray:
    """Return what each image adds to NC1, whose mean over the images is NC1 (Papyan, Han and Donoho 2020).

    NC1 = Tr(Σ_W Σ_B⁺) / K with Σ_W = mean over the images of (x − μ_c)(x − μ_c)ᵀ, Σ_B = mean over the K
    classes of (μ_c − μ)(μ_c − μ)ᵀ, μ the mean of the class means, and ⁺ the pseudo-inverse, which leaves out
    eigenvalues below ``RANK`` of the largest. An image's part is (x − μ_c)ᵀ Σ_B⁺ (x − μ_c) / K.

    Parameters
    ----------
    S
        float32 (N, C).
    labels
        int64 (N,).
    moments
        :func:`~channelexplorer_dash.core.moments.class_moments` of S, where they are known already.

    Returns
    -------
    numpy.ndarray
        float64 (N,).

    Raises
    ------
    DatasetError
        If there is one class only, all class means are equal, shapes do not fit, or S holds NaN or infinity.
    """
    values = matrix(S)
    classes = classes_of(labels, len(values), "NC1")
    known = class_moments(values, labels) if moments is None else moments
    centred = known.mean - known.mean.mean(axis=0)
    # Through the Gram matrix of the means, K × K, or their covariance, C × C: whichever is smaller.
    few = len(centred) <= centred.shape[1]
    squares, vectors = np.linalg.eigh((centred @ centred.T if few else centred.T @ centred) / len(classes))
    kept = squares > max(RANK * squares[-1], 0.0)
    if not kept.any():
        raise DatasetError("All class means are equal in this layer, so that NC1 is not defined.")
    axes = centred.T @ vectors[:, kept] / np.sqrt(len(classes)) if few else vectors[:, kept]
    # Columns of length 1, then divided by the square root of their eigenvalue.
    whitening = axes / squares[kept] if few else axes / np.sqrt(squares[kept])
    kind = precision(values, values.size * whitening.shape[1])
    whitening = whitening.astype(kind)
    parts = np.empty(len(values))
    for part in chunks(len(values), 8 * values.shape[1]):
        off = np.subtract(values[part], known.mean[classes.ranks[part]], dtype=np.float64)
        scores = off.astype(kind, copy=False) @ whitening
        parts[part] = np.einsum("ij,ij->i", scores, scores, dtype=np.float64) / len(classes)
    return parts


def simplex_gaps(moments: ClassMoments) -> SimplexGaps:
    """Return NC2 of the class means, in closed form from the moments (Papyan, Han and Donoho 2020).

    Raises
    ------
    DatasetError
        If there is one class only, or a class mean is the mean of all class means, so that it has no angle.
    """
    k = len(moments.counts)
    if k < 2:
        raise DatasetError("NC2 compares classes, and there is one only. Choose at least two classes.")
    centred = moments.mean - moments.mean.mean(axis=0)
    norms = np.sqrt(np.square(centred).sum(axis=1))
    if norms.min() <= 1e-12 * norms.max():
        raise DatasetError("A class mean is the mean of all class means in this layer: NC2 is not defined.")
    units = centred / norms[:, None]
    cosines = (units @ units.T)[np.triu_indices(k, 1)]
    return SimplexGaps(
        norms=float(norms.std() / norms.mean()),
        angles=float(cosines.std()),
        simplex=float(np.abs(cosines + 1 / (k - 1)).mean()),
    )


def self_duality(moments: ClassMoments, weights: npt.ArrayLike) -> float:
    """Return NC3: ‖W / ‖W‖ − M / ‖M‖‖ with Frobenius norms, M the centred class means; 0 to 2.

    The measure of self-duality of Papyan, Han and Donoho (2020).

    Parameters
    ----------
    moments
        Of the input of the head.
    weights
        float (K, C): the rows of the head of the same classes, in their order.

    Raises
    ------
    DatasetError
        If there is one class only, the shapes differ, either is 0 throughout, or a weight is not finite.
    """
    if len(moments.counts) < 2:
        raise DatasetError("NC3 compares classes, and there is one only. Choose at least two classes.")
    head = _finite(weights)
    centred = moments.mean - moments.mean.mean(axis=0)
    if head.shape != centred.shape:
        raise DatasetError(
            f"The head's weights are {head.shape}, and the class means {centred.shape}: they must fit."
        )
    sizes = np.linalg.norm(head), np.linalg.norm(centred)
    if min(sizes) == 0:
        raise DatasetError("The head's weights, or the centred class means, are all 0: NC3 is not defined.")
    return float(np.linalg.norm(head / sizes[0] - centred / sizes[1]))


def head_disagrees(
    S: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike, bias: npt.ArrayLike
) -> BoolArray:
    """Return, for each image, whether head and nearest class mean choose different classes; NC4 is the mean.

    Head: argmax over the classes of ⟨w_c, x⟩ + b_c; mean: argmin of ‖x − μ_c‖ (Papyan, Han and Donoho 2020).

    Parameters
    ----------
    S
        float32 (N, C): the input of the head.
    labels
        int64 (N,).
    weights, bias
        float (K, C) and (K,): the head's rows of the classes that occur, in ascending order of labels.

    Raises
    ------
    DatasetError
        If there is one class only, shapes do not fit, or S, a weight or the bias holds NaN or infinity.
    """
    values = matrix(S)
    classes = classes_of(labels, len(values), "NC4")
    moments = class_moments(values, labels)
    head, offset = _finite(weights), _finite(bias)
    if head.shape != moments.mean.shape or offset.shape != (len(classes),):
        raise DatasetError(
            f"The head's weights are {head.shape}, and the class means {moments.mean.shape}: they must fit."
        )
    differs = np.empty(len(values), np.bool_)
    for part, squared in squared_to_means(values, moments, classes):
        scores = values[part] @ head.T + offset
        differs[part] = np.argmax(scores, axis=1) != np.argmin(squared, axis=1)
    return differs


def _finite(weights: npt.ArrayLike) -> DoubleArray:
    """Return weights of a head as float64; raise DatasetError where one is NaN or infinite."""
    known = np.asarray(weights, np.float64)
    if not np.isfinite(known).all():
        raise DatasetError("The head's weights hold NaN or infinity: NC3 and NC4 are not defined.")
    return known
