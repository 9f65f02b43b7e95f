"""ChannelExplorer in a host application that has its own routes, its own login and CSRF protection."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, redirect, request, session
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from channelexplorer_dash import Settings, ids, load_settings, mount
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.errors import SettingsError

BROWSER = {"Accept": "text/html"}


def demo(store: Path, **flags: Any) -> Settings:
    return load_settings([demo_settings_file()], flags={"store": store, "engine": "inline", **flags})


def host(**config: Any) -> Flask:
    """Return a host with two routes, a login check on everything and CSRF protection."""
    flask_app = Flask("host")
    flask_app.config.update(SECRET_KEY="host's own", **config)
    CSRFProtect(flask_app)

    @flask_app.before_request
    def check_login() -> Any:
        if request.path != "/login" and "user" not in session:
            return redirect("/login") if request.method == "GET" else ("Log in first.", 401)
        return None

    @flask_app.get("/")
    def home() -> str:
        return "the host's home"

    @flask_app.get("/login")
    def login() -> str:
        session["user"] = "somebody"
        return "welcome"

    @flask_app.errorhandler(404)
    def missing(_: object) -> tuple[str, int]:
        return "the host's own 404", 404

    @flask_app.errorhandler(Exception)
    def failed(error: Exception) -> Any:
        return error if isinstance(error, HTTPException) else ("the host's own failure", 500)

    return flask_app


@pytest.fixture
def mounted(tmp_path: Path) -> Flask:
    """Return a host with two mounts of different settings."""
    flask_app = host()
    mount(flask_app, "/channels/", demo(tmp_path / "one"))
    other = load_settings(
        flags={
            "store": tmp_path / "two",
            "engine": "inline",
            "datasets": [{"name": "figures", "kind": "digits"}],
            "models": [{"name": "other", "source": "timm:resnet18"}],
        }
    )
    mount(flask_app, "lab/channels", other)
    return flask_app


def logged_in(flask_app: Flask) -> FlaskClient:
    client = flask_app.test_client()
    client.get("/login")
    return client


def config(page: TestResponse) -> dict[str, Any]:
    """Return what the page tells Dash's script."""
    found = re.search(
        r'<script id="_dash-config" type="application/json">(.*?)</script>', page.text, re.DOTALL
    )
    assert found
    return dict(json.loads(found[1]))


def post(client: FlaskClient, prefix: str, **more: Any) -> TestResponse:
    body = {
        "output": f"{ids.PAGE}.children",
        "outputs": {"id": ids.PAGE, "property": "children"},
        "inputs": [{"id": ids.ROUTE, "property": "data", "value": {"search": "?summary=nothing"}}],
        "state": [],
        "changedPropIds": [f"{ids.ROUTE}.data"],
    }
    return client.post(f"{prefix}_dash-update-component", json=body, **more)


def test_the_host_s_login_guards_every_address(mounted: Flask) -> None:
    client = mounted.test_client()
    for path in ("", "_dash-layout", "_dash-dependencies", "media/digits/1", "healthz", "nothing"):
        answer = client.get(f"/channels/{path}")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/login"), path
    # The CSRF protection, registered before it, refuses first.
    assert post(client, "/channels/").status_code == 400


def test_the_host_keeps_its_own_pages_and_errors(mounted: Flask) -> None:
    client = logged_in(mounted)
    assert client.get("/").text == "the host's home"
    assert client.get("/nothing").text == "the host's own 404"
    assert "Content-Security-Policy" not in client.get("/").headers


def test_our_errors_are_our_own(mounted: Flask) -> None:
    client = logged_in(mounted)
    answer = client.get("/channels/nothing", headers=BROWSER)
    assert answer.status_code == 404
    assert '<a href="/channels/">' in answer.text
    assert client.get("/channels/media/nothing/1").status_code == 404
    assert client.get("/channels/_dash-component-suites/nothing/x.js").status_code == 404


def test_the_page_is_there_under_both_prefixes(mounted: Flask) -> None:
    client = logged_in(mounted)
    assert client.get("/channels").headers["Location"].endswith("/channels/")
    for prefix in ("/channels/", "/lab/channels/"):
        page = client.get(prefix)
        assert page.status_code == 200
        assert config(page)["requests_pathname_prefix"] == prefix
        assert f"{prefix}assets/" in page.text
        assert client.get(f"{prefix}assets/bootstrap.min.css").status_code == 200
        assert client.get(f"{prefix}_dash-dependencies").status_code == 200


def test_two_mounts_share_nothing(mounted: Flask) -> None:
    client = logged_in(mounted)
    assert client.get("/channels/media/digits/1").status_code == 200
    assert client.get("/channels/media/figures/1").status_code == 404
    assert client.get("/lab/channels/media/figures/1").status_code == 200
    assert client.get("/lab/channels/media/digits/1").status_code == 404


