"""The Inspector: the marked images, the channel and the pair that are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dash import Dash, Input, Output, State

from channelexplorer_dash import ids
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.channel import channel_figure
from channelexplorer_dash.layouts.inspector import (
    channel_card,
    failed_card,
    gallery,
    nothing_marked,
    pair_card,
    pending_card,
)
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import Marks, View


def register(app: Dash, explorer: Explorer) -> dict[str, Callable[..., Any]]:
    """Register the callbacks of the gallery and of the two cards."""
    urls = Urls(app.config.requests_pathname_prefix)

    @app.callback(
        Output(ids.GALLERY, "children"),
        Input(ids.MARKED_IMAGES, "data"),
        Input(ids.MARKED_CHANNEL, "data"),
        Input(ids.PROFILED, "data"),
        Input(ids.DECIDED, "data"),
        State(ids.VIEW, "data"),
    )
    def show_gallery(images: Any, channel: Any, _profiled: Any, _decided: Any, view: Any) -> Any:
        current, marked = View.from_json(view), Marks.from_json({"images": images}).images
        if not marked:
            return [] if channel else nothing_marked()
        rows = explorer.images(current, marked[: explorer.settings.gallery_images])
        return gallery(current, rows, len(marked), urls)

    @app.callback(
        Output(ids.CHANNEL_CARD, "children"),
        Output(ids.CHANNEL_TICK, "max_intervals"),
        Input(ids.MARKED_CHANNEL, "data"),
        Input(ids.CHANNEL_TICK, "n_intervals"),
        State(ids.VIEW, "data"),
    )
    def show_channel(channel: Any, ticks: int | None, view: Any) -> tuple[Any, int]:
        current, mark = View.from_json(view), Marks.from_json({"channel": channel}).channel
        if mark is None:
            return [], ticks or 0
        title = f"Channel {mark.channel} of {mark.layer}"
        try:
            answer = explorer.channel(current, mark)
        except ChannelExplorerError as error:
            return failed_card(title, str(error)), ticks or 0
        if isinstance(answer, Pending):
            return pending_card(title, answer.job.label), (ticks or 0) + 1
        rows = explorer.images(current, answer.value.top.tolist())
        return channel_card(current, answer.value, channel_figure(answer.value), rows, urls), ticks or 0

    @app.callback(
        Output(ids.PAIR_CARD, "children"),
        Output(ids.PAIR_TICK, "max_intervals"),
        Input(ids.MARKED_PAIR, "data"),
        Input(ids.PAIR_TICK, "n_intervals"),
        State(ids.VIEW, "data"),
    )
    def show_pair(pair: Any, ticks: int | None, view: Any) -> tuple[Any, int]:
        current, mark = View.from_json(view), Marks.from_json({"pair": pair}).pair
        if mark is None:
            return [], ticks or 0
        try:
            answer = explorer.pair(current, mark)
        except ChannelExplorerError as error:
            return failed_card("Pair", str(error)), ticks or 0
        if isinstance(answer, Pending):
            return pending_card("Pair", answer.job.label), (ticks or 0) + 1
        return pair_card(
            current, answer.value, explorer.images(current, (mark.first, mark.second)), urls
        ), ticks or 0

    return {"show_gallery": show_gallery, "show_channel": show_channel, "show_pair": show_pair}
