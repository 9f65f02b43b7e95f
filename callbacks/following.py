"""A card whose answer takes a while: asked for, followed by its status line, drawn, cancelled, retried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from dash import ctx, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import control as lines
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Answer, Pending

T = TypeVar("T")


def followed(
    explorer: Explorer,
    asked: Any,
    control: Any,
    state: Any,
    ask: Callable[[], Answer[T]],
    draw: Callable[[T], Any],
) -> tuple[Any, Any]:
    """Return a card's content and the state of its status line.

    Parameters
    ----------
    asked
        What the card is asked; nothing while it was asked nothing.
    control, state
        The last click on a status line's button, and this line's state.
    """
    # A page that comes with its panels calls this for every input, before any button was clicked.
    if control and ctx.triggered_id == ids.JOB_CONTROL:
        action = lines.asked_action(control, state)
        if action == "leave":
            raise PreventUpdate
        if action == "cancel":
            return no_update, lines.cancel(explorer, state)
        lines.forgive(explorer, state)
    if not asked:
        return [], lines.working(None)
    try:
        answer = ask()
    except ChannelExplorerError as error:
        return [], lines.failed(error)
    if isinstance(answer, Pending):
        return [], lines.working(answer.job)
    return draw(answer.value), lines.working(None)
