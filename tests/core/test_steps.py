"""Measures by step, and the vote on new states, against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    r2_score,
    silhouette_score,
)
from sklearn.neighbors import KNeighborsClassifier

from channelexplorer_dash.choices import Measure
from channelexplorer_dash.core.steps import STEP_MEASURES, explained, measure_by_step, vote
from channelexplorer_dash.errors import DatasetError

RNG = np.random.default_rng(5)
LABELS = np.tile([0, 1, 2], 40)
STEPS = np.repeat([0, 500, 999], 40)
S = (RNG.normal(size=(120, 6)) + 2 * np.eye(6)[LABELS] * (STEPS < 900)[:, None]).astype(np.float32)


def test_the_accuracy_of_a_step_is_that_of_its_states_alone() -> None:
    steps, accuracy = measure_by_step(S, LABELS, STEPS, k=5)
    assert steps.tolist() == [0, 500, 999]
    for step, found in zip(steps, accuracy, strict=True):
        rows = np.flatnonzero(step == STEPS)
        right = 0
        for row in rows:
            others = rows[rows != row]
            model = KNeighborsClassifier(1, metric="cosine").fit(S[others], LABELS[others])
            right += model.predict(S[[row]])[0] == LABELS[row]
        assert measure_by_step(S, LABELS, STEPS, k=1)[1][steps == step] == right / len(rows)
        assert (found > 0.6) == (step < 900)


@pytest.mark.parametrize(
    ("measure", "reference"),
    [
        ("silhouette", silhouette_score),
        ("calinski_harabasz", calinski_harabasz_score),
        ("davies_bouldin", davies_bouldin_score),
    ],
)
def test_other_measures_of_a_step_are_those_of_scikit_learn(measure: Measure, reference: Any) -> None:
    steps, found = measure_by_step(S, LABELS, STEPS, measure)
    wanted = [reference(S[step == STEPS].astype(np.float64), LABELS[step == STEPS]) for step in steps]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_measures_by_neighbours_and_means_are_those_of_a_loop() -> None:
    rows, labels = S[STEPS == 500].astype(np.float64), LABELS[STEPS == 500]
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.fill_diagonal(distances, np.inf)
    same = labels[:, None] == labels
    own, other = (np.where(kept, distances, np.inf).min(axis=1).sum() for kept in (same, ~same))
    nearer = []
    for i, label in enumerate(labels):
        left = np.arange(len(labels)) != i
        means = [rows[left & (labels == c)].mean(axis=0) for c in range(3)]
        nearer.append(np.argmin(np.linalg.norm(means - rows[i], axis=1)) == label)
    for measure, wanted in {
        "thornton": (labels[distances.argmin(axis=1)] == labels).mean(),
        "n2": own / (own + other),
        "centroid": np.mean(nearer),
    }.items():
        assert measure_by_step(S, LABELS, STEPS, measure)[1][1] == pytest.approx(wanted, rel=1e-6)
    gdv = measure_by_step(S, LABELS, STEPS, "gdv")[1]
    assert gdv[1] < -0.1 and abs(gdv[2]) < 0.1


def test_the_vote_is_that_of_scikit_learn() -> None:
    new = RNG.normal(size=(30, 6)).astype(np.float32)
    found = vote(S, LABELS, STEPS, new, k=5)
    model = KNeighborsClassifier(5, metric="cosine").fit(S, LABELS)
    shares = model.predict_proba(new)
    assert np.allclose(found.label_share, shares.max(axis=1))
    assert (shares[np.arange(30), found.labels] == shares.max(axis=1)).all()
    near = model.kneighbors(new, return_distance=False)
    assert (np.sort(near, axis=1) == np.sort(found.near, axis=1)).all()
    assert np.allclose(found.mean_step, STEPS[near].mean(axis=1))


def test_explained_variance_is_that_of_scikit_learn() -> None:
    truth = RNG.normal(size=20)
    guess = truth + 0.3 * RNG.normal(size=20)
    assert explained(truth, guess) == pytest.approx(r2_score(truth, guess), rel=1e-9)
    assert explained(np.ones(4), np.ones(4)) == 0.0


def test_nothing_to_compare_with_is_said() -> None:
    with pytest.raises(DatasetError, match="at least one"):
        vote(S[:0], LABELS[:0], STEPS[:0], S[:1])
    one = measure_by_step(S[:1], LABELS[:1], STEPS[:1])
    assert one[1].tolist() == [0.0]
    for measure in set(STEP_MEASURES) - {"knn"}:
        with pytest.raises(DatasetError):
            measure_by_step(S, np.zeros_like(LABELS), STEPS, measure)
