"""What a person reads when a callback fails: the message, in the page's notice."""

from __future__ import annotations

from secrets import token_hex

import dash_bootstrap_components as dbc
from dash import set_props

from channelexplorer_dash import ids
from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.server.errors import log_unexpected, unexpected_message


def show_error(error: Exception) -> None:
    """Show the message of a callback's exception in the page's notice; its outputs stay as they are."""
    foreseen = isinstance(error, ChannelExplorerError)
    text = str(error) if foreseen else unexpected_message(log_unexpected(error))
    # The key makes each notice a new one, also where the same was just closed.
    alert = dbc.Alert(text, color="danger", dismissable=True, class_name="ce-notice", key=token_hex(4))
    set_props(ids.NOTICE, {"children": alert})
