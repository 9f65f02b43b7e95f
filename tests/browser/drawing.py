"""Lassos: where to draw them so that it is beyond doubt which points they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.browser.screen import distance_to_border, inside

# Plotly leaves out corners that bend the line by less than this; and a hand is not steadier.
DOUBT_PIXELS = 3.0


@dataclass(frozen=True)
class Lasso:
    """A polygon on the screen, and the images whose points surely or possibly lie in it."""

    corners: tuple[tuple[float, float], ...]
    surely: frozenset[int]
    possibly: frozenset[int]

    @property
    def images(self) -> list[int]:
        """Return the images in it, where there is no doubt."""
        assert self.surely == self.possibly
        return sorted(self.surely)

    @classmethod
    def around(cls, points: dict[str, Any], x: float, y: float, radius: float, corners: int = 12) -> Lasso:
        """Return a regular polygon around a place; with four corners, one with upright sides."""
        turns = (np.arange(corners) + 0.5) * 2 * np.pi / corners
        polygon = [(x + radius * float(np.cos(t)), y + radius * float(np.sin(t))) for t in turns]
        within = inside(points["px"], points["py"], polygon)
        doubtful = distance_to_border(points["px"], points["py"], polygon) < DOUBT_PIXELS
        images = np.asarray(points["images"])
        return cls(
            tuple(polygon),
            frozenset(images[within & ~doubtful].tolist()),
            frozenset(images[within | doubtful].tolist()),
        )


def clear_lasso(points: dict[str, Any], corners: int = 12) -> Lasso:
    """Return a lasso around at least five points that has none near its border, and leaves most out."""
    found = [
        lasso
        for x, y in zip(points["px"], points["py"], strict=True)
        for radius in (14, 18, 22, 27, 33, 40)
        if (lasso := Lasso.around(points, x, y, radius, corners)).surely == lasso.possibly
        and 5 <= len(lasso.surely) <= len(points["images"]) // 2
    ]
    assert found, "No place for a lasso"
    return max(found, key=lambda lasso: len(lasso.surely))


def drawn_polygon(selections: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """Return the corners, in data coordinates, of the one lasso that a figure shows."""
    (selection,) = selections
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", selection["path"])]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
