"""What an ablation did, against scikit-learn and a bootstrap of the images themselves."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from channelexplorer_dash.core.contribution import OTHERS, channel_effects, effect, paired_interval
from channelexplorer_dash.errors import DatasetError


def logits(seed: int = 0, n: int = 200, outputs: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, outputs, n)
    before = random.normal(size=(n, outputs)) + 3 * np.eye(outputs)[labels]
    after = before + random.normal(size=(n, outputs))
    after[:, 2] -= 2
    return before.astype(np.float32), after.astype(np.float32), labels


def test_accuracy_logits_and_confusion_by_class() -> None:
    before, after, labels = logits()
    found = effect(before, after, labels, labels)
    for which, shares, matrix in (
        (before, found.before, found.confusion_before),
        (after, found.after, found.confusion_after),
    ):
        expected = confusion_matrix(labels, which.argmax(axis=1))
        np.testing.assert_array_equal(matrix, expected)
        np.testing.assert_allclose(shares, np.diag(expected) / expected.sum(axis=1), rtol=1e-12)
    for row, label in enumerate(found.classes):
        own = labels == label
        assert found.logit_change[row] == pytest.approx((after - before)[own, label].mean(), rel=1e-5)
    overall = (after.argmax(axis=1) == labels).mean() - (before.argmax(axis=1) == labels).mean()
    assert found.change == pytest.approx(overall)
    assert found.low <= found.change <= found.high
    assert found.logit_change.argmin() == 2


def test_the_interval_is_that_of_drawing_images() -> None:
    random = np.random.default_rng(0)
    before, after = random.random(80) < 0.9, random.random(80) < 0.7
    low, high = paired_interval(before, after, random)
    drawn = random.integers(0, 80, (20_000, 80))
    change = after[drawn].mean(axis=1) - before[drawn].mean(axis=1)
    assert (low, high) == pytest.approx(tuple(np.quantile(change, [0.025, 0.975])), abs=0.02)


def test_nothing_ablated_changes_nothing() -> None:
    before, _, labels = logits()
    found = effect(before, before, labels, labels)
    assert (found.change, found.low, found.high) == (0, 0, 0)
    assert not found.logit_change.any()


def test_one_image_and_one_class() -> None:
    found = effect([[1.0, 0.0]], [[0.0, 1.0]], [4], np.array([0]))
    assert (found.before.tolist(), found.after.tolist()) == ([1.0], [0.0])
    assert (found.change, found.low, found.high) == (-1, -1, -1)
    assert found.outputs.tolist() == [0, 1]


def test_rare_answers_share_a_column() -> None:
    before = np.eye(30)[np.r_[np.zeros(10, int), np.full(5, 7), np.arange(30)]]
    found = effect(before, before, np.zeros(45, np.int64), np.zeros(45, np.int64), columns=3)
    assert found.outputs.tolist() == [0, 7, OTHERS]
    assert found.confusion_after.tolist() == [[11, 6, 28]]


def test_logits_of_other_images_are_refused() -> None:
    with pytest.raises(DatasetError, match="not of the same images"):
        effect(np.zeros((3, 2)), np.zeros((4, 2)), np.zeros(3, np.int64), np.zeros(3, np.int64))
    with pytest.raises(DatasetError):
        effect(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64))


def test_effects_of_channels_are_means_over_images_and_classes() -> None:
    random = np.random.default_rng(0)
    labels = random.choice([2, 5, 9], 40)
    drops, lost = random.normal(size=(40, 6)), random.integers(-1, 2, (40, 6))
    drops[:, 4] = 0
    lost[:, 4] = 0
    found = channel_effects(drops, lost, labels)
    np.testing.assert_allclose(found.effect, drops.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.accuracy_lost, lost.mean(axis=0), rtol=1e-12)
    assert (found.effect[4], found.accuracy_lost[4]) == (0, 0)
    for k, label in enumerate(found.classes):
        own = labels == label
        assert found.counts[k] == own.sum()
        np.testing.assert_allclose(found.class_effect[k], drops[own].mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.class_accuracy_lost[k], lost[own].mean(axis=0), rtol=1e-12)


def test_drops_that_are_not_finite_do_not_count_for_the_mean() -> None:
    found = channel_effects([[1.0, np.nan], [3.0, np.nan], [np.inf, np.nan]], np.ones((3, 2)), [0, 0, 1])
    assert found.effect.tolist() == [2, 0]
    assert found.class_effect.tolist() == [[2, 0], [0, 0]]
    assert found.accuracy_lost.tolist() == [1, 1]
    for drops, lost, labels in (([], [], []), ([[1.0]], [[1.0, 2.0]], [0]), ([1.0], [1.0], [0])):
        with pytest.raises(DatasetError):
            channel_effects(drops, lost, labels)
