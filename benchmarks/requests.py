"""Callback requests as the page sends them, for what drives the server without a browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dash import Dash

ADDRESS = "_dash-update-component"


def payload(
    app: Dash, output: str, values: Mapping[str, Any] | None = None, panel: str = "layer1.0"
) -> dict[str, Any]:
    """Return the body that the page sends for a callback, with one component behind every wildcard.

    Parameters
    ----------
    output
        Key of ``app.callback_map``.
    values
        By ``id.property``; those that are not given are None, or the component's own id.
    panel
        What stands for every wildcard.
    """
    spec, known = app.callback_map[output], values or {}

    def filled(one: dict[str, Any]) -> Any:
        found = addressed(one["id"], one["property"], panel)
        own = found["id"] if one["property"] == "id" and isinstance(found, dict) else None
        value = known.get(f"{one['id']}.{one['property']}", own)
        return (
            [item | {"value": value} for item in found]
            if isinstance(found, list)
            else found | {"value": value}
        )

    targets = []
    for name in output.removeprefix("..").removesuffix("..").split("...") if output[0] != "{" else [output]:
        component, _, prop = name.rpartition(".")
        targets.append(addressed(component, prop.partition("@")[0], panel))
    return {
        "output": output,
        "outputs": targets if output.startswith("..") else targets[0],
        "inputs": [filled(one) for one in spec["inputs"]],
        "state": [filled(one) for one in spec["state"]],
        "changedPropIds": [f"{one['id']}.{one['property']}" for one in spec["inputs"][:1]],
    }


def addressed(component: str, prop: str, panel: str) -> Any:
    """Return a component and its property as the page names them: in a list where all are meant."""
    if not component.startswith("{"):
        return {"id": component, "property": prop}
    pattern = json.loads(component.replace("\\.", "."))
    found = {key: panel if isinstance(part, list) else part for key, part in pattern.items()}
    one = {"id": found, "property": prop}
    return [one] if ["ALL"] in pattern.values() else one
