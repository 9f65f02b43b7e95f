"""What a figure sends to the browser, read back as the browser reads it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go


def sent(figure: dict[str, Any]) -> dict[str, Any]:
    """Return the figure's JSON; strict, as browsers are: NaN and Infinity are no JSON.

    plotly.py refuses what plotly.js does not know.
    """
    go.Figure(figure)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in a figure")

    text = json.dumps(figure)
    return json.loads(text, parse_constant=refuse)


def decode(spec: dict[str, Any]) -> np.ndarray:
    array = np.frombuffer(base64.b64decode(spec["bdata"]), dtype=spec["dtype"])
    return array.reshape([int(n) for n in spec["shape"].split(",")]) if "shape" in spec else array


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [t for t in figure["data"] if t["name"] == name]
    return found


def all_finite(node: Any) -> bool:
    """Whether no number in a figure, in lists or in binary, is NaN or infinite."""
    if isinstance(node, dict):
        if "bdata" in node:
            return bool(np.isfinite(decode(node)).all())
        return all(all_finite(child) for child in node.values())
    if isinstance(node, list):
        return all(all_finite(child) for child in node)
    return True
