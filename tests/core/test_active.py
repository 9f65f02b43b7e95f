from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.core.active import active_count, active_sets
from channelexplorer_dash.core.normalise import dead_channels
from channelexplorer_dash.errors import DatasetError, SelectionError
from tests.core.strategies import summaries


@pytest.mark.parametrize(
    ("channels", "fraction", "expected"),
    [(100, 0.07, 7), (5, 0.2, 1), (6, 0.2, 2), (2048, 0.2, 410), (1, 1e-9, 1), (64, 1.0, 64), (10, 0.3, 3)],
)
def test_active_count_is_the_ceiling_of_the_written_fraction(
    channels: int, fraction: float, expected: int
) -> None:
    assert active_count(channels, fraction) == expected


@given(st.integers(1, 4096), st.integers(1, 1000))
def test_active_count_of_thousandths(channels: int, thousandths: int) -> None:
    assert active_count(channels, thousandths / 1000) == -(-thousandths * channels // 1000)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, math.nan, math.inf])
def test_fractions_out_of_range_are_refused(fraction: float) -> None:
    with pytest.raises(SelectionError, match="active share"):
        active_sets(np.ones((2, 2), np.float32), fraction)


def plain_sets(S: np.ndarray, k: int, dead: np.ndarray) -> list[set[int]]:
    live = [c for c in range(S.shape[1]) if not dead[c]]
    return [set(sorted(live, key=lambda c: (-row[c], c))[:k]) for row in S]


@given(summaries(), st.sampled_from([0.01, 0.2, 0.5, 0.99, 1.0]), st.booleans(), st.data())
def test_sets_are_the_largest_live_channels(
    S: np.ndarray, fraction: float, own: bool, data: st.DataObject
) -> None:
    channels = S.shape[1]
    dead = None if own else np.array(data.draw(st.lists(st.booleans(), min_size=channels, max_size=channels)))
    active = active_sets(S, fraction, dead)
    known = dead_channels(S) if dead is None else dead
    found = [set(np.flatnonzero(row).tolist()) for row in active]
    assert found == plain_sets(S, active_count(channels, fraction), known)
    assert not active[:, known].any()


def test_ties_go_to_the_lower_channel() -> None:
    S = np.array([[1, 3, 3, 3, 0], [0, 0, 0, 0, 1]], np.float32)
    np.testing.assert_array_equal(
        active_sets(S, 0.4), [[False, True, True, False, False], [True, False, False, False, True]]
    )


def test_one_image_needs_to_be_told_what_is_dead() -> None:
    S = np.array([[1.0, 2.0, 3.0]], np.float32)
    assert not active_sets(S, 0.3).any()
    np.testing.assert_array_equal(active_sets(S, 0.3, np.zeros(3, bool)), [[False, False, True]])


def test_dead_marks_of_another_length_are_refused() -> None:
    with pytest.raises(DatasetError, match="one dead mark per channel"):
        active_sets(np.ones((2, 3), np.float32), 0.5, np.zeros(2, bool))
