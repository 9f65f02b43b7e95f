from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn.metrics import roc_auc_score

from channelexplorer_dash.core import label_noise
from channelexplorer_dash.core.active import active_sets
from channelexplorer_dash.core.label_issues import WAYS, LabelIssues, LayerEvidence, label_issues
from channelexplorer_dash.core.label_noise import estimate_noise, expected_precision, wrong_chances
from channelexplorer_dash.core.label_scores import class_thresholds, mid_ranks, probed, vote_shares, votes
from channelexplorer_dash.core.normalise import fit_scaling
from channelexplorer_dash.errors import DatasetError, SelectionError
from tests.core.strategies import labelled


def evidence(S: np.ndarray, name: str = "layer") -> LayerEvidence:
    return LayerEvidence(name, S, active_sets(S, 0.2, fit_scaling(S, "minmax")))


def blobs(n: int, classes: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = rng.gamma(1.0, size=(classes, 30))
    return (centres[labels] + spread * rng.normal(size=(n, 30))).astype(np.float32), labels


def flipped(labels: np.ndarray, share: float, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    noisy = labels.copy()
    chosen = rng.permutation(len(labels))[: round(share * len(labels))]
    noisy[chosen] = (labels[chosen] + rng.integers(1, classes, len(chosen))) % classes
    return noisy, noisy != labels


def test_vote_shares_equal_a_loop() -> None:
    rng = np.random.default_rng(0)
    near, codes = rng.integers(0, 20, (20, 5)), rng.integers(0, 4, 20)
    expected = [[np.mean(codes[row] == k) for k in range(4)] for row in near]
    np.testing.assert_allclose(vote_shares(near, codes, 4), expected, rtol=1e-6)


def test_thresholds_are_the_mean_self_confidence_of_each_class() -> None:
    rng = np.random.default_rng(1)
    scores, codes = rng.random((30, 3)), np.arange(30) % 3
    expected = [scores[codes == k, k].mean() for k in range(3)]
    np.testing.assert_allclose(class_thresholds(scores, codes), expected, rtol=1e-12)


def test_suspicion_equals_a_loop_for_every_label_of_every_image() -> None:
    rng = np.random.default_rng(2)
    scores, codes = rng.random((25, 4)), np.arange(25) % 4
    near = rng.integers(0, 25, (25, 6))
    every = np.tile(np.arange(4), (25, 1))
    shares = vote_shares(near, codes, 4)
    above = scores - class_thresholds(scores, codes)
    for judged, values, other in ((probed(scores, codes), above, 1.0), (votes(near, codes, 4), shares, 0.5)):
        expected = [
            [other * max(v for k, v in enumerate(row) if k != j) - row[j] for j in range(4)] for row in values
        ]
        np.testing.assert_allclose(judged.suspicion(every), expected, rtol=1e-6, atol=1e-7)
        own = np.array(expected)[np.arange(25), codes]
        np.testing.assert_allclose(judged.suspicion(codes), own, atol=1e-7)


def test_mid_ranks_count_equal_ones_half() -> None:
    found = mid_ranks(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [0.25, 0.625, 1])


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_known_flips_come_first(classes: int) -> None:
    S, truth = blobs(600, classes, 0.3)
    noisy, wrong = flipped(truth, 0.15, classes)
    found = label_issues([evidence(S[:, :20], "early"), evidence(S, "late")], noisy)
    assert roc_auc_score(wrong, found.score) > 0.98
    assert (found.proposed[wrong] == truth[wrong]).mean() > 0.95
    assert (found.proposed != noisy).all()
    assert found.wrong == pytest.approx(0.15, abs=0.05)
    order = np.argsort(-found.score, kind="stable")
    true_precision = np.cumsum(wrong[order]) / np.arange(1, 601)
    assert np.abs(found.precision[order] - true_precision)[20:].max() < 0.12
    singles = [roc_auc_score(wrong, single) for single in found.singles.values()]
    assert roc_auc_score(wrong, found.score) >= min(singles)


def test_a_layer_that_knows_nothing_has_no_say() -> None:
    S, truth = blobs(500, 4, 0.2)
    noise = np.random.default_rng(3).normal(size=S.shape).astype(np.float32)
    found = label_issues([evidence(noise, "noise"), evidence(S, "good")], flipped(truth, 0.2, 4)[0])
    assert sum(found.weights.values()) == pytest.approx(1)
    assert sum(weight for (layer, _), weight in found.weights.items() if layer == "noise") < 1e-3


def test_the_ranking_is_the_same_each_time_and_falls() -> None:
    S, truth = blobs(300, 40, 0.5)
    noisy = flipped(truth, 0.1, 40)[0]
    first, second = (label_issues([evidence(S)], noisy, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.chance, second.chance)
    ranked = np.argsort(-first.score, kind="stable")
    assert (np.diff(first.chance[ranked]) <= 1e-12).all()
    assert (np.diff(first.precision[ranked]) <= 1e-12).all()
    np.testing.assert_allclose(expected_precision(first.score, first.chance), first.precision)


def test_clean_labels_promise_few_mistakes() -> None:
    S, truth = blobs(800, 6, 0.2)
    assert label_issues([evidence(S)], truth).wrong < 0.02


def test_class_dependent_mistakes_are_seen_as_such() -> None:
    S, truth = blobs(900, 3, 0.2)
    noisy = truth.copy()
    noisy[np.flatnonzero(truth == 0)[:60]] = 1
    S_scores = np.eye(3, dtype=np.float32)[truth] + 0.1 * S[:, :3]
    noise = estimate_noise(S_scores, noisy)
    assert noise.pairs[1, 0] > 0.9
    assert noise.pairs.sum() == pytest.approx(1)
    assert noise.share == pytest.approx(60 / 900, abs=0.04)


def ambiguous(n: int, classes: int, share: float, seed: int) -> tuple[np.ndarray, ...]:
    """Return scores, labels, which of them are wrong, and suspicions; true labels are drawn from p."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes))
    p = np.exp(-3 * (scores.max(axis=1, keepdims=True) - scores) ** 1.5)
    truth = (p.cumsum(axis=1) / p.sum(axis=1, keepdims=True) > rng.random((n, 1))).argmax(axis=1)
    steps = rng.integers(1, classes, n) * (rng.random(n) < share)
    codes = (truth + steps) % classes
    own = scores[np.arange(n), codes]
    return scores.astype(np.float32), codes, codes != truth, scores.max(axis=1) - own


@pytest.mark.parametrize(("classes", "share"), [(3, 0.1), (10, 0.05), (10, 0.4), (30, 0.2)])
def test_ambiguous_images_are_not_taken_for_wrong_labels(classes: int, share: float) -> None:
    scores, codes, wrong, suspicion = ambiguous(6000, classes, share, 0)
    naive = (scores.argmax(axis=1) != codes).mean()
    assert naive > wrong.mean() + 0.05
    chances = wrong_chances(suspicion, scores, codes)
    assert chances.mean() == pytest.approx(wrong.mean(), abs=0.03)
    order = np.argsort(-suspicion, kind="stable")
    cut = int(wrong.sum())
    expected = expected_precision(suspicion, chances)[order[cut - 1]]
    assert expected == pytest.approx(wrong[order[:cut]].mean(), abs=0.05)


def test_a_lean_towards_the_given_labels_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(4000) % 8
    scores = 3 * np.eye(8)[truth] + rng.normal(0, 0.9, (4000, 8))
    codes = np.where(rng.random(4000) < 0.2, (truth + rng.integers(1, 8, 4000)) % 8, truth)
    scores[np.arange(4000), codes] += 0.2 * scores.std()
    share = (codes != truth).mean()
    suspicion = scores.max(axis=1) - scores[np.arange(4000), codes]
    found = wrong_chances(suspicion, scores.astype(np.float32), codes).mean()
    assert found == pytest.approx(share, abs=0.01)
    for name in ("_START_LEAN", "_MOST_LEAN"):
        monkeypatch.setattr(label_noise, name, 0.0)
    unseen = wrong_chances(suspicion, scores.astype(np.float32), codes).mean()
    assert unseen < found < share + 0.01


def test_equal_scores_have_equal_chances() -> None:
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(200, 3)).astype(np.float32)
    suspicion = rng.integers(0, 4, 200) / 4
    chances = wrong_chances(suspicion, scores, np.arange(200) % 3)
    for value in np.unique(suspicion):
        assert np.ptp(chances[suspicion == value]) < 1e-12


def check_defined(found: LabelIssues, labels: np.ndarray) -> None:
    for array in (found.score, found.chance, found.precision, *map(found.way, WAYS), *found.singles.values()):
        assert array.shape == labels.shape
        assert np.isfinite(array).all()
        assert array.min() >= 0
        assert array.max() <= 1 + 1e-12
    assert np.isin(found.proposed, labels).all()
    assert (found.proposed != labels).all()


@settings(max_examples=40, deadline=None)
@given(labelled())
def test_any_input_has_a_defined_answer(case: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = case
    if len(np.unique(labels)) < 2:
        with pytest.raises(SelectionError, match="at least two classes"):
            label_issues([evidence(S)], labels)
    else:
        check_defined(label_issues([evidence(S)], labels), labels)


def test_an_image_alone_in_its_class_cannot_be_judged() -> None:
    S, truth = blobs(60, 2, 0.2)
    truth[7] = 5
    found = label_issues([evidence(S)], truth)
    assert found.score[7] == 0
    assert found.chance[7] == 0
    check_defined(found, truth)


def test_constant_channels_only() -> None:
    found = label_issues([evidence(np.ones((10, 3), np.float32))], np.arange(10) % 2)
    check_defined(found, np.arange(10) % 2)


def test_bad_input_is_refused() -> None:
    S, truth = blobs(20, 2, 0.2)
    with pytest.raises(SelectionError, match="at least one layer"):
        label_issues([], truth)
    with pytest.raises(DatasetError, match="20 images"):
        label_issues([evidence(S)], truth[:-1])
    with pytest.raises(SelectionError, match="k must be 1 or more"):
        label_issues([evidence(S)], truth, neighbours=0)
