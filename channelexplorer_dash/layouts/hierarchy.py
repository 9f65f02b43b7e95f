"""The line above the hierarchy: how well it agrees with a known tree, and its export."""

from __future__ import annotations

from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.attributes import aria
from channelexplorer_dash.results.views import Hierarchy

FORMATS = (("newick", "Newick"), ("json", "JSON"))


def hierarchy_line(layer: str) -> Component:
    """Return the line of a layer's hierarchy, with its buttons."""
    buttons: list[Component] = [
        html.Button(
            title,
            id=ids.part("hierarchy", name, layer),
            className="ce-link",
            type="button",
            title=f"Download the tree as {title}",
            **aria(label=f"Download the hierarchy of {layer} as {title}"),
        )
        for name, title in FORMATS
    ]
    note = html.Span(id=ids.part("hierarchy", "note", layer), className="ce-view-note")
    download = dcc.Download(id=ids.part("hierarchy", "download", layer))
    return html.Div([note, *buttons, download], className="ce-tree-line")


def hierarchy_note(answer: Hierarchy) -> Component:
    """Return how many leaves and superclasses there are, and how well the tree agrees with a known one."""
    leaves, above = len(answer.labels), len(answer.superclasses)
    parts = int((answer.clusters >= 0).sum())
    said = f"{leaves:,} {'leaf' if leaves == 1 else 'leaves'}"
    said += f", {parts:,} of them subclasses" if parts else ""
    said += f", {above} {'superclass' if above == 1 else 'superclasses'}" if above else ""
    about = said
    if (known := answer.reference) is not None:
        agrees = f"r = {known.correlation:.2f}" if known.correlation is not None else "no correlation"
        compared = f"cophenetic correlation with {known.name}, {known.classes:,} leaves compared"
        if known.problem:
            agrees, compared = "cannot be compared", known.problem
        said = f"{agrees} with {known.name} · {said}"
        about = f"{compared}. {about}"
    return html.Span(said, title=about, className="ce-tree-note")
