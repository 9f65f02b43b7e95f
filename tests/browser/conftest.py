"""One Chromium and one server for all tests of this folder, and pages that are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser

from benchmarks.chromium import chromium
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.extraction.plan import summary_key
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.store import Kind, Store
from tests.browser.screen import PATIENCE_SECONDS, Screen
from tests.browser.serving import Server, procfile_command, serving

Open = Callable[..., Screen]

SERVED = {
    "CHANNELEXPLORER_POLL_MILLISECONDS": "200",
    # So that the whole of the digits is drawn by WebGL, and a part of them as SVG.
    "CHANNELEXPLORER_WEBGL_POINTS": "1500",
}


# Not for the whole session: Playwright keeps an event loop running, which other tests cannot live with.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Return the system's Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the digits demo on gunicorn, as the Procfile starts it: two workers with eight threads each."""
    folder = tmp_path_factory.mktemp("browser")
    with serving(procfile_command(), folder / "store", folder, "web", SERVED) as running:
        yield running


@pytest.fixture(scope="package")
def two_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server of the digits demo with the same network, untrained, as a second model."""
    folder = tmp_path_factory.mktemp("two")
    text = demo_settings_file().read_text(encoding="utf-8")
    text = text.replace('weights = "', f'weights = "{demo_settings_file().parent}/')
    at = text.index("[[datasets]]")
    untrained = text[text.index("[[models]]") : at].replace('"digits-resnet"', '"untrained"')
    lines = ['weights = "random"' if line.startswith("weights") else line for line in untrained.splitlines()]
    config = folder / "two.toml"
    config.write_text("\n".join([text[:at], *lines, text[at:]]), encoding="utf-8")
    variables = {**SERVED, "CHANNELEXPLORER_CONFIG": str(config)}
    with serving(procfile_command(), folder / "store", folder, "two", variables) as running:
        yield running


@pytest.fixture(scope="package")
def explorer(server: Server) -> Iterator[Explorer]:
    """Return an explorer of this process on the server's store, with the server's settings."""
    made = Explorer(load_settings([demo_settings_file()], flags={"store": server.store}, environment=False))
    yield made
    made.close()


@pytest.fixture(scope="package")
def labels(explorer: Explorer) -> dict[int, int]:
    """Return the class of each image."""
    return dict(enumerate(explorer.dataset("digits").labels.tolist()))


@pytest.fixture
def summary(explorer: Explorer, server: Server) -> Callable[[View, str], npt.NDArray[np.float32]]:
    """Return a function that reads S of a layer, of all images, as the store has it."""

    def read(view: View, layer: str) -> npt.NDArray[np.float32]:
        (spec,) = (spec for spec in explorer.models() if spec.name == view.model)
        key = summary_key(
            identity(spec), explorer.dataset(view.dataset).digest, layer, view.summary, "float32"
        )
        return np.asarray(Store(server.store).array(Kind.SUMMARY, key))

    return read


@pytest.fixture
def browse(browser: Browser, server: Server) -> Iterator[Open]:
    """Return a function that opens a watched page in a browser profile of its own.

    Its arguments are an address and Playwright's options of a context. The test fails where a page wrote an
    error or a warning to the console, was refused something, or asked another host.
    """
    screens: list[Screen] = []

    def start(address: str = server.address, **options: Any) -> Screen:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        screens.append(Screen(context.new_page(), address))
        return screens[-1]

    yield start
    for screen in screens:
        screen.page.context.close()
    faults = [fault for screen in screens for fault in screen.watch.faults]
    assert not faults, "\n".join(faults)


@pytest.fixture
def screen(browse: Open) -> Screen:
    """Return a watched page that shows nothing yet."""
    return browse()
