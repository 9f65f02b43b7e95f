"""Whether the body of a callback request is what the page sends, checked before Dash reads it.

Dash itself indexes into the body without looking, and answers 500 to anything else.
"""

from __future__ import annotations

import json
from typing import Any, cast

from dash import Dash
from flask import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

_RELOAD = "Reload the page and try again."


def check_payload(app: Dash, request: Request) -> None:
    """Refuse a callback request that is not of the form that the page sends.

    Raises
    ------
    werkzeug.exceptions.BadRequest
        With a message that says what is wrong.
    werkzeug.exceptions.UnsupportedMediaType
        If the body is not declared as JSON.
    """
    if not request.is_json:
        raise UnsupportedMediaType("A callback request must be JSON (Content-Type: application/json).")
    body = _parse(request.get_data(cache=True))
    output = body.get("output")
    expected = app.callback_map.get(output) if isinstance(output, str) else None
    # Callbacks that run in the browser are listed too, without a function.
    if expected is None or "callback" not in expected:
        raise BadRequest(f"The request names no output of this page. {_RELOAD}")
    for part, spec in (("inputs", expected["inputs"]), ("state", expected["state"])):
        _check_values(part, body.get(part, []), spec)
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(name, str) for name in changed):
        raise BadRequest(f"'changedPropIds' must be a list of names. {_RELOAD}")
    outputs = body.get("outputs", [])
    targets = outputs if isinstance(outputs, list) else [outputs]
    if not all(_is_target(item) for item in _flat(targets)):
        raise BadRequest(f"'outputs' must name components and properties. {_RELOAD}")


def _parse(raw: bytes) -> dict[str, Any]:
    if b"\0" in raw or b"\\u0000" in raw:
        raise BadRequest(f"The request holds a null character. {_RELOAD}")
    try:
        body = json.loads(raw)
        if b"\\u" in raw:
            # Half of a surrogate pair is valid JSON, but not text that can be written anywhere.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The request is not valid JSON. {_RELOAD}") from error
    if not isinstance(body, dict):
        raise BadRequest(f"The request must be a JSON object. {_RELOAD}")
    return cast("dict[str, Any]", body)


def _check_values(part: str, found: object, expected: list[dict[str, Any]]) -> None:
    if not isinstance(found, list) or len(found) != len(expected):
        raise BadRequest(f"{part!r} must be a list of {len(expected)} values. {_RELOAD}")
    for item, spec in zip(found, expected, strict=True):
        wanted = spec["property"]
        if not all(_is_target(one) and one["property"] == wanted for one in _flat([item])):
            raise BadRequest(f"{part!r} must hold the property {wanted!r} at its place. {_RELOAD}")


def _flat(items: list[Any]) -> list[Any]:
    """Return the items with those of a wildcard (lists) in their place."""
    return [one for item in items for one in (item if isinstance(item, list) else [item])]


def _is_target(item: object) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("id"), (str, dict))
        and isinstance(item.get("property"), str)
    )
