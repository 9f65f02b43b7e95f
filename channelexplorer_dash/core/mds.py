"""Metric multidimensional scaling by majorisation, with landmarks beyond a few thousand points."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, chunks

LANDMARKS = 1500
_ITERATIONS = 300
_TOLERANCE = 1e-6


def metric_mds(points: DoubleArray, start: DoubleArray, seed: int) -> DoubleArray:
    """Place points so that their distances on the plane are close to those between the points.

    Minimises the stress Σ_{i<j} (‖x_i − x_j‖ − δ_ij)² by the Guttman transform (SMACOF; de Leeuw 1977, Borg
    and Groenen 2005, ch. 8) from ``start``. Of more than ``LANDMARKS`` points that many are drawn with the
    seed and placed first; every other point is then placed, by the same majorisation, for the least stress
    to the landmarks (as landmark MDS does for classical scaling; de Silva and Tenenbaum 2004).

    Parameters
    ----------
    points
        float64 (n, d).
    start
        float64 (n, 2).
    seed
        Not negative.

    Returns
    -------
    numpy.ndarray
        float64 (n, 2).
    """
    n = len(points)
    if n <= LANDMARKS:
        return smacof(_distances(points, points), start)
    landmarks: IntArray = np.sort(np.random.default_rng(seed).permutation(n)[:LANDMARKS])
    fixed = smacof(_distances(points[landmarks], points[landmarks]), start[landmarks])
    placed = start.copy()
    for part in chunks(n, 8 * LANDMARKS):
        placed[part] = _place(_distances(points[part], points[landmarks]), fixed, start[part])
    placed[landmarks] = fixed
    return placed


def smacof(distances: DoubleArray, start: DoubleArray) -> DoubleArray:
    """Minimise the raw stress by majorisation: X ← B(X) X / n, until it falls by less than 1e-6 of itself.

    Parameters
    ----------
    distances
        float64 (n, n), symmetric, zeros on the diagonal.
    start
        float64 (n, 2).

    Returns
    -------
    numpy.ndarray
        float64 (n, 2).
    """
    position = start
    last = np.inf
    for _ in range(_ITERATIONS):
        now = _distances(position, position)
        stress = float(np.square(now - distances).sum())
        if last - stress <= _TOLERANCE * stress:
            break
        last = stress
        ratio = np.divide(distances, now, out=np.zeros_like(now), where=now > 0)
        position = (ratio.sum(axis=1, keepdims=True) * position - ratio @ position) / len(position)
    return position


def _place(distances: DoubleArray, landmarks: DoubleArray, start: DoubleArray) -> DoubleArray:
    """Place points, each by its distances (n, m) to the m landmarks alone."""
    position = start
    for _ in range(_ITERATIONS):
        now = _distances(position, landmarks)
        ratio = np.divide(distances, now, out=np.zeros_like(now), where=now > 0)
        moved = landmarks.mean(axis=0) + (
            ratio.sum(axis=1, keepdims=True) * position - ratio @ landmarks
        ) / len(landmarks)
        step = np.abs(moved - position).max()
        position = moved
        if step <= 1e-4 * np.abs(landmarks).max():
            break
    return position


def _distances(left: DoubleArray, right: DoubleArray) -> DoubleArray:
    from scipy.spatial.distance import cdist

    distances: DoubleArray = cdist(left, right)
    return distances
