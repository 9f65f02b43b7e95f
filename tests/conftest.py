"""What every test shares: skipping, and the digits demo in a store of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT / "data" / "photos.toml"
FASHION = ROOT / "data" / "fashion.toml"
# What takes minutes.
LONG = ("browser", "engine", "browser/apart", "use_cases", "explorer", "extraction")
# Of the browser's tests, those with servers of their own.
APART = ("test_explore.py", "test_jobs.py", "test_side_by_side.py", "test_two_models.py")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Machines that run tests are shared: a slow example says nothing about the code.
hypothesis_settings.register_profile(
    "house", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a browser test try three times, and long folders begin first.

    On a starved machine a browser loses races that no person would. A long folder that begins last would keep
    one lane busy, and the other waiting.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2))
    items.sort(key=lambda item: LONG.index(folder) if (folder := lane(item.nodeid)) in LONG else len(LONG))


def lane(nodeid: str) -> str:
    """Return the folder of a test, or its file where that lies at the top; the browser's is in two parts."""
    file = Path(nodeid.partition("::")[0])
    return "browser/apart" if file.match("browser/*") and file.name in APART else file.parts[1]


class Lanes(LoadScopeScheduling):
    """With ``-n``, a folder stays in one lane: its tests share servers, engines and stores.

    A lane takes the next folder, in the order of the collection, when it is through with one.
    """

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    """Return what hands the tests out, in the order in which they were collected."""
    config.option.loadscopereorder = False
    return Lanes(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, with a sentence, what this machine has not got; in CI that is a failure."""
    missing = None
    if item.get_closest_marker("photos") and not PHOTOS.exists():
        missing = "The photographs are not prepared: run `make photos`."
    elif item.get_closest_marker("fashion") and not FASHION.exists():
        missing = "Fashion-MNIST is not prepared: run `make fashion`."
    elif item.get_closest_marker("browser") and not any(map(shutil.which, BROWSERS)):
        missing = "There is no Chromium: run `make chromium`."
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{missing} In CI nothing is skipped.", pytrace=False)
    if missing:
        pytest.skip(missing)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the digits demo with an empty store, computed in this process."""
    return load_settings([demo_settings_file()], flags={"store": tmp_path / "store", "engine": "inline"})
