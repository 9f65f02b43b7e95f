"""Metric multidimensional scaling by majorisation, with landmarks beyond a few thousand points."""

from __future__ import annotations

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, chunks

# Up to this many points all pairs count: a few seconds of work.
MOST_PAIRED = 2000
LANDMARKS = 1000
_ITERATIONS = 300
_TOLERANCE = 1e-5
# A point alone converges faster than a whole picture.
_PLACE_ITERATIONS = 50
_PLACE_TOLERANCE = 1e-3


def metric_mds(points: DoubleArray, start: DoubleArray, seed: int) -> DoubleArray:
    """Place points so that their distances on the plane are close to those between the points.

    Minimises the stress Σ_{i<j} (‖x_i − x_j‖ − δ_ij)² by the Guttman transform (SMACOF; de Leeuw 1977, Borg
    and Groenen 2005, ch. 8) from ``start``. Of more than ``MOST_PAIRED`` points, ``LANDMARKS`` are drawn
    with the seed and placed first; every other point is then placed, by the same majorisation, for the least
    stress to the landmarks (as landmark MDS does for classical scaling; de Silva and Tenenbaum 2004).

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
    if n <= MOST_PAIRED:
        return smacof(_distances(points, points), start)
    landmarks: IntArray = np.sort(np.random.default_rng(seed).permutation(n)[:LANDMARKS])
    fixed = smacof(_distances(points[landmarks], points[landmarks]), start[landmarks])
    placed = place_by_landmarks(points, start, points[landmarks], start[landmarks], fixed)
    placed[landmarks] = fixed
    return placed


def place_by_landmarks(
    points: DoubleArray,
    start: DoubleArray,
    landmarks: DoubleArray,
    landmark_start: DoubleArray,
    fixed: DoubleArray,
) -> DoubleArray:
    """Place each point for the least stress to landmarks that stay where they are.

    Parameters
    ----------
    points
        float64 (n, d).
    start
        float64 (n, 2): a point starts where its nearest landmark has gone from the same place.
    landmarks
        float64 (m, d).
    landmark_start, fixed
        float64 (m, 2): where the landmarks started, and where they are.

    Returns
    -------
    numpy.ndarray
        float64 (n, 2).
    """
    moved = fixed - landmark_start
    placed = np.empty_like(start)
    for part in chunks(len(points), 8 * len(landmarks)):
        distances = _distances(points[part], landmarks)
        placed[part] = _place(distances, fixed, start[part] + moved[np.argmin(distances, axis=1)])
    return placed


def smacof(distances: DoubleArray, start: DoubleArray) -> DoubleArray:
    """Minimise the raw stress by majorisation: X ← B(X) X / n, until it falls by less than 1e-5 of itself.

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
        difference = (now - distances).ravel()
        stress = float(difference @ difference)
        if last - stress <= _TOLERANCE * stress:
            break
        last = stress
        position = _pushed(distances, now, position, position)
    return position


def _place(distances: DoubleArray, landmarks: DoubleArray, start: DoubleArray) -> DoubleArray:
    """Place points, each by its distances (n, m) to the m landmarks alone."""
    position, centre = start, landmarks.mean(axis=0)
    extent = np.abs(landmarks - centre).max()
    for _ in range(_PLACE_ITERATIONS):
        last = position
        position = centre + _pushed(distances, _distances(last, landmarks), last, landmarks)
        if np.abs(position - last).max() <= _PLACE_TOLERANCE * extent:
            break
    return position


def _pushed(distances: DoubleArray, now: DoubleArray, left: DoubleArray, right: DoubleArray) -> DoubleArray:
    """Return the mean over j of (x_i − y_j) · δ_ij / ‖x_i − y_j‖; uses up ``now``."""
    now[now == 0] = np.inf  # a point upon another is not pushed by it
    np.divide(distances, now, out=now)
    pushed: DoubleArray = (now.sum(axis=1, keepdims=True) * left - now @ right) / len(right)
    return pushed


def _distances(left: DoubleArray, right: DoubleArray) -> DoubleArray:
    from scipy.spatial.distance import cdist

    distances: DoubleArray = cdist(left, right)
    return distances
