from __future__ import annotations

import io
import time
from urllib.parse import quote

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.server.media import heat_png


def test_a_thumbnail_is_webp_of_the_asked_size(client: FlaskClient) -> None:
    answer = client.get("/media/digits/7?size=48")
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    with Image.open(io.BytesIO(answer.data)) as image:
        assert image.size == (48, 48)
    assert client.get("/media/digits/7").data != answer.data


def test_a_thumbnail_is_kept_by_the_browser_and_by_nobody_between(client: FlaskClient) -> None:
    first = client.get("/media/digits/7")
    tag = first.headers["ETag"]
    assert not tag.startswith("W/")
    assert first.cache_control.private and first.cache_control.max_age == 60
    again = client.get("/media/digits/7", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert client.get("/media/digits/8", headers={"If-None-Match": tag}).status_code == 200
    assert client.get("/media/digits/7?size=32", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("address", "status", "says"),
    [
        ("media/digits/1797", 404, "1797"),
        ("media/digits/99999999999999999999", 404, "no image"),
        ("media/nothing/1", 404, "There is no dataset 'nothing'"),
        ("media/digits/-1", 404, "There is no page"),
        ("media/digits/one", 404, "There is no page"),
        ("media/digits/1?size=1", 400, "size"),
        ("media/digits/1?size=100000", 400, "size"),
        ("media/digits/1?size=²", 400, "size"),
        ("media/digits/1?size=", 400, "size"),
        ("media/digits/1?size=%00", 400, "null"),
        ("media/../../etc/passwd", 404, "There is no page"),
        ("overlay/digits-resnet/digits/nowhere/0/0", 404, "There is no layer"),
        ("overlay/nothing/digits/layer1/0/0", 404, "There is no model"),
        ("overlay/digits-resnet/nothing/layer1/0/0", 404, "There is no dataset"),
        ("overlay/digits-resnet/digits/layer1.0/9999/0", 404, "channel"),
        ("overlay/digits-resnet/digits/layer1.0/0/99999", 404, "99"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(
    client: FlaskClient, address: str, status: int, says: str
) -> None:
    answer = settled(client, f"/{address}")
    assert answer.status_code == status
    assert says in answer.json["error"]


def test_an_overlay_is_a_png_with_transparency(client: FlaskClient, explorer: Explorer) -> None:
    layer = quote(explorer.default_layers(described(explorer))[0], safe="")
    answer = settled(client, f"/overlay/digits-resnet/digits/{layer}/0/3?size=96")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    with Image.open(io.BytesIO(answer.data)) as image:
        assert image.mode == "RGBA"
    again = client.get(answer.request.path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_heat_grows_with_the_value_and_takes_any_value() -> None:
    values = np.array([[0.0, 0.5, 1.0], [np.nan, np.inf, -3.0]], np.float32)
    with Image.open(io.BytesIO(heat_png(values))) as image:
        alpha = np.asarray(image)[..., 3]
    assert alpha[0, 0] == 0 < alpha[0, 1] < alpha[0, 2]
    assert (alpha[1] == [0, alpha[0, 2], 0]).all()


def test_health_is_never_cached(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert answer.json["status"] == "ok"
    assert "no-store" in answer.headers["Cache-Control"]


def described(explorer: Explorer) -> ModelDescription:
    while not isinstance(answer := explorer.describe("digits-resnet"), Ready):
        time.sleep(0.05)
    return answer.value


def settled(client: FlaskClient, address: str) -> TestResponse:
    """Ask again while the engine is at work, as the page does."""
    deadline = time.monotonic() + 120
    while (answer := client.get(address)).status_code == 202 and time.monotonic() < deadline:
        assert answer.headers["Retry-After"] == "1"
        time.sleep(0.05)
    return answer