def test_callbacks_work_with_csrf_protection_and_nothing_exempted(mounted: Flask) -> None:
    for prefix in ("/channels/", "/lab/channels/"):
        client = logged_in(mounted)
        told = config(client.get(prefix))
        assert (told["csrf_token_name"], told["csrf_header_name"]) == ("_csrf_token", "X-CSRFToken")
        cookie = client.get_cookie("_csrf_token", path=prefix)
        assert cookie is not None and not cookie.http_only and cookie.same_site == "Lax"
        assert post(client, prefix).status_code == 400
        assert post(client, prefix, headers={"X-CSRFToken": "made-up"}).status_code == 400
        answer = post(client, prefix, headers={"X-CSRFToken": cookie.value})
        assert answer.status_code == 200
        assert "nothing" in answer.text


def test_csrf_protection_holds_over_https_too(mounted: Flask) -> None:
    client = logged_in(mounted)
    base = {"base_url": "https://tools.example"}
    client.get("/login", **base)
    client.get("/channels/", **base)
    cookie = client.get_cookie("_csrf_token", domain="tools.example", path="/channels/")
    assert cookie is not None and cookie.secure
    headers = {"X-CSRFToken": cookie.value, "Referer": "https://tools.example/channels/"}
    assert post(client, "/channels/", headers=headers, **base).status_code == 200


def test_an_expired_token_is_renewed_by_the_refusal_itself(tmp_path: Path) -> None:
    flask_app = host(WTF_CSRF_TIME_LIMIT=-1)
    mount(flask_app, "/channels/", demo(tmp_path))
    client = logged_in(flask_app)
    client.get("/channels/")
    old = client.get_cookie("_csrf_token", path="/channels/")
    assert old is not None
    refused = post(client, "/channels/", headers={"X-CSRFToken": old.value})
    assert refused.status_code == 400
    flask_app.config["WTF_CSRF_TIME_LIMIT"] = 3600
    new = client.get_cookie("_csrf_token", path="/channels/")
    assert new is not None
    assert post(client, "/channels/", headers={"X-CSRFToken": new.value}).status_code == 200


def test_the_header_of_the_host_s_choice_is_used(tmp_path: Path) -> None:
    flask_app = host(WTF_CSRF_HEADERS=["X-Host-Token"])
    mount(flask_app, "/channels/", demo(tmp_path))
    assert config(logged_in(flask_app).get("/channels/"))["csrf_header_name"] == "X-Host-Token"


def test_no_cookie_is_set_without_csrf_protection(tmp_path: Path) -> None:
    flask_app = Flask("bare")
    mount(flask_app, "/channels/", demo(tmp_path))
    answer = flask_app.test_client().get("/channels/")
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers


def test_pictures_carry_no_cookie(mounted: Flask) -> None:
    client = logged_in(mounted)
    assert "Set-Cookie" not in client.get("/channels/media/digits/1").headers


@pytest.mark.parametrize("prefix", ["channels", "/channels", "channels/", "/channels/"])
def test_missing_slashes_are_added(tmp_path: Path, prefix: str) -> None:
    flask_app = Flask("bare")
    app = mount(flask_app, prefix, demo(tmp_path))
    assert app.config.requests_pathname_prefix == "/channels/"
    assert flask_app.test_client().get("/channels/").status_code == 200


@pytest.mark.parametrize(
    "prefix", ["a b", "/a//b/", "/<x>/", "/a?b/", "/../", "é", "/a/%20/", "http://x/", "a" * 9 + "\n", 3]
)
def test_a_prefix_that_cannot_be_one_is_refused(tmp_path: Path, prefix: Any) -> None:
    with pytest.raises(SettingsError, match="prefix"):
        mount(Flask("bare"), prefix, demo(tmp_path))


def test_a_prefix_that_is_taken_is_refused(mounted: Flask, tmp_path: Path) -> None:
    for prefix in ("/channels/", "lab/channels", "/", "/login"):
        with pytest.raises(SettingsError, match="already has a route"):
            mount(mounted, prefix, demo(tmp_path))


def test_it_can_be_mounted_at_the_root_of_a_host_that_has_none(tmp_path: Path) -> None:
    flask_app = Flask("bare")
    flask_app.get("/own")(lambda: Response("own"))
    mount(flask_app, "", demo(tmp_path))
    client = flask_app.test_client()
    assert client.get("/").status_code == 200
    assert client.get("/own").text == "own"
    assert client.get("/nothing").status_code == 404


def test_it_is_too_late_after_the_first_request(mounted: Flask, tmp_path: Path) -> None:
    logged_in(mounted)
    with pytest.raises(SettingsError, match="already answered a request"):
        mount(mounted, "/late/", demo(tmp_path))


def test_only_a_flask_application_can_be_a_host(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Flask application"):
        mount("app", "/channels/", demo(tmp_path))  # type: ignore[arg-type]
