"""One-way analysis of variance of every channel, in closed form from the class moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray
from channelexplorer_dash.core.moments import ClassMoments, pooled


@dataclass(frozen=True)
class Anova:
    """How far the classes differ in each channel; see :func:`anova`.

    Attributes
    ----------
    f
        float64 (C,): F, 0 … ∞.
    eta_squared
        float64 (C,): η², 0 … 1.
    """

    f: DoubleArray
    eta_squared: DoubleArray


def anova(moments: ClassMoments) -> Anova:
    """Return F and η² of every channel over the classes.

    R. A. Fisher, "Statistical Methods for Research Workers", 1925. With the squares between the classes
    B = Σ_k n_k (μ_k − μ)², and within them W = Σ_k M2_k:

    - F = (B / (K − 1)) / (W / (N − K)), as scikit-learn's ``f_classif``
    - η² = B / (B + W), the share of the channel's variance that the class explains

    Both are 0 where the channel is constant, or where there is one class only. F is 0 where every class has
    one image, as nothing is known of the spread within; it is infinite where the classes differ and no class
    has a spread.

    Parameters
    ----------
    moments
        Of S, or of S under any normalisation per channel: neither figure changes.
    """
    total, mean, _ = pooled(moments)
    classes = len(moments.counts)
    between: DoubleArray = moments.counts @ (moments.mean - mean) ** 2
    within: DoubleArray = moments.m2.sum(axis=0)
    constant = moments.minimum.min(axis=0) == moments.maximum.max(axis=0)
    if classes == 1:
        return Anova(np.zeros_like(between), np.zeros_like(between))
    between[constant] = 0.0
    whole = between + within
    eta = np.divide(between, whole, out=np.zeros_like(whole), where=whole > 0)
    if total == classes:
        return Anova(np.zeros_like(between), eta)
    f = np.where(between > 0, np.inf, 0.0)
    np.divide(between * (total - classes), within * (classes - 1), out=f, where=within > 0)
    return Anova(f, eta)
