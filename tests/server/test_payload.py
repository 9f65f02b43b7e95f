"""Callback requests that no page sends: each is refused with a message, and none is answered with 500."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.requests import payload
from channelexplorer_dash import ids
from tests.server.conftest import served

ADDRESS = "/_dash-update-component"
PAGE = f"{ids.PAGE}.children"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the expected incidents of hundreds of odd requests out of the test's report."""
    logger = logging.getLogger("channelexplorer_dash")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"output": ', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"9" * 5_000, "not valid JSON"),
        (b"null", "JSON object"),
        (b"[]", "JSON object"),
        (b'"text"', "JSON object"),
        (b"{}", "no output"),
        (b'{"output": "nothing.children"}', "no output"),
        (b'{"output": 3}', "no output"),
        (b'{"output": ["ce-page.children"]}', "no output"),
        (b'{"output": "ce-page.children\\u0000"}', "null character"),
        (b'{"output": "\0"}', "null character"),
        (b'{"output": "\\ud800"}', "not valid JSON"),
    ],
)
def test_a_broken_body_is_400(client: FlaskClient, raw: bytes, says: str) -> None:
    answer = client.post(ADDRESS, data=raw, content_type="application/json")
    assert answer.status_code == 400
    assert says in answer.json["error"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"inputs": None}, "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [3]}, "inputs"),
        ({"inputs": [{"id": 3, "property": "data"}]}, "inputs"),
        ({"inputs": [{"id": ids.ROUTE}]}, "inputs"),
        ({"inputs": [{"id": ids.ROUTE, "property": "other", "value": 1}]}, "inputs"),
        ({"state": [1]}, "state"),
        ({"state": "x"}, "state"),
        ({"changedPropIds": "x"}, "changedPropIds"),
        ({"changedPropIds": [1]}, "changedPropIds"),
        ({"outputs": "x"}, "outputs"),
        ({"outputs": [None]}, "outputs"),
        ({"outputs": {"id": ids.PAGE}}, "outputs"),
    ],
)
def test_a_body_of_another_form_is_400(
    app: Dash, client: FlaskClient, change: dict[str, Any], says: str
) -> None:
    answer = client.post(ADDRESS, json={**payload(app, PAGE), **change})
    assert answer.status_code == 400
    assert says in answer.json["error"] and "Reload the page" in answer.json["error"]


@pytest.mark.parametrize("missing", ["output", "inputs"])
def test_a_missing_key_is_400(app: Dash, client: FlaskClient, missing: str) -> None:
    body = payload(app, PAGE)
    del body[missing]
    assert client.post(ADDRESS, json=body).status_code == 400


def test_another_type_of_content_is_415(app: Dash, client: FlaskClient) -> None:
    raw = json.dumps(payload(app, PAGE))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = client.post(ADDRESS, data=raw, content_type=kind)
        assert (answer.status_code, "JSON" in answer.json["error"]) == (415, True)


@FUZZ
@given(st.binary(max_size=60))
def test_no_bytes_bring_it_down(client: FlaskClient, raw: bytes) -> None:
    assert client.post(ADDRESS, data=raw, content_type="application/json").status_code == 400


@FUZZ
@given(JSON)
def test_no_json_brings_it_down(client: FlaskClient, body: Any) -> None:
    raw = json.dumps(body)
    assert client.post(ADDRESS, data=raw, content_type="application/json").status_code == 400


@FUZZ
@given(st.data())
def test_no_value_of_a_callback_brings_it_down(app: Dash, client: FlaskClient, data: st.DataObject) -> None:
    body = payload(app, data.draw(st.sampled_from(served(app))))
    for item in (*body["inputs"], *body["state"]):
        for one in item if isinstance(item, list) else [item]:
            one["value"] = data.draw(JSON)
    answer = client.post(ADDRESS, json=body)
    assert answer.status_code in {200, 204, 400}
    if answer.status_code == 400:
        assert answer.json["error"]


@FUZZ
@given(st.data())
def test_no_part_of_a_body_brings_it_down(app: Dash, client: FlaskClient, data: st.DataObject) -> None:
    body = payload(app, data.draw(st.sampled_from(served(app))))
    for key in data.draw(st.sets(st.sampled_from([*body, "more"]), max_size=3)):
        body[key] = data.draw(JSON)
    answer = client.post(ADDRESS, json=body)
    assert answer.status_code in {200, 204, 400}
