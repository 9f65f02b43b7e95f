"""What every request must satisfy, and the headers that every answer carries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from dash import Dash
from flask import Flask, Request, Response
from werkzeug.exceptions import BadRequest, Forbidden, RequestEntityTooLarge

MAX_BODY_BYTES = 8 * 1024 * 1024
CSRF_COOKIE = "_csrf_token"
FRAME_ANCESTORS = ("'self'",)
# Where notebooks show an iframe of a server that runs on the person's own machine.
NOTEBOOK_ANCESTORS = ("'self'", "http://localhost:*", "http://127.0.0.1:*", "vscode-webview:")

_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?$")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def check_request(request: Request) -> None:
    """Refuse what no browser on one of our own pages sends.

    Raises
    ------
    werkzeug.exceptions.BadRequest
        If the Host header or the address is not valid.
    werkzeug.exceptions.Forbidden
        If another site sends a request that changes something.
    werkzeug.exceptions.RequestEntityTooLarge
        If the body is larger than ``MAX_BODY_BYTES``.
    """
    if not _HOST.match(request.environ.get("HTTP_HOST") or request.environ.get("SERVER_NAME", "")):
        raise BadRequest("The Host header of the request is not a valid host name.")
    query: bytes = request.query_string
    if "\0" in request.path or b"%00" in query or b"\0" in query:
        raise BadRequest("The address holds a null character. Check the link.")
    if request.method in _SAFE_METHODS:
        return
    if not _same_origin(request):
        raise Forbidden(
            "The request comes from another site. Open the page itself; behind a proxy, "
            "let the proxy pass on the Host header."
        )
    request.max_content_length = MAX_BODY_BYTES
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge(f"The request is larger than {MAX_BODY_BYTES // 1024**2} MiB.")


def _same_origin(request: Request) -> bool:
    """Tell whether a request that changes something comes from our own pages.

    Browsers say so in Sec-Fetch-Site wherever the connection is trustworthy (HTTPS or localhost), which
    no proxy changes. Without it the Origin must name our host; programs send neither and are no danger,
    as the danger is a browser that adds somebody's cookies.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        named = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return bool(named) and named == request.host.lower()


def content_policy(app: Dash, ancestors: Iterable[str] = FRAME_ANCESTORS) -> str:
    """Return the Content-Security-Policy of an app's pages.

    Everything comes from this server. Dash's inline scripts are named by their hashes. ``unsafe-eval``
    stays: plotly.js compiles its WebGL programs with ``new Function``. Plotly and Bootstrap set style
    attributes; images and downloads are made as ``data:`` and ``blob:`` addresses. Whoever else may show the
    page in a frame, it may itself: two models stand side by side in frames.
    """
    allowed = dict.fromkeys(["'self'", *(origin for origin in ancestors if origin != "'none'")])
    scripts = " ".join(dict.fromkeys(app.csp_hashes()))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {' '.join(allowed)}",
        )
    )


def add_headers(response: Response, policy: str) -> None:
    """Add the headers that every answer carries; what a host application has set already stays.

    The referrer policy is ``same-origin`` and not stricter, as Flask-WTF asks for a Referer on HTTPS.
    """
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")


def csrf_header(flask_app: Flask) -> str:
    """Return the header in which the host's CSRF protection looks for its token."""
    names = flask_app.config.get("WTF_CSRF_HEADERS") or ["X-CSRFToken"]
    return str(names[0])


def add_csrf_cookie(flask_app: Flask, request: Request, response: Response, prefix: str) -> None:
    """Hand the host's CSRF token to the page, which sends it back with every callback.

    Does nothing where the host has no Flask-WTF ``CSRFProtect``. The cookie is renewed with every answer,
    also with the one that says that the token has expired, so that a page left open for hours heals itself.
    """
    if "csrf" not in flask_app.extensions:
        return
    from flask_wtf.csrf import generate_csrf

    response.set_cookie(
        CSRF_COOKIE, generate_csrf(), path=prefix, samesite="Lax", secure=request.is_secure, httponly=False
    )
