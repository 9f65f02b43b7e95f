"""ChannelExplorer as a route of a Flask application that is already there."""

from __future__ import annotations

import re

from dash import Dash
from flask import Flask

from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.server.app import build, explorer_of
from channelexplorer_dash.settings import Settings

_PREFIX = re.compile(r"^/([A-Za-z0-9][A-Za-z0-9._~-]*/)*$")


def mount(flask_app: Flask, url_prefix: str, settings_or_explorer: Settings | Explorer | None = None) -> Dash:
    """Put ChannelExplorer on a host's Flask application.

    The host's ``before_request`` functions (a login check) guard it as any other route. Where the host
    uses Flask-WTF's ``CSRFProtect``, the page sends the host's token: nothing needs to be exempted.
    An application may be mounted several times, under different prefixes and with different settings.

    Parameters
    ----------
    flask_app
        The host. It must not have answered a request yet.
    url_prefix
        Where to mount, for example ``/channels/``; missing slashes are added.
    settings_or_explorer
        As in :func:`channelexplorer_dash.create_app`.

    Raises
    ------
    SettingsError
        If the prefix is not valid or already used, or the host has already answered a request.
    """
    if not isinstance(flask_app, Flask):
        raise SettingsError(f"mount() needs a flask.Flask application, got {type(flask_app).__name__}.")
    prefix = normalise_prefix(url_prefix)
    used = {rule.rule.rstrip("/") + "/" for rule in flask_app.url_map.iter_rules()}
    if prefix in used:
        raise SettingsError(f"The application already has a route at {prefix!r}. Mount under another prefix.")
    _check_open(flask_app)
    return build(flask_app, prefix, explorer_of(settings_or_explorer))


def normalise_prefix(url_prefix: str) -> str:
    """Return a prefix that begins and ends with a slash; raise SettingsError where it is not valid."""
    if not isinstance(url_prefix, str):
        raise SettingsError(f"The prefix must be text such as '/channels/', got {type(url_prefix).__name__}.")
    prefix = f"/{url_prefix.strip('/')}/" if url_prefix.strip("/") else "/"
    if not _PREFIX.match(prefix):
        raise SettingsError(
            f"{url_prefix[:80]!r} cannot be a prefix. Use letters, digits, '-', '_', '.', '~' and '/', "
            "for example '/channels/'."
        )
    return prefix


def _check_open(flask_app: Flask) -> None:
    # Flask says that it is too late only when something is registered, so register what changes nothing.
    try:
        flask_app.teardown_appcontext(lambda _: None)
    except AssertionError as error:
        raise SettingsError(
            "The Flask application has already answered a request. Call mount() before the first one."
        ) from error
