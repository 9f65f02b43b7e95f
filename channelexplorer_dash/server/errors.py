"""Every failure becomes an answer with a clear message; nothing public ever answers 500."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from dash import Dash
from dash.exceptions import DependencyException, InvalidResourceError, PreventUpdate
from flask import Response, jsonify, request
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from channelexplorer_dash.errors import ChannelExplorerError
from channelexplorer_dash.server.payload import check_payload
from channelexplorer_dash.server.security import check_request

LOGGER = logging.getLogger("channelexplorer_dash")

View = Callable[..., Any]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · ChannelExplorer</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 38rem; margin: 15vh auto 0; padding: 0 1.5rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.4rem; }}
</style></head>
<body><main><h1>{title}</h1><p>{message}</p>
<p><a href="{home}">Go to the start page</a></p></main></body></html>
"""


def guard(view: View, app: Dash, *, callback: bool = False) -> View:
    """Wrap a view of one mounted app: check the request first, and answer every failure clearly.

    Views are wrapped one by one, so that the error handlers of a host application stay untouched.

    Parameters
    ----------
    callback
        Whether the view takes callback requests, whose body is then checked too.
    """
    home: str = app.config.requests_pathname_prefix

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            check_request(request)
            if callback:
                check_payload(app, request)
            return view(*args, **kwargs)
        except PreventUpdate:
            return "", HTTPStatus.NO_CONTENT
        except Exception as error:
            return answer(error, home, malformed=callback)

    return guarded


def answer(error: Exception, home: str, *, malformed: bool = False) -> Response:
    """Turn an exception into an answer.

    Parameters
    ----------
    home
        Address of the start page.
    malformed
        Whether an unexpected exception means that the request was malformed, which is answered with
        400. So it is for callback requests: what fails inside their functions is shown in the page's
        notice, so that only Dash's reading of the request is left to fail.
    """
    if isinstance(error, ChannelExplorerError):
        return message(str(error), error.status, home)
    if isinstance(error, (DependencyException, InvalidResourceError)):
        return message("There is no such file.", HTTPStatus.NOT_FOUND, home)
    if isinstance(error, HTTPException):
        if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
            response: Response = error.get_response()  # type: ignore[assignment]
            return response
        if error.code != HTTPStatus.INTERNAL_SERVER_ERROR:
            answered = message(error.description or error.name, error.code, home)
            answered.headers.extend([h for h in error.get_headers() if h[0] == "Allow"])
            return answered
    incident = log_unexpected(error)
    if malformed:
        text = f"The request cannot be answered. Reload the page and try again. (Incident {incident}.)"
        return message(text, HTTPStatus.BAD_REQUEST, home)
    return message(unexpected_message(incident), HTTPStatus.SERVICE_UNAVAILABLE, home)


def log_unexpected(error: Exception) -> str:
    """Log an exception that nobody foresaw with its traceback; return the id that finds it in the log."""
    incident = secrets.token_hex(4)
    LOGGER.error("Incident %s: %s: %s", incident, type(error).__name__, error, exc_info=error)
    return incident


def unexpected_message(incident: str) -> str:
    """Return what a person reads about an exception that nobody foresaw."""
    return f"Something went wrong on the server. Try again; the server's log has more under {incident}."


def message(text: str, status: int, home: str) -> Response:
    """Return a message in the form that the client asks for: JSON, or a page with a link home."""
    accepted = request.accept_mimetypes
    wants_page = accepted["text/html"] > 0 and accepted["text/html"] >= accepted["application/json"]
    if "text/html" in request.headers.get("Accept", "") and wants_page:
        title = HTTPStatus(status).phrase
        page = _PAGE.format(title=escape(title), message=escape(text), home=escape(home))
        response = Response(page, status, mimetype="text/html")
    else:
        response = jsonify(error=text, status=int(status))
        response.status_code = int(status)
    response.headers["Cache-Control"] = "no-store"
    return response


def not_found(home: str) -> View:
    """Return the view of every address that does not exist, whose page links home."""

    def missing(path: str = "") -> Response:
        return message(f"There is no page {home}{path[:200]}.", HTTPStatus.NOT_FOUND, home)

    return missing


def wrong_method(home: str, allowed: str) -> View:
    """Return the view of requests whose method an address does not take."""

    def refused(path: str = "") -> Response:
        response = message(
            f"This address does not take {request.method} requests.", HTTPStatus.METHOD_NOT_ALLOWED, home
        )
        response.headers["Allow"] = allowed
        return response

    return refused
