"""Images dropped on the page: taken, placed in every open scatterplot, and told about in the Inspector."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks.browser import script
from channelexplorer_dash.errors import ChannelExplorerError, SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.new_images import Placed
from channelexplorer_dash.layouts.new_images import cards, placed_state, refused, state_of
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results import Pending
from channelexplorer_dash.selection import View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the new images."""
    urls = Urls(app.config.requests_pathname_prefix)

    app.clientside_callback(
        # The whole of a file that is too large is not sent: the script says so instead.
        script("takeFiles"),
        Output(ids.NEW_FILES, "data"),
        Input(ids.NEW_UPLOAD, "contents"),
        State(ids.NEW_UPLOAD, "filename"),
    )

    @app.callback(
        Output(ids.NEW_IMAGES, "data"),
        Output(ids.NEW_NOTE, "children"),
        Input(ids.NEW_FILES, "data"),
        Input(ids.NEW_CLEAR, "n_clicks"),
        State(ids.NEW_IMAGES, "data"),
        prevent_initial_call=True,
    )
    def take_images(files: Any, clicks: int | None, known: Any) -> tuple[Any, Any]:
        if ctx.triggered_id == ids.NEW_CLEAR:
            if not clicks:
                raise PreventUpdate
            explorer.new_images.forget(keys_of(known))
            return [], []
        if not files:
            raise PreventUpdate
        try:
            contents = read_files(files)
            explorer.new_images.check([len(content) for _, content in contents])
        except SelectionError as error:
            return no_update, refused([str(error)])
        taken, messages = [], []
        for name, content in contents:
            try:
                taken.append(state_of(explorer.new_images.take(name, content)))
            except ChannelExplorerError as error:
                messages.append(str(error))
        return (taken or no_update), refused(messages)

    @app.callback(
        Output(ids.part("new", "placed", MATCH), "data"),
        Output(ids.part("new", "tick", MATCH), "max_intervals"),
        Input(ids.NEW_IMAGES, "data"),
        # Not what is drawn: the figure waits for the positions that are found here.
        Input(ids.part("scatterplot", "version", MATCH), "data"),
        Input(ids.part("new", "tick", MATCH), "n_intervals"),
        State(ids.PROJECTION, "value"),
        State(ids.part("new", "placed", MATCH), "id"),
        State(ids.part("new", "placed", MATCH), "data"),
        State(ids.VIEW, "data"),
    )
    def place_images(
        images: Any,
        version: str | None,
        ticks: int | None,
        projection: Any,
        part: Mapping[str, Any],
        placed: Any,
        view: Any,
    ) -> tuple[Any, int]:
        keys = keys_of(images)
        if not keys:
            return (None if placed else no_update), ticks or 0
        if not version:
            raise PreventUpdate
        layer = str(part["panel"])
        try:
            answer = explorer.new_images.look(View.from_json(view), layer, keys, projection)
        except ChannelExplorerError as error:
            return {"layer": layer, "error": str(error)}, ticks or 0
        if isinstance(answer, Pending):
            return no_update, (ticks or 0) + 1
        return {"layer": layer, "key": answer.key, **placed_state(answer.value)}, ticks or 0

    @app.callback(
        Output(ids.NEW_CARDS, "children"),
        Output(ids.NEW_CLEAR, "hidden"),
        Input(ids.NEW_IMAGES, "data"),
        Input(ids.part("new", "placed", ALL), "data"),
        State(ids.PROJECTION, "value"),
        State(ids.VIEW, "data"),
    )
    def show_new_images(
        images: Any, placed: Sequence[Mapping[str, Any] | None], projection: Any, view: Any
    ) -> tuple[Any, bool]:
        keys, current = keys_of(images), View.from_json(view)
        if not keys:
            return [], True
        layers, notes = [], []
        for one in filter(None, placed):
            if "error" in one:
                notes.append(f"{one.get('layer')}: {one['error']}")
                continue
            answer = explorer.new_images.look(current, str(one["layer"]), keys, projection)
            if not isinstance(answer, Pending):
                layers.append(answer.value)
        if len(layers) + len(notes) < len(placed):
            notes.append("The other open layers are being computed …")
        return cards(images, layers, current, neighbours_of(explorer, current, layers), urls, notes), False

    return {"take_images": take_images, "place_images": place_images, "show_new_images": show_new_images}


def keys_of(images: Any) -> list[str]:
    """Return the keys of the new images that a page holds."""
    if not isinstance(images, list):
        return []
    return [str(image.get("key")) for image in images if isinstance(image, Mapping)]


def read_files(files: Any) -> list[tuple[str, bytes]]:
    """Return names and bytes of the files that a page sends.

    Raises
    ------
    SelectionError
        If they are not of the form that the page's script sends, or the script found them too large.
    """
    if isinstance(files, Mapping) and files.get("error"):
        raise SelectionError(str(files["error"])[:300])
    try:
        return [
            (str(file["name"]), base64.b64decode(file["content"].partition(",")[2], validate=True))
            for file in files["files"]
        ]
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
        raise SelectionError("The dropped files cannot be read. Drop them again.") from error


def neighbours_of(explorer: Explorer, view: View, layers: Sequence[Placed]) -> dict[int, Any]:
    """Return what is known of the nearest images, by image_id."""
    wanted = {n for placed in layers for image in placed.images for n in image.neighbours.tolist()}
    return {row.image_id: row for row in explorer.images(view, sorted(wanted))}
