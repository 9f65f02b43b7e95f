from __future__ import annotations

import numpy as np
import pytest

from channelexplorer_dash.core import interrupt
from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.arrays import chunks
from channelexplorer_dash.core.interrupt import come_up_for_air, interruptible
from channelexplorer_dash.core.jaccard import class_jaccard
from channelexplorer_dash.core.neighbours import nearest_neighbours
from channelexplorer_dash.core.normalise import fit_scaling


class GoneError(Exception):
    """Nobody waits any more."""


def gone() -> None:
    raise GoneError


def test_nobody_is_asked_outside() -> None:
    with interruptible(gone):
        pass
    come_up_for_air()
    assert len(list(chunks(10, 1, 1))) == 10


@pytest.mark.parametrize("threads", [1, 2])
def test_long_work_ends_when_nobody_waits(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "_SECONDS_BETWEEN", 0.0)
    S = np.random.default_rng(0).random((3000, 64), np.float32)
    labels = np.arange(3000) % 7
    sets = active_sets(S, 0.2, fit_scaling(S, "minmax"), threads=threads)
    with pytest.raises(GoneError), interruptible(gone):
        class_jaccard(sets, labels, np.arange(7), threads)
    with pytest.raises(GoneError), interruptible(gone):
        nearest_neighbours(S, 3)


def test_it_is_asked_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    now = [0.0]
    monkeypatch.setattr(interrupt, "monotonic", lambda: now[0])
    with interruptible(lambda: asked.append(now[0])):
        for now[0] in np.arange(0, 3, 0.25).tolist():
            come_up_for_air()
    assert asked == [0.5, 1.0, 1.5, 2.0, 2.5]
