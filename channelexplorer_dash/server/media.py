"""Thumbnails, overlays and the health check, as one Flask blueprint for each mounted app."""

from __future__ import annotations

import hashlib
import io
import os
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from dash import Dash
from flask import Blueprint, Response, jsonify, request
from PIL import Image

from channelexplorer_dash import __version__
from channelexplorer_dash.datasets.thumbnails import LARGEST, SMALLEST, thumbnail
from channelexplorer_dash.errors import SelectionError, StoreError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import ChannelMark, View
from channelexplorer_dash.server.errors import guard

_YEAR = 365 * 24 * 3600


def blueprint(app: Dash, explorer: Explorer, name: str, prefix: str) -> Blueprint:
    """Build the routes of one mounted app.

    ``GET {prefix}media/<dataset>/<image_id>?size=64``: the image as a WebP thumbnail whose longer side
    has ``size`` pixels. ``GET {prefix}overlay/<model>/<dataset>/<layer>/<channel>/<image_id>``: the
    channel's activation map over that image, as a PNG whose opacity is the activation; 202 while it is
    computed. ``GET {prefix}healthz``: 200 while requests can be answered.
    """
    routes = Blueprint(name, __name__, url_prefix=prefix.rstrip("/") or None)

    def media(dataset: str, image_id: int) -> Response:
        size = _size(request.args.get("size", "64"))
        if isinstance(drawn := explorer.drawn(dataset), Pending):
            return waiting(drawn)
        images = explorer.dataset(dataset)
        tag = _digest(images.digest, str(image_id), str(size))
        if request.if_none_match.contains(tag):
            response = Response(status=304)
        else:
            response = Response(thumbnail(images, image_id, size), mimetype="image/webp")
        return _cached(response, tag)

    def overlay(model: str, dataset: str, layer: str, channel: int, image_id: int) -> Response:
        answer = explorer.overlay(View(model, dataset), ChannelMark(layer, channel), image_id)
        if isinstance(answer, Pending):
            return waiting(answer)
        tag = _digest(answer.key)
        if request.if_none_match.contains(tag):
            return _cached(Response(status=304), tag)
        return _cached(Response(heat_png(answer.value), mimetype="image/png"), tag)

    def healthz() -> Response:
        store = explorer.settings.store
        existing = next(folder for folder in (store, *store.parents) if folder.exists())
        if not os.access(existing, os.R_OK | os.W_OK):
            raise StoreError(f"The store {store} cannot be written. Check its permissions.")
        response = jsonify(status="ok", version=__version__)
        response.headers["Cache-Control"] = "no-store"
        return response

    routes.add_url_rule("/media/<dataset>/<int:image_id>", "media", guard(media, app))
    overlay_rule = "/overlay/<model>/<dataset>/<path:layer>/<int:channel>/<int:image_id>"
    routes.add_url_rule(overlay_rule, "overlay", guard(overlay, app))
    routes.add_url_rule("/healthz", "healthz", guard(healthz, app))
    return routes


def waiting(answer: Pending) -> Response:
    """Return the answer for what is still computed: the browser is to ask again."""
    response = jsonify(job=answer.job.label, done=answer.job.done, total=answer.job.total)
    response.status_code = 202
    response.headers["Retry-After"] = "1"
    response.headers["Cache-Control"] = "no-store"
    return response


def heat_png(values: npt.NDArray[np.float32]) -> bytes:
    """Draw an activation map as a PNG: colour and opacity grow with the value.

    Parameters
    ----------
    values
        float32 (H, W) from 0 to 1; what lies outside is clipped, what is not finite is transparent.
    """
    finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    index = (np.clip(finite, 0.0, 1.0) * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(_heat_colours()[index], "RGBA").save(file, "PNG", optimize=False)
    return file.getvalue()


@lru_cache(maxsize=1)
def _heat_colours() -> npt.NDArray[np.uint8]:
    """Return uint8 (256, 4): from a transparent violet over orange to an opaque pale yellow."""
    stops = np.array([0.0, 0.35, 0.7, 1.0])
    rgba = np.array([[60, 15, 110, 0], [190, 55, 82, 120], [249, 142, 9, 190], [252, 255, 164, 225]])
    steps = np.linspace(0.0, 1.0, 256)
    return np.stack([np.interp(steps, stops, rgba[:, c]) for c in range(4)], axis=1).astype(np.uint8)


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not SMALLEST <= int(text) <= LARGEST:
        raise SelectionError(f"The size of a thumbnail must be a number from {SMALLEST} to {LARGEST}.")
    return int(text)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join((__version__, *parts)).encode()).hexdigest()[:32]


def _cached(response: Response, tag: str) -> Response:
    """Let the browser keep an answer, but nobody between: the host may have asked for a login.

    An address that carries the content's version (``v``) never changes; any other is asked for
    again after a minute, which costs a 304.
    """
    response.set_etag(tag)
    cache = response.cache_control
    cache.private = True
    cache.max_age = _YEAR if request.args.get("v") else 60
    cache.immutable = bool(request.args.get("v"))
    return response
