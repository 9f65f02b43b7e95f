"""The address of ``serve``: is it ours, and is it free."""

from __future__ import annotations

import http.client
import json

from channelexplorer_dash.doctor.finding import Finding
from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.server.launch import address, check_address
from channelexplorer_dash.settings import Settings

_PATIENCE_SECONDS = 3.0
_ANSWER_BYTES = 1000


def check_port(settings: Settings) -> Finding:
    """Try to listen where ``serve`` would; a server of ours that is there already is no problem."""
    where = address(settings.host, settings.port)
    try:
        check_address(settings.host, settings.port)
    except SettingsError as error:
        if _is_served(settings.host, settings.port):
            return Finding("ok", "port", f"ChannelExplorer is served at {where} already.")
        return Finding("problem", "port", str(error))
    return Finding("ok", "port", f"{where} is free.")


def _is_served(host: str, port: int) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(reachable, port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        said = json.loads(answer.read(_ANSWER_BYTES))
        return answer.status == 200 and isinstance(said, dict) and {"status", "version"} <= said.keys()
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
