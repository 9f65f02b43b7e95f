"""New images and latents: taken, placed in every open scatterplot, and told about in the Inspector."""

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
from channelexplorer_dash.explorer.new_latents import Latent, PlacedLatents
from channelexplorer_dash.layouts.new_images import cards, placed_state, refused, state_of
from channelexplorer_dash.layouts.new_latents import ALL_STEPS, latent_cards, latent_state, latents_placed
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Answer, Pending
from channelexplorer_dash.results.images import ImageRow
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
        Input(ids.LATENT_PLACE, "n_clicks"),
        State(ids.NEW_IMAGES, "data"),
        State(ids.LATENT_CLASS, "value"),
        State(ids.LATENT_SEED, "value"),
        State(ids.LATENT_STEP, "value"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def take_new(
        files: Any,
        clicks: int | None,
        placing: int | None,
        known: Any,
        label: Any,
        seed: Any,
        step: Any,
        view: Any,
    ) -> tuple[Any, Any]:
        if ctx.triggered_id == ids.NEW_CLEAR:
            if not clicks:
                raise PreventUpdate
            held = known if isinstance(known, list) else []
            explorer.new_images.forget([str(one["key"]) for one in held if "key" in one])
            explorer.new_latents.forget(latents_of([one for one in held if "latent" in one]))
            return [], []
        if not (placing if ctx.triggered_id == ids.LATENT_PLACE else files):
            raise PreventUpdate
        try:
            current = View.from_json(view)
            if ctx.triggered_id == ids.LATENT_PLACE:
                wanted = latent_of(current, label, seed, step)
                explorer.new_latents.check(wanted)
                return added(explorer, current, known, [wanted]), []
            contents = read_files(files)
            explorer.new_images.check([len(content) for _, content in contents])
            if not explorer.new_latents.takes(current):
                return take_images(contents)
            asked = latent_of(current, label, 0, step)
            taken = [
                explorer.new_latents.take(current, name, content, asked.label, asked.timestep)
                for name, content in contents
            ]
            return added(explorer, current, known, taken), []
        except ChannelExplorerError as error:
            return no_update, refused([str(error)])

    def take_images(contents: Sequence[tuple[str, bytes]]) -> tuple[Any, Any]:
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
    def place_new(
        new: Any,
        version: str | None,
        ticks: int | None,
        projection: Any,
        part: Mapping[str, Any],
        placed: Any,
        view: Any,
    ) -> tuple[Any, int]:
        layer, current = str(part["panel"]), View.from_json(view)
        if not entries_of(explorer, current, new):
            return (None if placed else no_update), ticks or 0
        if not version:
            raise PreventUpdate
        try:
            answer = look(explorer, current, layer, new, projection)
        except ChannelExplorerError as error:
            return {"layer": layer, "error": str(error)}, ticks or 0
        if isinstance(answer, Pending):
            return no_update, (ticks or 0) + 1
        found = answer.value
        state = placed_state(found) if isinstance(found, Placed) else latents_placed(found)
        return {"layer": layer, "key": answer.key, **state}, ticks or 0

    @app.callback(
        Output(ids.NEW_CARDS, "children"),
        Output(ids.NEW_CLEAR, "hidden"),
        Input(ids.NEW_IMAGES, "data"),
        Input(ids.part("new", "placed", ALL), "data"),
        State(ids.PROJECTION, "value"),
        State(ids.VIEW, "data"),
    )
    def show_new(
        new: Any, placed: Sequence[Mapping[str, Any] | None], projection: Any, view: Any
    ) -> tuple[Any, bool]:
        current = View.from_json(view)
        entries = entries_of(explorer, current, new)
        if not entries:
            return [], True
        layers, notes = [], []
        for one in filter(None, placed):
            if "error" in one:
                notes.append(f"{one.get('layer')}: {one['error']}")
                continue
            answer = look(explorer, current, str(one["layer"]), new, projection)
            if not isinstance(answer, Pending):
                layers.append(answer.value)
        if len(layers) + len(notes) < len(placed):
            notes.append("The other open layers are being computed …" if layers else "It is being placed …")
        return cards_of(current, entries, layers, notes), False

    def cards_of(view: View, entries: list[Any], layers: list[Any], notes: list[str]) -> list[Any]:
        near = neighbours_of(explorer, view, layers)
        if not explorer.new_latents.takes(view):
            return cards(entries, layers, view, near, urls, notes)
        names = explorer.dataset(view.dataset).class_names
        return latent_cards(latents_of(entries), layers, view, names, near, urls, notes)

    return {"take_new": take_new, "place_new": place_new, "show_new": show_new}


def entries_of(explorer: Explorer, view: View, new: Any) -> list[Any]:
    """Return those of the page's new images or latents that a view can show."""
    held = [one for one in new if isinstance(one, Mapping)] if isinstance(new, list) else []
    if not explorer.new_latents.takes(view):
        return [one for one in held if "key" in one]
    return [
        one
        for one in held
        if isinstance(one.get("latent"), Mapping) and one["latent"].get("dataset") == view.dataset
    ]


def latents_of(entries: Sequence[Mapping[str, Any]]) -> list[Latent]:
    """Return the latents that some of the page's entries are of."""
    return [Latent.from_json(one["latent"]) for one in entries]


def look(
    explorer: Explorer, view: View, layer: str, new: Any, projection: Any
) -> Answer[Placed] | Answer[PlacedLatents]:
    """Return what a layer says of the page's new images, or latents."""
    entries = entries_of(explorer, view, new)
    if explorer.new_latents.takes(view):
        return explorer.new_latents.look(view, layer, latents_of(entries), projection)
    return explorer.new_images.look(view, layer, [str(one["key"]) for one in entries], projection)


def latent_of(view: View, label: Any, seed: Any, step: Any) -> Latent:
    """Return the latent that the page's controls ask for; raise SelectionError where a number is none."""
    try:
        timestep = None if step in {None, "", ALL_STEPS} else int(step)
        return Latent(view.dataset, int(label), int(seed), timestep=timestep)
    except (TypeError, ValueError) as error:
        raise SelectionError("Class, seed and timestep must be whole numbers.") from error


def added(explorer: Explorer, view: View, new: Any, taken: Sequence[Latent]) -> list[dict[str, Any]]:
    """Return the page's latents with some more; raise SelectionError where these are too many."""
    held = [dict(one) for one in entries_of(explorer, view, new)]
    held += [one for one in map(latent_state, taken) if one not in held]
    most = explorer.settings.new_images
    if len(held) > most:
        raise SelectionError(f"At most {most} latents are placed at once. Remove those that are there first.")
    return held


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


def neighbours_of(
    explorer: Explorer, view: View, layers: Sequence[Placed | PlacedLatents]
) -> dict[int, ImageRow]:
    """Return what is known of the nearest images or states, by image_id."""
    near: set[int] = set()
    for placed in layers:
        if isinstance(placed, Placed):
            near.update(n for image in placed.images for n in image.neighbours.tolist())
        else:
            near.update(n for latent in placed.latents for n in latent.near.ravel().tolist())
    return {row.image_id: row for row in explorer.images(view, sorted(near))}
