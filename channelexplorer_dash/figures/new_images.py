"""New images and latents in a scatterplot: numbered arrows, over the points and apart from them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from channelexplorer_dash.figures import theme


def new_image_arrows(method: str, placed: object) -> list[dict[str, Any]]:
    """Return the annotations of what is new, numbered from 1.

    Parameters
    ----------
    method
        Projection that the figure shows.
    placed
        ``method``, and ``ways``: of each new image its position alone, of each new latent those of its states
        from noise to image. Those of another projection, or none, have no arrows.
    """
    if not isinstance(placed, Mapping) or placed.get("method") != method:
        return []
    arrows = []
    for number, way in enumerate(placed.get("ways", ()), start=1):
        # Steps first: the number is to lie over them.
        arrows += [_step(*start, *stop) for start, stop in pairwise(way)]
        arrows += [_numbered(number, *way[0])] if way else []
    return arrows


def _numbered(number: int, x: float, y: float) -> dict[str, Any]:
    return {
        **_arrow(x, y),
        "text": f"<b>{number}</b>",
        "arrowhead": 2,
        "ax": 22,
        "ay": -30,
        "standoff": 2,
        # The page gives the number a colour that is read on it.
        "bgcolor": theme.ACCENT,
        "borderpad": 2,
        "font": {"size": theme.FONT_SIZE},
    }


def _step(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    """Return the arrow from one state of a latent to the next."""
    tail = {"axref": "x", "ayref": "y", "ax": float(x0), "ay": float(y0)}
    return {**_arrow(x1, y1), **tail, "text": "", "arrowhead": 3}


def _arrow(x: float, y: float) -> dict[str, Any]:
    return {
        "name": "new-image",
        "x": float(x),
        "y": float(y),
        "showarrow": True,
        "arrowsize": 1,
        "arrowwidth": 1.5,
        "arrowcolor": theme.ACCENT,
    }
