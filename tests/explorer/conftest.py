"""One explorer on the digits demo for all tests of this folder: they only read what it computes."""

from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import TypeVar

import pytest

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Answer, Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.settings import load_settings

T = TypeVar("T")


def settled(ask: Callable[[], Answer[T]], seconds: float = 120.0) -> T:
    """Ask again until the answer is there."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        answer = ask()
        if isinstance(answer, Ready):
            return answer.value
        sleep(0.05)
    raise AssertionError("The answer never came.")


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    store = tmp_path_factory.mktemp("explorer") / "store"
    flags = {"store": store, "engine": "inline", "jaccard_images": 60, "heatmap_images": 50}
    made = Explorer(load_settings([demo_settings_file()], flags=flags, environment=False))
    yield made
    made.close()


@pytest.fixture(scope="session")
def view(explorer: Explorer) -> View:
    """20 images of each of five digits."""
    return View("digits-resnet", "digits", classes=(0, 1, 4, 7, 9), per_class=20)
