"""``server``: the WSGI application, for ``gunicorn channelexplorer_dash.wsgi:server``.

The settings come from the files named in ``CHANNELEXPLORER_CONFIG`` and from ``CHANNELEXPLORER_*``
variables; the demo is shown where they declare no model and no dataset.
"""

from __future__ import annotations

import sys

from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.server.app import create_app
from channelexplorer_dash.server.launch import DO_NOT_RESTART, gather_settings

try:
    server = create_app(gather_settings()).server
except ChannelExplorerError as error:
    sys.stderr.write(f"channelexplorer: {error}\n")
    sys.exit(DO_NOT_RESTART)
