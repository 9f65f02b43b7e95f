from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelexplorer_dash.figures.binary import LEVELS, Scale, nice_step, robust_scale, smallest_unsigned


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50), st.booleans())
def test_levels_give_the_values_back_to_half_a_level(values: list[float], even: bool) -> None:
    array = np.array(values, dtype=np.float32)
    scale = robust_scale(array, tail=0.0, even=even)
    assert scale.low < scale.high
    assert not scale.below and not scale.above
    if even:
        assert scale.low == -scale.high
    back = scale.low + scale.quantise(array) / LEVELS * (scale.high - scale.low)
    np.testing.assert_allclose(back, array, atol=(scale.high - scale.low) / LEVELS * 0.51)


def test_ticks_stand_at_the_values_that_they_name() -> None:
    scale = Scale(0.0, 0.6, above=True)
    levels, texts = scale.ticks()
    assert texts == ["0", "0.2", "0.4", "≥ 0.6"]
    np.testing.assert_allclose(levels, [0, 85, 170, 255])
    assert Scale(-3.0, 3.0, below=True).ticks()[1][0].endswith("-2")


def test_outliers_do_not_take_the_scale() -> None:
    values = np.concatenate([np.linspace(0, 1, 1000), [1e6]])
    scale = robust_scale(values, low=0.0)
    assert scale.low == 0.0 and scale.high <= 1.2 and scale.above and not scale.below


@pytest.mark.parametrize(
    "values", [[], [np.nan], [np.inf, -np.inf], [0.0, 0.0], [7.5], [-3.0], [1e-30, 1e-30]]
)
def test_constant_and_missing_values_still_have_a_scale(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    for low in (None, 0.0):
        scale = robust_scale(array, low=low)
        assert np.isfinite([scale.low, scale.high]).all() and scale.low < scale.high
        assert scale.quantise(array).dtype == np.uint8
        assert scale.ticks()[1]


def test_steps_are_round() -> None:
    assert nice_step(1.0, 4) == 0.2
    assert nice_step(50.0, 5) == 10.0
    assert nice_step(0.03, 4) == pytest.approx(0.01)


@pytest.mark.parametrize(("largest", "kind"), [(255, "u1"), (256, "u2"), (65_535, "u2"), (65_536, "u4")])
def test_codes_take_the_smallest_kind(largest: int, kind: str) -> None:
    assert smallest_unsigned(np.array([0, largest])).dtype == np.dtype(kind)
    assert smallest_unsigned(np.zeros(0, np.int64)).dtype == np.uint8
