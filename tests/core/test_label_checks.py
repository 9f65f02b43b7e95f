from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.core.label_checks import corrected_chances, spot_check
from channelexplorer_dash.core.label_noise import running_mean

CHANCES = hnp.arrays(np.float64, st.integers(1, 200), elements=st.floats(0, 1))


@given(CHANCES, st.integers(1, 300))
def test_a_spot_check_takes_each_place_once(chances: np.ndarray, count: int) -> None:
    places = spot_check(chances, count)
    among = min(len(chances), max(count, int(np.ceil(1.5 * chances.sum()))))
    assert len(set(places.tolist())) == len(places) == min(count, among)
    assert places.min() >= 0
    assert places.max() < among


def test_the_first_few_are_spread_as_widely_as_all() -> None:
    chances = np.repeat([1.0, 0.0], [400, 600])
    places = spot_check(chances, 48)
    assert places.max() > 580
    for few in (4, 8, 16):
        gaps = np.diff(np.sort(np.concatenate([[0], places[:few], [600]])))
        assert gaps.max() <= 2.1 * 600 / few
    np.testing.assert_array_equal(np.sort(spot_check(np.zeros(10), 10)), np.arange(10))


def test_nothing_checked_changes_nothing() -> None:
    chances = np.array([0.9, 0.5, 0.0])
    np.testing.assert_array_equal(corrected_chances(chances, [], []), chances)


@given(CHANCES, st.data())
def test_what_was_found_stands_and_the_order_stays(chances: np.ndarray, data: st.DataObject) -> None:
    checked = data.draw(st.lists(st.integers(0, len(chances) - 1), min_size=1, unique=True))
    wrong = data.draw(st.lists(st.booleans(), min_size=len(checked), max_size=len(checked)))
    corrected = corrected_chances(chances, checked, wrong)
    np.testing.assert_array_equal(corrected[checked], wrong)
    others = np.setdiff1d(np.arange(len(chances)), checked)
    assert np.isfinite(corrected).all()
    assert ((corrected >= 0) & (corrected <= 1)).all()
    order = others[np.argsort(chances[others], kind="stable")]
    assert (np.diff(corrected[order]) >= -1e-9).all()


def test_the_correction_is_the_likeliest() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(60)
    wrong = rng.random(60) < chances**2
    corrected = corrected_chances(np.append(chances, 0.5), np.arange(60), wrong)
    z = np.log(chances / (1 - chances))
    a, b = np.meshgrid(np.linspace(0, 3, 301), np.linspace(-3, 3, 601), indexing="ij")
    turned = a[..., None] * z + b[..., None]
    loss = np.logaddexp(0, turned).sum(-1) - (turned * wrong).sum(-1) + (a - 1) ** 2 / 2 + b**2 / 2
    # At the chance of one half, only b is seen.
    best = b.ravel()[loss.argmin()]
    assert corrected[60] == pytest.approx(1 / (1 + np.exp(-best)), abs=0.005)


@pytest.mark.parametrize("power", [1.0, 3.0, 0.3])
def test_fifty_checks_correct_an_estimate_that_is_off(power: float) -> None:
    rng = np.random.default_rng(1)
    off = np.empty((40, 2))
    for row in off:
        chances = np.sort(rng.beta(0.3, 1.0, 2000))[::-1]
        wrong = rng.random(2000) < chances**power
        places = spot_check(chances, 50)
        cut = int(wrong.sum())
        corrected = corrected_chances(chances, places, wrong[places])
        expected = [running_mean(known)[cut - 1] for known in (chances, corrected)]
        row[:] = np.array(expected) - wrong[:cut].mean()
    before, after = np.abs(off).mean(axis=0)
    assert abs(off[:, 1].mean()) < 0.05
    assert after < (0.06 if power == 1 else before / 2)
