from __future__ import annotations

import re

import pytest
from dash import Dash, Input, Output
from flask import Response
from flask.testing import FlaskClient

from benchmarks.requests import payload
from channelexplorer_dash import create_app, ids
from channelexplorer_dash.errors import EngineError, SettingsError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.server.security import MAX_BODY_BYTES

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_the_page_and_what_it_loads_are_there(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER)
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(addresses) > 5
    for address in addresses:
        assert address.startswith("/"), "everything comes from this server"
        assert client.get(address).status_code == 200, address


def test_nothing_but_styles_scripts_and_pictures_is_served_as_an_asset(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER).text
    assert "/assets/" in page
    assert "__init__" not in page


@pytest.mark.parametrize(
    "path", ["/nothing", "/a/b/c", "/favicon.ico/x", "/_dash-nothing", "/" + "x" * 10_000]
)
def test_an_unknown_page_is_404_with_a_link_home(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert '<a href="/">' in answer.text
    assert len(answer.data) < 2_000
    assert client.get(path).json["status"] == 404


def test_what_stands_in_an_address_is_escaped(client: FlaskClient) -> None:
    answer = client.get("/<script>alert(1)</script>", headers=BROWSER)
    assert "<script" not in answer.text


def test_a_link_of_ten_thousand_characters_opens_the_page(client: FlaskClient) -> None:
    assert client.get("/?layer=" + "x" * 10_000, headers=BROWSER).status_code == 200


def test_a_link_of_ten_thousand_characters_is_explained_on_the_page(app: Dash, client: FlaskClient) -> None:
    body = payload(app, f"{ids.PAGE}.children", {f"{ids.ROUTE}.data": {"search": "?layer=" + "x" * 10_000}})
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    assert "at most 8,000" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/_dash-update-component", "POST"),
        ("PUT", "/_dash-update-component", "POST"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/media/digits/1", "GET, HEAD"),
        ("POST", "/nothing", "GET, HEAD"),
        ("PATCH", "/_dash-layout", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405(client: FlaskClient, method: str, path: str, allowed: str) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert method in answer.json["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.css",
        "/assets/%00",
        "/assets/..%2f..%2fpyproject.toml",
        "/_dash-component-suites/nothing/x.js",
        "/_dash-component-suites/dash/deps/nothing.js",
        "/_dash-component-suites/dash/../dash.py",
        "/%00",
        "/?x=%00",
        "/%ff%fe",
        "/media/%ff/1",
    ],
)
def test_odd_addresses_are_refused(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert 400 <= answer.status_code < 500
    assert answer.json["error"]


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/healthz", "/media/digits/1", "/_dash-layout", "/assets/bootstrap.min.css"]
)
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]


def test_the_policy_names_every_inline_script_of_the_page(client: FlaskClient) -> None:
    import base64
    import hashlib

    page = client.get("/", headers=BROWSER)
    policy = page.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    for attributes, script in re.findall(r"<script([^>]*)>(.*?)</script>", page.text, re.DOTALL):
        if script and "application/json" not in attributes:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Sec-Fetch-Site": "same-origin"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 400),
        ({"Origin": "http://LOCALHOST"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[evil"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
    ],
)
def test_only_our_own_pages_may_post(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    answer = client.post("/_dash-update-component", json={}, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("host", ["a b", "a<b>", "a:b", "x" * 300, "évil", "a/b", "a@b"])
def test_a_host_that_is_no_host_name_is_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host.encode().decode("latin-1")}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "example.org:8050", "127.0.0.1:1", "[::1]:8050"])
def test_a_host_name_is_taken(client: FlaskClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_large_request_is_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/_dash-update-component", data=b"x" * (MAX_BODY_BYTES + 1), content_type="application/json"
    )
    assert answer.status_code == 413
    assert "8 MiB" in answer.json["error"]


def failing(explorer: Explorer, error: Exception) -> Dash:
    app = create_app(explorer)

    @app.callback(Output("test-out", "children"), Input("test-in", "value"))
    def fail(_: object) -> str:
        raise error

    @app.server.get("/failing")
    def view() -> Response:
        raise error

    return app


def test_a_failed_callback_is_explained_in_the_notice(explorer: Explorer) -> None:
    app = failing(explorer, EngineError("The engine sleeps. Wake it."))
    answer = app.server.test_client().post("/_dash-update-component", json=payload(app, "test-out.children"))
    assert answer.status_code == 200
    assert "The engine sleeps. Wake it." in str(answer.json["sideUpdate"][ids.NOTICE])


def test_an_unexpected_failure_is_logged_under_the_id_that_is_shown(
    explorer: Explorer, caplog: pytest.LogCaptureFixture
) -> None:
    app = failing(explorer, RuntimeError("secret detail"))
    answer = app.server.test_client().post("/_dash-update-component", json=payload(app, "test-out.children"))
    shown = str(answer.json["sideUpdate"][ids.NOTICE])
    assert "secret detail" not in shown
    incident = re.search(r"under ([0-9a-f]{8})", shown)
    assert incident and incident[1] in caplog.text and "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [(RuntimeError("secret"), 503, "under"), (SettingsError("Mend it."), 400, "Mend it.")],
)
def test_no_view_answers_500(explorer: Explorer, error: Exception, status: int, says: str) -> None:
    answer = failing(explorer, error).server.test_client().get("/failing", headers=BROWSER)
    assert answer.status_code == status
    assert says in answer.text and "secret" not in answer.text


def test_create_app_takes_settings_an_explorer_or_nothing_else(explorer: Explorer) -> None:
    with pytest.raises(SettingsError, match="Expected"):
        create_app("settings.toml")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?show=nothing", "There is no way of showing models"),
        ("?show=side", "names no second model"),
        ("?show=side&compare=never", "no model 'never'"),
        ("?show=side&compare=digits-resnet", "Choose another under Compare with"),
        ("?show=side&compare=digits-resnet&dataset=never", "no dataset 'never'"),
        ("?show=side&compare=digits-resnet&classes=r2v.0", "there is no class"),
    ],
)
def test_models_that_cannot_stand_side_by_side_are_explained(
    app: Dash, client: FlaskClient, query: str, told: str
) -> None:
    assert client.get("/" + query, headers=BROWSER).status_code == 200
    body = payload(app, f"{ids.PAGE}.children", {f"{ids.ROUTE}.data": {"search": query}})
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    assert "This view cannot be shown" in answer.text and told in answer.text


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (("'none'",), "'self'"),
        (("https://lab.example",), "'self' https://lab.example"),
        (("'self'",), "'self'"),
    ],
)
def test_the_page_may_always_show_itself_in_a_frame(
    explorer: Explorer, given: tuple[str, ...], allowed: str
) -> None:
    answer = create_app(explorer, frame_ancestors=given).server.test_client().get("/?show=side")
    assert answer.headers["Content-Security-Policy"].endswith(f"; frame-ancestors {allowed}")
