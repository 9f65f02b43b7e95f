"""The scorecard of a layer against scikit-learn and plain loops, and where there is little to score."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from sklearn.feature_selection import f_classif

from channelexplorer_dash.core.anova import anova
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.scorecard import Scorecard, scorecard, selectivity
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled


def card(S: np.ndarray, labels: np.ndarray) -> Scorecard:
    classes = np.unique(labels)
    active = np.array([(S[labels == label] > 0).sum(axis=0) for label in classes])
    return scorecard(lambda part: S[:, part], labels, class_moments(S, labels), active)


@given(labelled(images=20))
def test_f_and_eta_squared_are_those_of_the_definition(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = drawn
    found = anova(class_moments(S, labels))
    classes = np.unique(labels)
    exact = S.astype(np.float64)
    for channel in range(S.shape[1]):
        values = exact[:, channel]
        groups = [values[labels == label] for label in classes]
        between = sum(len(g) * (g.mean() - values.mean()) ** 2 for g in groups)
        within = sum(((g - g.mean()) ** 2).sum() for g in groups)
        if len(classes) == 1 or np.ptp(values) == 0:
            assert found.f[channel] == found.eta_squared[channel] == 0
            continue
        assert found.eta_squared[channel] == pytest.approx(between / (between + within), rel=1e-6, abs=1e-9)
        if len(classes) < len(values) and within > 1e-9 * (between + within):
            expected = between / (len(classes) - 1) / (within / (len(values) - len(classes)))
            assert found.f[channel] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_f_is_that_of_f_classif(offset: float) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 6, 400)
    S = (random.normal(size=(400, 30)) + offset + labels[:, None] * random.random(30)).astype(np.float32)
    expected, _ = f_classif(S.astype(np.float64), labels)
    np.testing.assert_allclose(anova(class_moments(S, labels)).f, expected, rtol=1e-6)


def test_classes_without_a_spread_are_infinitely_far_apart() -> None:
    S = np.array([[1, 2], [1, 5], [3, 1], [3, 4]], np.float32)
    labels = np.array([0, 0, 1, 1])
    found = anova(class_moments(S, labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, _ = f_classif(S.astype(np.float64), labels)
    assert found.f[0] == expected[0] == np.inf
    assert found.eta_squared[0] == 1


@given(labelled())
def test_every_figure_is_defined(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    found = card(*drawn)
    for values in (found.eta_squared, found.mutual_information, found.selectivity, found.frequency):
        assert np.isfinite(values).all() and (values >= 0).all()
    assert not np.isnan(found.f).any()
    assert (found.auroc >= 0.5 - 1e-9).all() and (found.auroc <= 1 + 1e-9).all()
    assert np.isin(found.best_class, found.classes).all()
    np.testing.assert_array_equal(found.class_auroc.max(axis=0), found.auroc)


@pytest.mark.parametrize("labels", [np.zeros(5, np.int64), np.arange(5)])
def test_one_class_and_classes_of_one_image(labels: np.ndarray) -> None:
    S = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    S[:, 1] = 2.0
    found = card(S, labels)
    assert found.f.tolist() == [0] * 4
    if not labels.any():
        assert found.auroc.tolist() == [0.5] * 4
        assert found.selectivity.tolist() == found.mutual_information.tolist() == [0] * 4
    assert (found.auroc[1], found.mutual_information[1], found.selectivity[1]) == (0.5, 0, 0)


@given(labelled())
def test_selectivity_is_that_of_the_definition(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = drawn
    found = selectivity(class_moments(S, labels))
    for channel in range(S.shape[1]):
        values = S[:, channel].astype(np.float64)
        values = values - min(values.min(), 0)
        means = sorted(values[labels == label].mean() for label in np.unique(labels))
        rest = np.mean(means[:-1]) if len(means) > 1 else means[-1]
        whole = means[-1] + rest
        expected = (means[-1] - rest) / whole if whole > 0 else 0.0
        assert found[channel] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_the_best_class_is_the_one_that_the_channel_fires_for() -> None:
    labels = np.repeat([2, 5, 7], 10)
    S = np.where(labels[:, None] == [7, 5, 2], 1.0, 0.2).astype(np.float32)
    S += np.random.default_rng(0).random(S.shape, np.float32) / 10
    found = card(S, labels)
    assert found.best_class.tolist() == [7, 5, 2]
    assert found.auroc.tolist() == [1, 1, 1]


def test_parts_of_other_images_are_refused() -> None:
    S, labels = np.ones((4, 2), np.float32), np.array([0, 0, 1, 1])
    moments = class_moments(S, labels)
    with pytest.raises(DatasetError, match="not of the same images"):
        scorecard(lambda part: S[:, part], labels, moments, np.zeros((3, 2), np.int64))
    with pytest.raises(DatasetError, match="not of the same images"):
        scorecard(lambda part: S[:, part], labels + 1, moments, np.zeros((2, 2), np.int64))
