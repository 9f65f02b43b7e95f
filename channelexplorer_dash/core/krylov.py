"""Leading singular vectors of a large matrix that is read in few passes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray

# V → X V and Xᵀ X V, in one pass over X.
Product = Callable[[DoubleArray], tuple[DoubleArray, DoubleArray]]

# Columns beyond those asked for: the last of these converge sooner.
_SPARE = 10
_WARMING = 3
# Vectors whose residuals widen the basis after the first pass.
_NARROW = 8
_PASSES = 12
# Angle of each of the two leading vectors to the true one, as its residual bounds it.
_ANGLE = 3e-5
# Relative residual below which products in float32 hold no more.
_NOISE = 3e-7


def leading_directions(
    product: Product, rough: Product, size: int, count: int
) -> tuple[DoubleArray, DoubleArray, DoubleArray] | None:
    """Find the leading right singular vectors of a matrix X by block Krylov iteration.

    Rayleigh–Ritz for Xᵀ X on a basis that grows by the residuals of the leading vectors (block Lanczos; Golub
    and Underwood 1977, Musco and Musco 2015), until the residual r of each of the first two bounds its angle,
    r / gap (Davis and Kahan 1970), by 3·10⁻⁵. It starts from a few such steps on ``rough``, from normal numbers
    with a fixed seed. The vectors after the first few are as good as one pass over X makes those of ``rough``.

    Parameters
    ----------
    product
        float64 (size, m) → X V, float64 (n, m), and Xᵀ X V; float32 inside is enough.
    rough
        The same for some of the rows of X.
    size
        Columns of X.
    count
        Vectors wanted.

    Returns
    -------
    eigenvalues, vectors, scores
        Of Xᵀ X, float64 (count,), largest first; (size, count); and X times these, (n, count). None where the
        first two do not converge.
    """
    width = min(size, count + _SPARE)
    start = np.linalg.qr(np.random.default_rng(0).standard_normal((size, width)))[0]
    warm = _Basis(start, rough)
    for _ in range(_WARMING - 1):
        warm.grow(width)
    found = _Basis(warm.vectors(width), product)
    for _ in range(_PASSES):
        if found.converged() or not found.grow(_NARROW):
            return found.values[:count], found.vectors(count), found.scores(count)
    return None


class _Basis:
    """An orthonormal basis Q with X Q and Xᵀ X Q, and the Ritz values and vectors in it."""

    def __init__(self, start: DoubleArray, product: Product) -> None:
        self.product = product
        self.basis = start
        tall, self.images = product(start)
        self.tall = [tall]
        self._rotate()

    def _rotate(self) -> None:
        inner = self.basis.T @ self.images
        values, small = np.linalg.eigh((inner + inner.T) / 2)
        self.values: DoubleArray = np.maximum(values[::-1], 0.0)
        self.small: DoubleArray = small[:, ::-1]

    def vectors(self, count: int) -> DoubleArray:
        """Return the leading Ritz vectors."""
        return self.basis @ self.small[:, :count]

    def scores(self, count: int) -> DoubleArray:
        """Return X times them."""
        scores = np.zeros((len(self.tall[0]), count))
        row = 0
        for tall in self.tall:
            scores += tall @ self.small[row : row + tall.shape[1], :count]
            row += tall.shape[1]
        return scores

    def residuals(self, count: int) -> DoubleArray:
        """Return Xᵀ X v − θ v of the leading Ritz vectors."""
        return self.images @ self.small[:, :count] - self.vectors(count) * self.values[:count]

    def converged(self) -> bool:
        """Return whether the first two vectors are within the angle, or as far as float32 goes."""
        residual = np.linalg.norm(self.residuals(2), axis=0)
        first, second, third = self.values[:3]
        gap = np.array([first - second, min(first - second, second - third)])
        return bool(np.all(residual <= np.maximum(_ANGLE * gap, _NOISE * first)))

    def grow(self, count: int) -> bool:
        """Widen the basis by what is left of the leading residuals; return whether anything is."""
        rest = self.residuals(count)
        for _ in range(2):
            rest = rest - self.basis @ (self.basis.T @ rest)
        left, sizes, _ = np.linalg.svd(rest, full_matrices=False)
        block = np.ascontiguousarray(left[:, sizes > _NOISE * self.values[0]])
        if not block.shape[1]:
            return False
        tall, image = self.product(block)
        self.basis, self.images = np.hstack([self.basis, block]), np.hstack([self.images, image])
        self.tall.append(tall)
        self._rotate()
        return True
