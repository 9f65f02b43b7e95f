from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.core.label_checks import checked_ranking, spot_check
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
    np.testing.assert_array_equal(checked_ranking(chances, [], [], [0, 2]).chance, chances)


def test_what_a_person_chose_to_look_at_speaks_for_itself_only() -> None:
    chances = np.array([0.9, 0.8, 0.5, 0.1])
    corrected = checked_ranking(chances, [1, 3], [False, True], [0, 2])
    np.testing.assert_array_equal(corrected.chance, [0.9, 0, 0.5, 1])
    np.testing.assert_allclose(corrected.precision, [0.9, 0.45, 1.4 / 3, 0.6])
    assert checked_ranking(chances, [1, 3], [False, True], [1]).chance[0] < 0.9


@given(CHANCES, st.data())
def test_what_was_found_stands_and_the_order_stays(chances: np.ndarray, data: st.DataObject) -> None:
    checked = data.draw(st.lists(st.integers(0, len(chances) - 1), min_size=1, unique=True))
    wrong = data.draw(st.lists(st.booleans(), min_size=len(checked), max_size=len(checked)))
    corrected = checked_ranking(chances, checked, wrong, checked).chance
    np.testing.assert_array_equal(corrected[checked], wrong)
    others = np.setdiff1d(np.arange(len(chances)), checked)
    assert np.isfinite(corrected).all()
    assert ((corrected >= 0) & (corrected <= 1)).all()
    order = others[np.argsort(chances[others], kind="stable")]
    assert (np.diff(corrected[order]) >= -1e-9).all()


def test_the_correction_is_the_likeliest() -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(0.05, 0.95, 60)
    wrong = rng.random(60) < chances**2
    corrected = checked_ranking(np.append(chances, [0.2, 0.7]), np.arange(60), wrong, np.arange(60)).chance
    a, b, c = np.meshgrid(*[np.linspace(low, low + 2.4, 81) for low in (0, 0, -1.6)], indexing="ij")
    turned = a[..., None] * np.log(chances) - b[..., None] * np.log(1 - chances) + c[..., None]
    loss = np.logaddexp(0, turned).sum(-1) - (turned * wrong).sum(-1)
    loss += ((a - 1) ** 2 / 0.25 + (b - 1) ** 2 + c**2) / 2
    best = np.unravel_index(loss.argmin(), loss.shape)
    for place, p in ((60, 0.2), (61, 0.7)):
        likeliest = 1 / (1 + np.exp(-(a[best] * np.log(p) - b[best] * np.log(1 - p) + c[best])))
        assert corrected[place] == pytest.approx(likeliest, abs=0.01)


def test_a_finding_that_agrees_changes_little_however_many_images_there_are() -> None:
    chances = np.repeat([0.9, 1e-4], [100, 49_900])
    places = spot_check(chances, 50)
    corrected = checked_ranking(chances, places[:1], [True], places).chance
    assert corrected.sum() == pytest.approx(chances.sum(), rel=0.05)


def test_findings_at_the_head_say_little_about_the_end() -> None:
    chances = np.repeat([0.998, 0.002], [100, 2000])
    places = np.arange(0, 100, 10)
    corrected = checked_ranking(chances, places, places % 20 == 0, places).chance
    assert corrected[1] < 0.8
    assert corrected[-1] < 0.01


@pytest.mark.parametrize("power", [1.0, 3.0, 0.3])
def test_fifty_checks_correct_an_estimate_that_is_off(power: float) -> None:
    rng = np.random.default_rng(1)
    off = np.empty((40, 2))
    for row in off:
        chances = np.sort(rng.beta(0.3, 1.0, 2000))[::-1]
        wrong = rng.random(2000) < chances**power
        places = spot_check(chances, 50)
        cut = int(wrong.sum())
        corrected = checked_ranking(chances, places, wrong[places], places)
        expected = [running_mean(chances)[cut - 1], corrected.precision[cut - 1]]
        row[:] = np.array(expected) - wrong[:cut].mean()
    before, after = np.abs(off).mean(axis=0)
    assert abs(off[:, 1].mean()) < 0.05
    assert after < (0.06 if power == 1 else before / 2)


@pytest.mark.parametrize("checks", [0, 30, 150])
def test_the_precision_is_within_its_margin_nine_times_in_ten(checks: int) -> None:
    rng = np.random.default_rng(2)
    within, margins = [], []
    for _ in range(250):
        chances = np.sort(rng.beta(0.4, 1.2, 1000))[::-1]
        a, b, c = np.maximum(rng.normal([1, 1, 0], [0.5, 1, 1]), [0, 0, -9])
        turned = a * np.log(chances) - b * np.log1p(-chances) + c
        wrong = rng.random(1000) < 1 / (1 + np.exp(-turned))
        sample = spot_check(chances, 200)
        places = sample[:checks]
        ranking = checked_ranking(chances, places, wrong[places], sample)
        true = np.cumsum(wrong) / np.arange(1, 1001)
        within.append(np.abs(ranking.precision - true)[[99, 299]] <= ranking.margin[[99, 299]])
        margins.append(ranking.margin[[99, 299]])
    assert 0.85 <= np.mean(within) <= 0.97
    low, high = {0: (0.2, 0.6), 30: (0.05, 0.13), 150: (0.02, 0.06)}[checks]
    assert low < np.mean(margins) < high


def test_the_precision_is_known_where_enough_is() -> None:
    chances = np.repeat([0.9, 0.6, 0.0], [50, 50, 900])
    rng = np.random.default_rng(3)
    wrong = rng.random(1000) < chances
    sample = spot_check(chances, 200)
    known = [checked_ranking(chances, sample[:n], wrong[sample[:n]], sample).is_known for n in range(151)]
    assert not known[0]
    assert known[-1]
    whole = checked_ranking(chances, np.arange(1000), wrong, sample)
    assert whole.expected_wrong == wrong.sum()
    np.testing.assert_array_equal(whole.margin, 0)
    np.testing.assert_array_equal(whole.precision, running_mean(wrong.astype(float)))


def test_nothing_is_known_before_ten_labels_are_checked() -> None:
    sure = np.repeat([1.0, 0.0], [50, 950])
    sample = spot_check(sure, 200)
    for checks in (0, 9, 10):
        ranking = checked_ranking(sure, sample[:checks], sample[:checks] < 50, sample)
        assert ranking.margin[49] < 0.05
        assert ranking.checks == checks
        assert ranking.is_known == (checks >= 10)
    assert checked_ranking(np.zeros(1), [0], [False], [0]).is_known
    assert checked_ranking(np.zeros(1), [], [], []).expected_wrong == 1
