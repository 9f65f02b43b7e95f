"""Answers compressed on their way, where the browser takes it."""

from __future__ import annotations

import gzip

from flask import Request, Response

# Shorter answers fit in a packet or two as they are.
SHORTEST = 1400
# The fastest level: figures are mostly binary, of which a slower one makes hardly less.
LEVEL = 1


def compressed(response: Response, request: Request) -> Response:
    """Compress an answer of text (page, script, JSON) in place with gzip; leave all others as they are.

    A host application's own compression, applied before or after, is respected: what is encoded already
    stays as it is.
    """
    mimetype = response.mimetype or ""
    is_text = mimetype.startswith("text/") or mimetype in {"application/json", "application/javascript"}
    if not is_text or response.status_code != 200 or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or request.method == "HEAD":
        return response
    response.direct_passthrough = False
    data = response.get_data()
    if len(data) >= SHORTEST:
        response.set_data(gzip.compress(data, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        if etag := response.get_etag()[0]:
            # Weak: the same content in another form.
            response.set_etag(etag, weak=True)
    return response
