"""New images in a scatterplot: numbered arrows, over the points and apart from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channelexplorer_dash.figures import theme


def new_image_arrows(method: str, placed: object) -> list[dict[str, Any]]:
    """Return one annotation for each new image, numbered from 1.

    Parameters
    ----------
    method
        Projection that the figure shows.
    placed
        ``method`` and ``positions`` of the new images; those of another projection, or none, have no arrows.
    """
    if not isinstance(placed, Mapping) or placed.get("method") != method:
        return []
    return [
        {
            "name": "new-image",
            "x": float(x),
            "y": float(y),
            "text": f"<b>{number}</b>",
            "showarrow": True,
            "arrowhead": 2,
            "arrowsize": 1,
            "arrowwidth": 1.5,
            "arrowcolor": theme.ACCENT,
            "ax": 22,
            "ay": -30,
            "standoff": 2,
            "font": {"size": theme.FONT_SIZE + 3, "color": theme.ACCENT},
        }
        for number, (x, y) in enumerate(placed.get("positions", ()), start=1)
    ]
