"""What is asked for again after a quota took summaries, and what a person is told of it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.extraction.plan import predictions_key
from channelexplorer_dash.models.identity import identity
from channelexplorer_dash.results.layers import Profile
from channelexplorer_dash.selection import View
from channelexplorer_dash.store import JobBoard, Kind, Store, about_key
from channelexplorer_dash.store.tidying import keep_to_quota
from tests.explorer.conftest import settled

LAYER = "layer3.0"
Make = Callable[..., Explorer]


@pytest.fixture
def known(explorer: Explorer, view: View) -> Profile:
    """Return the whole profile of the session's explorer."""
    deadline = monotonic() + 120
    # A result is published a moment before its work is over.
    while (profile := settled(lambda: explorer.profile(view, "block"))).job is not None or explorer.jobs():
        assert monotonic() < deadline
        sleep(0.02)
    return profile


@pytest.fixture
def make(explorer: Explorer, known: Profile, tmp_path: Path) -> Iterator[Make]:
    """Open explorers on a copy of what the session's explorer computed."""
    shutil.copytree(explorer.settings.store, tmp_path / "store")
    made: list[Explorer] = []

    def opened(**changes: object) -> Explorer:
        values = {"store": tmp_path / "store", **changes}
        made.append(Explorer(explorer.settings.model_copy(update=values)))
        return made[-1]

    yield opened
    for one in made:
        one.close()


def test_a_profile_that_is_known_needs_no_summary(make: Make, view: View, known: Profile) -> None:
    again = make()
    store = Store(again.settings.store)
    predictions = store.path(Kind.TABLE, prediction_of(again, view))
    kept = predictions.read_bytes()
    keep_to_quota(store, JobBoard(store), 0)
    assert not list((store.root / "summaries").glob("*/*.npy"))
    predictions.write_bytes(kept)
    profile = settled(lambda: again.profile(view, "block"))
    assert profile.job is None and again.jobs() == ()
    assert profile.rows == known.rows
    predictions.unlink()
    # The explorer remembers predictions; another has the model run for them, with one layer on the way.
    other = make()
    while settled(lambda: other.profile(view, "block")).job is not None:
        pass
    assert predictions.read_bytes() == kept
    assert len(list((store.root / "summaries").glob("*/*.npy"))) == len(other.settings.summaries)


def test_what_is_known_of_a_head_needs_no_summary(make: Make, view: View) -> None:
    again = make()
    before = settled(lambda: again.head_collapse(view, "block"))
    store = Store(again.settings.store)
    for file in (store.root / "summaries").glob("*/*"):
        file.unlink()
    assert settled(lambda: make().head_collapse(view, "block")) == before
    assert not list((store.root / "summaries").glob("*/*"))


def test_work_that_no_quota_holds_is_warned_of_once(
    make: Make, view: View, caplog: pytest.LogCaptureFixture
) -> None:
    small = make(store_quota_gb=1e-5)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            settled(lambda: small.compute(view, (LAYER,), output=False))
    told = [record.getMessage() for record in caplog.records if "store_quota_gb" in record.getMessage()]
    assert len(told) == 1
    assert "more than store_quota_gb = 1e-05. They will be removed" in told[0]


def test_images_without_a_prediction_are_told(make: Make, view: View) -> None:
    ill = make()
    store = Store(ill.settings.store)
    assert ill.left_out(view) == ()
    path = store.path(Kind.RECORD, about_key(prediction_of(ill, view)))
    path.write_text('{"images": 1797, "left_out": [[3, "3.png", "3.png is broken."]], "non_finite": 2}')
    first, second = ill.left_out(view)
    assert first.startswith("2 images have no prediction") and second == "3.png is broken."


def prediction_of(explorer: Explorer, view: View) -> str:
    (model,) = [spec for spec in explorer.models() if spec.name == view.model]
    return predictions_key(
        identity(model), explorer.dataset(view.dataset).digest, explorer.settings.precision
    )
