"""Two models: the panel that says what changed, and the link that opens the other one beside the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dash import Dash, Input, Output, State, no_update

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.following import followed
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.cka import cka_figure
from channelexplorer_dash.figures.empty import empty_figure
from channelexplorer_dash.layouts.compare_panel import LINE, changed, matched_list
from channelexplorer_dash.layouts.controls import LOOKS
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Answer, Pending
from channelexplorer_dash.selection import Marks, Selection, View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the panel."""
    urls = Urls(app.config.requests_pathname_prefix)

    @app.callback(
        Output(ids.COMPARE_PANEL, "is_open"),
        Output(ids.COMPARE_TITLE, "children"),
        Input(ids.COMPARE, "value"),
        Input(ids.COMPARE_OPEN, "n_clicks"),
        State(ids.VIEW, "data"),
        State(ids.SHOW, "data"),
    )
    def open_compare(other: str | None, clicks: int | None, view: Any, show: Any) -> tuple[bool, Any]:
        if show == "panels":
            return False, no_update
        if other:
            return True, f"{View.from_json(view).model} compared with {other}"
        if clicks:
            raise SelectionError("No model is chosen. Choose one under Compare with.")
        return False, no_update

    @app.callback(
        Output(ids.COMPARE_CHANGED, "children"),
        Output(ids.COMPARE_MAP, "figure"),
        Output(ids.part("compare", "state", LINE), "data"),
        Input(ids.COMPARE_PANEL, "is_open"),
        Input(ids.COMPARE, "value"),
        Input(ids.part("compare", "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.GRANULARITY, "value"),
        State(ids.part("compare", "state", LINE), "data"),
        State(ids.VIEW, "data"),
    )
    def show_comparison(
        opened: bool, other: Any, _tick: Any, control: Any, granularity: Any, state: Any, view: Any
    ) -> tuple[Any, Any, Any]:
        current = View.from_json(view)
        drawn: list[Any] = []

        def draw(found: Any) -> Any:
            layers = tuple([layer.name for layer in side] for side in found.layers)
            drawn.append(cka_figure(found.cka, found.models, (layers[0], layers[1])))
            return changed(found, urls, current.dataset)

        content, line = followed(
            explorer,
            opened and other,
            control,
            state,
            lambda: explorer.two_models.compare(current, str(other), granularity),
            draw,
        )
        waiting = empty_figure("Both models are being measured …")
        return content, drawn[0] if drawn else waiting, line

    @app.callback(
        Output(ids.COMPARE_CHANNELS, "children"),
        Output(ids.part("matching", "state", LINE), "data"),
        Input(ids.COMPARE_MAP, "clickData"),
        Input(ids.part("matching", "tick", LINE), "data"),
        Input(ids.JOB_CONTROL, "data"),
        State(ids.COMPARE, "value"),
        State(ids.GRANULARITY, "value"),
        State(ids.part("matching", "state", LINE), "data"),
        State(ids.VIEW, "data"),
    )
    def show_channels(
        clicked: Any, _tick: Any, control: Any, other: Any, granularity: Any, state: Any, view: Any
    ) -> tuple[Any, Any]:
        current = View.from_json(view)
        cell = clicked_cell(clicked)

        def ask() -> Answer[Any]:
            assert cell is not None
            first, second = layer_names(explorer, current, str(other), granularity, cell)
            return explorer.two_models.channels(current, first, str(other), second)

        def draw(found: Any) -> Any:
            own, others = explorer.two_models.views(current, str(other))
            link = Selection(others, (found.layers[1].name,), compare=own.model).to_query()
            return matched_list(found, urls.page(link))

        return followed(explorer, cell and other, control, state, ask, draw)

    @app.callback(
        output=[Output(ids.COMPARE_LINK, "href"), Output(ids.COMPARE_SIDE, "href")],
        inputs={
            "opened": Input(ids.COMPARE_PANEL, "is_open"),
            "images": Input(ids.MARKED_IMAGES, "data"),
        },
        state={
            "looks": {name: State(control, "value") for name, control in LOOKS.items()},
            "layers": State(ids.LAYERS, "data"),
            "view": State(ids.VIEW, "data"),
        },
    )
    def link_other(opened: bool, images: Any, looks: Mapping[str, Any], layers: Any, view: Any) -> Any:
        if not opened or not looks["compare"]:
            return no_update, no_update
        own, other = explorer.two_models.views(View.from_json(view), str(looks["compare"]))
        described = explorer.describe(other.model)
        known = set() if isinstance(described, Pending) else {layer.name for layer in described.value.layers}
        marks = Marks(Marks.from_json({"images": images}).images)
        kept = tuple(name for name in layers or () if name in known)
        second = Selection(other, kept, marks=marks, **{**looks, "compare": own.model})
        both = Selection(own, tuple(layers or ())[:1], marks=marks, show="side", **looks)
        return urls.page(second.to_query()), urls.page(both.to_query())

    return {
        "open_compare": open_compare,
        "show_comparison": show_comparison,
        "show_channels": show_channels,
        "link_other": link_other,
    }


def clicked_cell(clicked: Any) -> tuple[int, int] | None:
    """Return row and column of the cell that was clicked, or None."""
    try:
        point = clicked["points"][0]
        return int(point["y"]), int(point["x"])
    except (TypeError, KeyError, IndexError, ValueError):
        return None


def layer_names(
    explorer: Explorer, view: View, other: str, granularity: Any, cell: tuple[int, int]
) -> tuple[str, str]:
    """Return the names of the two layers of a cell of the map."""
    names = []
    for one, position in zip(explorer.two_models.views(view, other), cell, strict=True):
        described = explorer.describe(one.model)
        layers = () if isinstance(described, Pending) else described.value.at(granularity)
        if not 0 <= position < len(layers):
            raise SelectionError("The map is of other layers by now. Open it again.")
        names.append(layers[position].name)
    return names[0], names[1]
