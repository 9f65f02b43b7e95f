"""Components as plain HTML, for a file that is read without a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from dash import dcc
from dash.development.base_component import Component
from plotly.io.json import to_json_plotly

VOID = frozenset({"br", "col", "hr", "img", "wbr"})
ATTRIBUTES = {"className": "class", "htmlFor": "for"}
# What can be clicked on the page is text in a file.
INERT = frozenset({"button"})
OF_CLICKS = frozenset({"id", "key", "n_clicks", "type", "disabled", "tabIndex", "role"})


def to_html(node: Any) -> str:
    """Return components of ``dash.html``, and figures of ``dcc.Graph``, as HTML; all texts are escaped.

    Buttons become text. A figure becomes an empty box, with its JSON beside it for a script to draw.

    Parameters
    ----------
    node
        A component, a text, a number, None, or a sequence of these.

    Raises
    ------
    TypeError
        If a component cannot stand in a file, as an input cannot.
    """
    if node is None:
        return ""
    if isinstance(node, list | tuple):
        return "".join(map(to_html, node))
    if isinstance(node, dcc.Graph):
        return _figure(node)
    if not isinstance(node, Component):
        return escape(str(node))
    if node._namespace != "dash_html_components":
        raise TypeError(f"{type(node).__name__} cannot be written to a file.")
    props: dict[str, Any] = node.to_plotly_json()["props"]
    content = props.pop("children", None)
    tag = node._type.lower()
    if tag in INERT:
        tag = "span"
        props = {name: value for name, value in props.items() if not name.startswith(("aria-", "data-"))}
    attributes = "".join(_attribute(name, value) for name, value in props.items() if name not in OF_CLICKS)
    return f"<{tag}{attributes}>" if tag in VOID else f"<{tag}{attributes}>{to_html(content)}</{tag}>"


def json_for_script(value: Any) -> str:
    """Return a value as JSON that can end neither the script element that it stands in nor a comment."""
    text = str(to_json_plotly(value, engine="json"))
    # The same strings for whoever reads JSON; the HTML parser sees no tag in them.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    shown = ATTRIBUTES.get(name, name.lower())
    if value is True:
        return f" {shown}"
    text = _style(value) if name == "style" else str(value)
    return f' {shown}="{escape(text)}"'


def _style(rules: Mapping[str, Any]) -> str:
    """Return ``{"backgroundColor": "…"}`` as CSS; custom properties keep their names."""
    return ";".join(
        f"{name if name.startswith('--') else _kebab(name)}:{value}" for name, value in rules.items()
    )


def _kebab(name: str) -> str:
    return re.sub("[A-Z]", r"-\g<0>", name).lower()


def _figure(graph: dcc.Graph) -> str:
    props: dict[str, Any] = graph.to_plotly_json()["props"]
    alt = props["figure"]["layout"]["meta"]["alt"]
    known = json_for_script({"figure": props["figure"], "config": props["config"]})
    return (
        f'<div class="{escape(props["className"])}">'
        f'<div class="ce-drawn" role="img" aria-label="{escape(alt)}"></div>'
        f'<script type="application/json">{known}</script></div>'
    )
