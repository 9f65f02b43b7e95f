"""Linear CKA of every layer of one model with every layer of another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, chunks, matrix
from channelexplorer_dash.core.cka import centred_gram
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class _Side:
    """One layer in the smaller of two forms.

    Attributes
    ----------
    values
        The centred rows X, float64 (N, C), or where there are more channels than images their inner products
        K = XXᵀ, float64 (N, N).
    gram
        Which of the two it is.
    size
        ‖XᵀX‖ = ‖XXᵀ‖, the Frobenius norm.
    """

    values: DoubleArray
    gram: bool
    size: float


def cka_map(first: Iterable[npt.ArrayLike], second: Sequence[npt.ArrayLike]) -> DoubleArray:
    """Return the linear CKA of each layer of one model with each of another (Kornblith et al. 2019).

    What :func:`~channelexplorer_dash.core.cka.linear_cka` returns for each pair, with what belongs to one
    layer alone computed once: ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖). A layer is kept by its centred channels or, where these
    are more than the images, by its N × N inner products: ‖YᵀX‖² is then ⟨XXᵀ, YYᵀ⟩, or the trace of
    Yᵀ XXᵀ Y where only one of the two is. Memory holds ``second`` in this form, and one layer of ``first``.

    Parameters
    ----------
    first, second
        Layers, float32 (N, C) each, of the same images in the same order.

    Returns
    -------
    numpy.ndarray
        float64 (layers of ``first``, layers of ``second``), 0 … 1; 0 where all images of a layer are equal.

    Raises
    ------
    DatasetError
        If the numbers of images differ, or there is NaN or infinity.
    """
    others = [_side(S) for S in second]
    rows = []
    for S in first:
        own = _side(S)
        for other in others:
            if len(other.values) != len(own.values):
                raise DatasetError(
                    "Two layers are compared by the same images: "
                    f"{len(own.values):,} and {len(other.values):,}."
                )
        rows.append([_alignment(own, other) for other in others])
    return np.array(rows, np.float64).reshape(len(rows), len(others))


def _side(S: npt.ArrayLike) -> _Side:
    values = matrix(S)
    if values.shape[1] > len(values):
        gram = centred_gram(values)
        return _Side(gram, gram=True, size=float(np.linalg.norm(gram)))
    # From the first image, so that a constant channel has exactly 0.
    centred = np.subtract(values, values[0], dtype=np.float64)
    centred -= centred.mean(axis=0)
    return _Side(centred, gram=False, size=float(np.linalg.norm(centred.T @ centred)))


def _alignment(one: _Side, other: _Side) -> float:
    whole = one.size * other.size
    if not whole > 0:
        return 0.0
    if one.gram and other.gram:
        shared = float(np.einsum("ij,ij->", one.values, other.values))
    elif one.gram or other.gram:
        gram, rows = (one.values, other.values) if one.gram else (other.values, one.values)
        shared = sum(
            float(np.einsum("ij,ij->", rows[part], gram[part] @ rows)) for part in chunks(*gram.shape)
        )
    else:
        shared = float(np.square(one.values.T @ other.values).sum())
    return min(max(shared / whole, 0.0), 1.0)
