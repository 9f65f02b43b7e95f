"""Colour arithmetic: OKLCH, colour-blind vision, and one long sequence of class colours.

Formulas: OKLab and OKLCH from Björn Ottosson, "A perceptual color space for image processing" (2020);
dichromatic vision from Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of
Color Vision Deficiency" (2009), severity 1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_TO_RGB = np.linalg.inv(_RGB_TO_LMS)
_LAB_TO_LMS = np.linalg.inv(_LMS_TO_LAB)
_PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)
_DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# Normal vision keeps more apart than either deficiency; weighing it down spends the room where it is scarce.
_VISIONS = ((np.eye(3), 0.65), (_PROTANOPIA, 1.0), (_DEUTERANOPIA, 1.0))


def oklch_to_linear(lightness: Array, chroma: Array, hue: Array) -> Array:
    """Return linear sRGB, float64 (…, 3), of OKLCH; ``hue`` in radians. Out of gamut is outside 0…1."""
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear: Array = (lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T
    return linear


def to_hex(linear: Array) -> tuple[str, ...]:
    """Write linear sRGB, (n, 3), as ``#rrggbb``."""
    clipped = np.clip(linear, 0.0, 1.0)
    encoded = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return tuple("#{:02x}{:02x}{:02x}".format(*rgb) for rgb in np.round(255 * encoded).astype(int))


def from_hex(colours: tuple[str, ...]) -> Array:
    """Read ``#rrggbb`` as linear sRGB, float64 (n, 3)."""
    encoded = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    linear: Array = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear


def ramp(stops: tuple[tuple[float, float, float], ...], steps: int) -> list[tuple[float, str]]:
    """Return a Plotly colour scale through OKLCH stops (lightness, chroma, hue in degrees).

    Chroma is lowered where sRGB cannot show it; lightness is kept, so that the scale stays even.
    """
    at = np.linspace(0.0, 1.0, steps)
    knots = np.linspace(0.0, 1.0, len(stops))
    lightness, chroma, degrees = (np.interp(at, knots, column) for column in zip(*stops, strict=True))
    hue = np.radians(degrees)
    for _ in range(60):
        linear = oklch_to_linear(lightness, chroma, hue)
        outside = ((linear < 0.0) | (linear > 1.0)).any(axis=-1)
        if not outside.any():
            break
        chroma = np.where(outside, chroma * 0.95, chroma)
    return [(float(a), colour) for a, colour in zip(at, to_hex(linear), strict=True)]


@lru_cache(maxsize=4)
def spread(first: tuple[str, ...], avoid: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Continue ``first`` to ``count`` colours, each as far as can be from all before it.

    Farthest-point choice among OKLCH colours of middle lightness, in OKLab under normal, protanopic and
    deuteranopic vision (the least of the three counts), away from the colours of ``avoid`` as well.
    Deterministic, and a longer sequence begins with the shorter one. When the candidates run out
    (some 3,000), the sequence starts over.
    """
    if count <= len(first):
        return first[:count]
    grid = np.meshgrid(
        np.arange(0.42, 0.90, 0.03),
        np.arange(0.04, 0.26, 0.03),
        np.radians(np.arange(0.0, 360.0, 6.0)),
        indexing="ij",
    )
    linear = oklch_to_linear(*(axis.ravel() for axis in grid))
    linear = linear[((linear >= 0.0) & (linear <= 1.0)).all(axis=-1)]
    seeds = _seen(from_hex(first + avoid))
    seen = _seen(linear)
    nearest = np.full(len(linear), np.inf)
    for i in range(seeds.shape[1]):
        nearest = np.minimum(nearest, _distance(seen, seeds[:, i]))
    chosen: list[int] = []
    for _ in range(min(count - len(first), len(linear))):
        best = int(nearest.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, _distance(seen, seen[:, best]))
        nearest[best] = -1.0
    sequence = first + to_hex(linear[chosen])
    return tuple(sequence[i % len(sequence)] for i in range(count))


def _seen(linear: Array) -> Array:
    """Return weighted OKLab, (visions, n, 3), of linear sRGB as each kind of vision sees it."""
    kinds = []
    for vision, weight in _VISIONS:
        lms = np.clip(linear @ vision.T, 0.0, 1.0) @ _RGB_TO_LMS.T
        kinds.append(np.cbrt(lms) @ _LMS_TO_LAB.T * weight)
    return np.stack(kinds)


def _distance(seen: Array, one: Array) -> Array:
    """Return the least squared distance over the visions, (n,), to one colour, (visions, 3)."""
    least: Array = ((seen - one[:, None, :]) ** 2).sum(axis=-1).min(axis=0)
    return least
