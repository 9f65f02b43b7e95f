"""What is not there yet is computed with visible progress, can be stopped, and can be started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import View
from tests.browser.conftest import SERVED, Open
from tests.browser.screen import VIEWS, Screen
from tests.browser.serving import Server, procfile_command, serving
from tests.engine.processes import CONFIG, slow_settings
from tests.engine.slow_model import HELD

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

LAYER = "second"
QUERY = f"?per_class=12&projection=pca&layer={LAYER}"
# Of a model that takes a moment for each batch; so many batches that progress can be seen.
BATCH_SIZE = 10
# Keeps a list of all that a status line says, from now on.
RECORD = """line => {
  const bar = line.querySelector('[role=progressbar]'), label = line.querySelector('.ce-status-label');
  window.told = [];
  const note = () => {
    if (!line.classList.contains('is-busy')) return;
    const said = [Number(bar.getAttribute('aria-valuenow')), label.textContent];
    const last = window.told[window.told.length - 1];
    if (JSON.stringify(said) !== JSON.stringify(last)) window.told.push(said);
  };
  note();
  const all = {subtree: true, attributes: true, childList: true, characterData: true};
  new MutationObserver(note).observe(line, all);
}"""


def told(screen: Screen) -> list[Any]:
    found: list[Any] = screen.page.evaluate("window.told")
    return found


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that holds the slow model, whatever the machine does meanwhile."""
    return tmp_path_factory.mktemp("holding") / "batches"


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory, holding: Path) -> Iterator[Server]:
    """Return a server of the slow model, on an empty store."""
    folder = tmp_path_factory.mktemp("jobs")
    config = folder / "slow.toml"
    config.write_text(CONFIG)
    variables = {
        **SERVED,
        "CHANNELEXPLORER_CONFIG": str(config),
        "CHANNELEXPLORER_BATCH_SIZE": str(BATCH_SIZE),
        HELD: str(holding),
    }
    with serving(procfile_command(), folder / "store", folder, "jobs", variables) as running:
        yield running


@pytest.fixture
def held(holding: Path) -> Iterator[Path]:
    """Return the file that holds the slow model; afterwards it is not held."""
    yield holding
    holding.unlink(missing_ok=True)


@pytest.fixture
def page(browse: Open, slow_server: Server) -> Screen:
    """Return a watched page of the slow model."""
    return browse(slow_server.address)


def test_a_fresh_layer_shows_progress_and_can_be_stopped_and_resumed(
    page: Screen, slow_server: Server, held: Path
) -> None:
    screen = page.go(QUERY)
    line = screen.part("panel", "status", LAYER)
    line.locator("[role=progressbar]").wait_for()
    # From here to its cancelling, the job stands still: a busy machine cannot miss it.
    held.write_text("0")
    line.evaluate(RECORD)
    for view in VIEWS:
        assert "is-waiting" in (screen.part(view, "card", LAYER).get_attribute("class") or "")
    screen.eventually(lambda: told(screen), lambda found: any("of 1,797" in said for _, said in found))
    bar = line.locator("[role=progressbar]")
    assert bar.get_attribute("aria-label") == f"Computing layer {LAYER}"
    assert (bar.get_attribute("aria-valuemin"), bar.get_attribute("aria-valuemax")) == ("0", "100")

    screen.part("panel", "cancel", LAYER).click()
    retry = screen.part("panel", "retry", LAYER)
    retry.wait_for()
    held.unlink()
    assert retry.inner_text() == "Compute again"
    assert not line.locator("[role=progressbar]").is_visible()
    assert "Cancelled" in line.inner_text()
    # It stays stopped, and what was cancelled here is not computed for the profile's sake either.
    screen.page.wait_for_timeout(200)
    assert retry.is_visible()
    assert "is-waiting" in (screen.part("scatterplot", "card", LAYER).get_attribute("class") or "")

    retry.click()
    bar.wait_for()
    screen.eventually(lambda: told(screen), lambda found: len({done for done, _ in found if done}) >= 2)
    screen.settle()
    values = [done for done, _ in told(screen)]
    assert 0 < max(values) <= 100
    for name in VIEWS:
        assert screen.figure(name, LAYER)["n"] == 120
    explorer = Explorer(slow_settings(slow_server.store))
    try:
        found = explorer.scatter(View("slow", "digits", per_class=12), LAYER, "pca")
    finally:
        explorer.close()
    assert isinstance(found, Ready)
    assert screen.points(LAYER)["x"] == pytest.approx(found.value.xy[:, 0].tolist())


def test_the_list_of_jobs_says_what_is_computed(page: Screen, held: Path) -> None:
    screen = page.open(QUERY)
    held.write_text("0")
    screen.page.locator(f"#{ids.SUMMARY}").select_option("above_otsu")
    screen.eventually(lambda: screen.selection().view.summary, "above_otsu")
    # The page is built anew: a click on the old one would be lost.
    screen.part("panel", "status", LAYER).locator("[role=progressbar]").wait_for()
    screen.page.locator(f"#{ids.JOBS}").click()
    jobs = screen.page.locator(f"#{ids.JOBS_LIST}")
    jobs.wait_for()
    screen.eventually(jobs.inner_text, lambda text: "slow over 1,797 images of digits" in text)
    held.unlink()
    screen.settle()
    screen.eventually(jobs.inner_text, lambda text: "Nothing is being computed" in text)
