from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

from channelexplorer_dash.server.compress import SHORTEST

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
PATHS = ["/_dash-layout", "/_dash-dependencies", "/assets/bootstrap.min.css"]


@pytest.mark.parametrize("path", PATHS)
def test_text_is_compressed_for_who_takes_it(client: FlaskClient, path: str) -> None:
    plain, small = client.get(path), client.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert len(plain.data) >= SHORTEST
    assert small.headers["Content-Encoding"] == "gzip"
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data)
    assert gzip.decompress(small.data) == plain.data
    assert "Accept-Encoding" in small.headers["Vary"] and "Accept-Encoding" in plain.headers["Vary"]


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", ""])
def test_nobody_gets_what_they_do_not_take(client: FlaskClient, accepted: str) -> None:
    answer = client.get("/_dash-dependencies", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers


def test_the_page_itself_is_compressed(client: FlaskClient) -> None:
    answer = client.get("/", headers={**GZIP, "Accept": "text/html"})
    assert gzip.decompress(answer.data).startswith(b"<!DOCTYPE html>")


def test_pictures_and_short_answers_stay_as_they_are(client: FlaskClient) -> None:
    for path in ("/media/digits/1", "/healthz"):
        assert "Content-Encoding" not in client.get(path, headers=GZIP).headers


def test_a_cached_file_is_confirmed_in_either_form(client: FlaskClient) -> None:
    for headers in ({}, GZIP):
        first = client.get("/assets/bootstrap.min.css", headers=headers)
        again = client.get(
            "/assets/bootstrap.min.css", headers={**headers, "If-None-Match": first.headers["ETag"]}
        )
        assert (again.status_code, again.data) == (304, b"")
