"""Short texts that several views share."""

from __future__ import annotations

import math
import re

from channelexplorer_dash.models.description import Layer


def shape_text(layer: Layer) -> str:
    """Return the shape of one image's output as read by a person, channels first: ``64×14×14``."""
    if layer.layout == "nhwc":
        height, width, channels = layer.shape
        return f"{channels}×{height}×{width}"
    if layer.layout == "tokens":
        tokens, channels = layer.shape
        return f"{channels} × {tokens} tokens"
    return "×".join(str(size) for size in layer.shape)


def percent(share: float) -> str:
    """Return a share of 0 to 1 as whole percents, never rounding up to a false 100 %."""
    return "100 %" if share >= 1.0 else f"{min(share * 100, 99.4):.0f} %"


def give_or_take(margin: float) -> str:
    """Return by how many percents a share may be off at most: rounded up, but for the last bits."""
    return f"±{math.ceil(round(100 * margin, 6))}"


def file_name(*parts: str) -> str:
    """Return parts joined to the name of a file, without what some file systems do not take."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts))
