"""Forward selection of channels for a linear discriminant of two groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from channelexplorer_dash.core.arrays import BoolArray, DoubleArray, IntArray

# A channel of whose variance so little is left beside the chosen ones adds nothing but rounding errors.
_COLLINEAR = 1e-8
_EXPLAINED = 1e-12


@dataclass(frozen=True)
class Path:
    """Nested sets of channels, and the discriminant of each.

    Attributes
    ----------
    channels
        int64 (m,): the first k of them are the set of size k.
    mean
        float64 (m,): of the training images.
    weights
        float64 (m, m): row k − 1 holds the weights of the set of size k, zeros beyond.
    """

    channels: IntArray
    mean: DoubleArray
    weights: DoubleArray

    def scores(self, values: DoubleArray, size: int) -> DoubleArray:
        """Return the scores (n,) of images, of values (n, C), by the set of a size; 0 for the empty set.

        A path may end before ``size``, when no channel adds anything: its last set then stands.
        """
        size = min(size, len(self.channels))
        if not size:
            return np.zeros(len(values))
        chosen = values[:, self.channels[:size]] - self.mean[:size]
        result: DoubleArray = chosen @ self.weights[size - 1, :size]
        return result


def forward_path(values: DoubleArray, positive: BoolArray, most: int) -> Path:
    """Add channel after channel, each time the one that makes the discriminant better than any other would.

    The least-squares fit of two groups' coded membership is Fisher's linear discriminant up to a factor
    (T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2nd ed., ex. 4.2), so each
    step takes the channel that lowers the sum of squared residuals most: orthogonal least squares (S. Chen,
    S. A. Billings, W. Luo, Int. J. Control 50(5), 1989). Squared lengths and products of the channels beside
    the chosen ones are carried along, so that a step reads the values once. Of equal channels the lowest
    comes first. The path ends early where no channel is left that adds anything.

    Parameters
    ----------
    values
        float64 (n, C).
    positive
        bool (n,): which images are of the first group; neither group is empty.
    most
        Channels at most.
    """
    mean = values.mean(axis=0)
    spread = values.std(axis=0)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-12 * np.abs(mean))
    X = (values - mean) * scale
    y = positive - positive.mean()
    lengths: DoubleArray = np.einsum("ij,ij->j", X, X)
    first_lengths, products = lengths.copy(), y @ X
    directions: list[DoubleArray] = []
    triangle, explained = np.zeros((most, most)), np.zeros(most)
    chosen: list[int] = []
    while len(chosen) < min(most, values.shape[1]):
        usable = lengths > _COLLINEAR * first_lengths
        usable[chosen] = False
        gains = np.divide(products**2, lengths, out=np.zeros_like(lengths), where=usable)
        best = int(gains.argmax())
        if gains[best] <= _EXPLAINED * (y @ y):
            break
        step = len(chosen)
        direction = X[:, best].copy()
        # Twice, since once leaves rounding errors of nearly collinear channels behind.
        for _ in range(2):
            for i, other in enumerate(directions):
                part = other @ direction
                triangle[i, step] += part
                direction -= part * other
        triangle[step, step] = np.linalg.norm(direction)
        direction /= triangle[step, step]
        along = direction @ X
        explained[step] = direction @ y
        lengths = np.maximum(lengths - along**2, 0.0)
        products = products - explained[step] * along
        directions.append(direction)
        chosen.append(best)
    m = len(chosen)
    weights = np.zeros((m, m))
    for size in range(1, m + 1):
        weights[size - 1, :size] = np.linalg.solve(triangle[:size, :size], explained[:size])
    found = np.array(chosen, np.int64)
    return Path(found, mean[found], weights * scale[found])
