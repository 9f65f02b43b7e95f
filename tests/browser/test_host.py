"""Mounted twice in a host application that has its own login check and CSRF protection."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.browser.conftest import Open
from tests.browser.drawing import clear_lasso
from tests.browser.host_application import FIRST, SECOND, SETTINGS
from tests.browser.screen import FIGURE
from tests.browser.serving import LINGER_SECONDS, Server, serving
from tests.browser.test_side_by_side import draw_lasso, frames, read

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

COMMAND = (
    "gunicorn 'tests.browser.host_application:application()' --bind ${HOST}:${PORT} --workers 2 "
    "--worker-class gthread --threads 8 --timeout 120"
)
QUERY = "?per_class=12&projection=pca&layer=layer4.0"


@pytest.fixture(scope="module")
def hosting(server: Server) -> Iterator[Server]:
    """Return the host, on the store of the demo: what that has computed is there for the mounts as well."""
    settings = {
        "store": str(server.store),
        "threads": 1,
        "engine_linger_seconds": LINGER_SECONDS,
        "poll_milliseconds": 200,
        "webgl_points": 1500,
    }
    variables = {SETTINGS: json.dumps(settings)}
    with serving(COMMAND, server.store, server.log.parent, "host", variables, keeps_engine=True) as running:
        yield running


def test_both_mounts_work_behind_the_host_s_login(
    browse: Open, hosting: Server, labels: dict[int, int]
) -> None:
    screen = browse(hosting.address)
    for prefix in (FIRST, SECOND):
        # A page that is still open would ask for its jobs without a login.
        screen.page.goto("about:blank")
        screen.page.context.clear_cookies()
        screen.page.goto(hosting.address.rstrip("/") + prefix)
        assert screen.page.url == hosting.address + "login"
        assert screen.page.locator(".ce-shell").count() == 0
        # The host's login page has logged us in.
        screen.open(prefix.lstrip("/") + QUERY)
        assert screen.panels() == ["layer4.0"]
        assert screen.selection().view.dataset == ("digits" if prefix == FIRST else "figures")
        lasso = clear_lasso(screen.points("layer4.0"))
        screen.drag(lasso.corners)
        screen.eventually(screen.marked, screen.expected_marks(lasso.images, labels))
        pictures = screen.page.locator(".ce-gallery img")
        screen.eventually(
            lambda pictures=pictures: pictures.evaluate_all(  # type: ignore[misc]
                "all => all.length > 0 && all.every(one => one.complete && one.naturalWidth > 0)"
            ),
            True,
        )
        screen.part("layers", "row", "layer3.0").click()
        screen.eventually(screen.panels, ["layer4.0", "layer3.0"])
        screen.settle()
    sent = {line.path for line in hosting.answered() if line.method == "POST"}
    assert sent == {f"{FIRST}_dash-update-component", f"{SECOND}_dash-update-component"}
    assert all(line.status < 400 for line in hosting.answered())


def test_two_models_stand_side_by_side_under_a_mount(browse: Open, hosting: Server) -> None:
    screen = browse(hosting.address)
    screen.page.goto(hosting.address + "login")
    screen.go(f"{SECOND.lstrip('/')}{QUERY}&compare=untrained&show=side&beside=layer3.0")
    left, right = frames(screen.page)
    for frame, layer in ((left, "layer4.0"), (right, "layer3.0")):
        assert frame.url.startswith(hosting.address.rstrip("/") + SECOND)
        assert frame.locator(".ce-panel-title").all_inner_texts() == [layer]
    lasso = draw_lasso(screen, left)
    screen.eventually(lambda: read(right, FIGURE, "layer3.0")["selected"], lasso.images)


def test_the_host_s_own_pages_are_left_alone(browse: Open, hosting: Server) -> None:
    screen = browse(hosting.address)
    screen.page.goto(hosting.address + "login")
    screen.page.goto(hosting.address)
    assert screen.page.locator("body").inner_text() == "the host's home"
