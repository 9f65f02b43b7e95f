"""The app factory: a Dash app over an explorer, on its own Flask application or on a host's."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from dash import Dash
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

import channelexplorer_dash.assets
from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.server import security
from channelexplorer_dash.server.compress import compressed
from channelexplorer_dash.server.errors import answer, guard, not_found, wrong_method
from channelexplorer_dash.server.media import blueprint
from channelexplorer_dash.server.notice import show_error
from channelexplorer_dash.settings import Settings, load_settings

# Dash's own page names no language, and says nothing where scripts are switched off.
_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
<noscript>ChannelExplorer draws its views in the browser: switch JavaScript on for this page.</noscript>
{%app_entry%}
<footer>
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>
"""
_OTHER_METHODS = ("POST", "PUT", "PATCH", "DELETE")


class _ThreadSafeDash(Dash):
    """Dash that answers nothing before it is set up.

    Dash sets itself up in its first request; those that other threads of the process take meanwhile get 404
    for its scripts, and a browser that meets a fresh worker shows an empty page.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self._setting_up = threading.RLock()
        super().__init__(*arguments, **keywords)

    def _setup_server(self) -> None:
        with self._setting_up:
            Dash._setup_server(self)


def create_app(
    settings_or_explorer: Settings | Explorer | None = None,
    *,
    frame_ancestors: Iterable[str] = security.FRAME_ANCESTORS,
) -> Dash:
    """Build the app on a Flask application of its own, at the prefix ``/``.

    Parameters
    ----------
    settings_or_explorer
        Settings, or an explorer made from them; None reads the settings from the files and the
        environment, as :func:`channelexplorer_dash.load_settings` does.
    frame_ancestors
        Origins whose pages may show this one in a frame, as in a Content-Security-Policy.

    Returns
    -------
    dash.Dash
        ``app.server`` is the WSGI application.

    Raises
    ------
    SettingsError
        If the settings are not valid.
    """
    flask_app = Flask("channelexplorer_dash")
    app = build(flask_app, "/", explorer_of(settings_or_explorer), frame_ancestors=frame_ancestors)

    # The Flask application is ours alone: what fails before a view is found is answered in the same way.
    def failed(error: Exception) -> Response:
        return answer(error, "/")

    flask_app.register_error_handler(HTTPException, failed)
    flask_app.register_error_handler(Exception, failed)
    return app


def explorer_of(settings_or_explorer: Settings | Explorer | None) -> Explorer:
    """Return the explorer that is meant by settings, by an explorer, or by None."""
    if settings_or_explorer is None:
        return Explorer(load_settings())
    if isinstance(settings_or_explorer, Settings):
        return Explorer(settings_or_explorer)
    if isinstance(settings_or_explorer, Explorer):
        return settings_or_explorer
    raise SettingsError(
        "Expected channelexplorer_dash.Settings or Explorer, "
        f"got {type(settings_or_explorer).__name__}. Use load_settings() for settings from a file."
    )


def build(
    flask_app: Flask,
    prefix: str,
    explorer: Explorer,
    *,
    frame_ancestors: Iterable[str] = security.FRAME_ANCESTORS,
) -> Dash:
    """Put an app on a Flask application under a prefix that begins and ends with a slash."""
    from channelexplorer_dash.callbacks import register
    from channelexplorer_dash.layouts.shell import shell

    app = _ThreadSafeDash(
        "channelexplorer_dash",
        server=cast("Any", flask_app),  # declared too narrowly: it takes any Flask application
        url_base_pathname=prefix,
        assets_folder=str(Path(channelexplorer_dash.assets.__file__).parent),
        assets_ignore=r".*\.py[co]?$|.*\.txt$|^report\..*",
        title="ChannelExplorer",
        index_string=_INDEX,
        update_title="",
        suppress_callback_exceptions=True,
        add_log_handler=False,
        on_error=show_error,
        csrf_token_name=security.CSRF_COOKIE,
        csrf_header_name=security.csrf_header(flask_app),
    )
    own_name = "channelexplorer" + prefix.replace("/", "_").replace(".", "_").rstrip("_")
    routes = blueprint(app, explorer, own_name, prefix)
    flask_app.register_blueprint(routes)
    app.layout = shell()
    register(app, explorer)
    _guard_routes(flask_app, app, prefix)
    _finish_answers(flask_app, app, prefix, own_name, tuple(frame_ancestors))
    return app


def _guard_routes(flask_app: Flask, app: Dash, prefix: str) -> None:
    """Wrap Dash's views, and take over the addresses for which it would answer with the page itself."""
    callbacks = prefix + "_dash-update-component"
    views = flask_app.view_functions
    for endpoint in (*app.routes, _assets_endpoint(prefix)):
        views[endpoint] = guard(views[endpoint], app, callback=endpoint == callbacks)
    anything = prefix + "<path:path>"
    views[anything] = guard(not_found(prefix), app)
    refuse = guard(wrong_method(prefix, "GET, HEAD"), app)
    for rule in (prefix, anything):
        flask_app.add_url_rule(rule, f"{rule} method", refuse, methods=_OTHER_METHODS)
    only_post = guard(wrong_method(prefix, "POST"), app)
    methods = ["GET", *(method for method in _OTHER_METHODS if method != "POST")]
    flask_app.add_url_rule(callbacks, f"{callbacks} method", only_post, methods=methods)


def _finish_answers(
    flask_app: Flask, app: Dash, prefix: str, own_name: str, ancestors: tuple[str, ...]
) -> None:
    """Add our headers, and the host's CSRF token, to the answers of this app and to no others."""
    rules = {rule.endpoint for rule in flask_app.url_map.iter_rules() if rule.rule.startswith(prefix)}
    pages = {endpoint for endpoint in rules if endpoint.startswith(prefix)}
    own = pages | {_assets_endpoint(prefix)} | {e for e in rules if e.startswith(f"{own_name}.")}
    policy: list[str] = []

    def finish(response: Response) -> Response:
        if request.endpoint not in own:
            return response
        if not policy:
            # Only now are all clientside callbacks known, whose hashes stand in the policy.
            policy.append(security.content_policy(app, ancestors))
        security.add_headers(response, policy[0])
        compressed(response, request)
        if request.endpoint in pages:
            security.add_csrf_cookie(flask_app, request, response, prefix)
        return response

    flask_app.after_request(finish)


def _assets_endpoint(prefix: str) -> str:
    return prefix.replace("/", "_").replace(".", "_") + "dash_assets.static"
