from __future__ import annotations

import numpy as np
import pytest

from channelexplorer_dash.core.bootstrap import Interval, bootstrap, jackknife
from channelexplorer_dash.core.neighbourhood import nearest_ratio
from channelexplorer_dash.errors import DatasetError


def test_the_value_weights_classes_by_their_images() -> None:
    labels = np.repeat([0, 1], [90, 10])
    asked = np.array([0, 0, 1, 1])
    found = bootstrap([1.0, 0.0, 1.0, 1.0], asked, labels)
    assert found.value == pytest.approx(0.9 * 0.5 + 0.1)
    assert found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("per_class", [4, 60])
def test_the_interval_is_as_wide_as_the_spread_of_a_stratified_mean(per_class: int) -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(240 // per_class), per_class)
    values = rng.standard_normal(240) + 5 * labels
    found = bootstrap(values, labels, labels)
    assert found.low is not None and found.high is not None
    within = np.mean([values[labels == c].var(ddof=1) for c in np.unique(labels)])
    expected = 2 * 1.96 * np.sqrt(within / 240)
    assert found.high - found.low == pytest.approx(expected, rel=0.15)


def test_it_is_seeded() -> None:
    labels = np.repeat([0, 1], 20)
    values = np.random.default_rng(0).random(40)
    assert bootstrap(values, labels, labels, seed=3) == bootstrap(values, labels, labels, seed=3)
    assert bootstrap(values, labels, labels, seed=3) != bootstrap(values, labels, labels, seed=4)


def test_a_ratio_of_means() -> None:
    labels = np.repeat([0, 1], 50)
    pairs = np.random.default_rng(0).random((100, 2)) + np.array([1.0, 3.0])
    found = bootstrap(pairs, labels, labels, nearest_ratio)
    first, second = pairs.sum(axis=0)
    assert found.value == pytest.approx(first / (first + second))
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high < found.low + 0.1


def test_images_that_are_alone_are_drawn_from_together() -> None:
    found = bootstrap([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], np.arange(6), np.arange(6))
    assert found.value == 0.5 and found.low is not None and found.low < 0.5
    assert bootstrap([1.0], [7], [7]) == Interval(1.0, None, None)


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], 100)
    values = rng.standard_normal(300)
    widths = []
    for seed in range(30):
        found = jackknife(lambda rows: float(values[rows].mean()), labels, seed=seed)
        assert found.low is not None and found.high is not None
        assert found.value == pytest.approx(values.mean())
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(2 * 2.26 * values.std(ddof=1) / np.sqrt(300), rel=0.15)


def test_jackknife_leaves_every_class_an_image() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2])

    def classes(rows: np.ndarray) -> float:
        assert len(np.unique(labels[rows])) == 3
        return 1.0

    assert jackknife(classes, labels) == Interval(1.0, 1.0, 1.0)
    assert jackknife(lambda rows: 1.0, np.arange(5)) == Interval(1.0, None, None)


def test_jackknife_of_too_few_images_has_no_interval() -> None:
    def measure(rows: np.ndarray) -> float:
        if len(rows) < 4:
            raise DatasetError("too few")
        return 2.0

    assert jackknife(measure, np.array([0, 0, 1, 1])) == Interval(2.0, None, None)
