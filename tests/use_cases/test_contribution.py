"""Use case 3: the channels that the scorecard names for a class are those that it depends on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.settings import load_settings
from scripts.use_cases.contribution import CASES, GAP, SIDE, Case, find, picture


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Explorer, Case]]:
    case = CASES[request.param]
    flags = {"store": tmp_path / "store", "engine": "inline", "threads": 1}
    explorer = Explorer(load_settings([case.settings], flags=flags, environment=False))
    yield explorer, case
    explorer.close()


@pytest.mark.parametrize("opened", ["digits"], indirect=True)
@pytest.mark.slow
def test_a_digit_depends_on_the_channels_that_are_named_for_it(opened: tuple[Explorer, Case]) -> None:
    explorer, case = opened
    found = find(explorer, case)
    assert len(found.channels) == 2
    assert not found.own_answers
    assert found.lost > 0.2
    assert found.lost > found.random + 0.15
    assert found.lost_elsewhere < 0.05
    assert found.logit_change < -1
    assert found.contrast.auc > 0.98
    assert 1 <= len(found.contrast.channels) <= 6
    drawn = picture(explorer, case, found.contrast)
    assert drawn.height == (SIDE + GAP) * (min(3, len(found.contrast.channels)) + 1) - GAP
    assert np.asarray(drawn).std() > 20


@pytest.mark.parametrize("opened", ["photos"], indirect=True)
@pytest.mark.photos
@pytest.mark.slow
def test_photographs_lose_their_answers_without_the_channels_named_for_them(
    opened: tuple[Explorer, Case],
) -> None:
    found = find(*opened)
    assert found.own_answers
    assert found.lost > found.random
    assert found.lost > found.lost_elsewhere
    assert found.contrast.auc > 0.9
