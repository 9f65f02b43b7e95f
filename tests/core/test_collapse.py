from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given

from channelexplorer_dash.core import centroids as centroids_module
from channelexplorer_dash.core.collapse import (
    RANK,
    head_disagrees,
    self_duality,
    simplex_gaps,
    within_class_variability,
)
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled
from tests.core.test_class_measures import Case, blobs


def plain_nc1(S: np.ndarray, labels: np.ndarray) -> float:
    rows, present = S.astype(np.float64), np.unique(labels)
    means = np.stack([rows[labels == c].mean(axis=0) for c in present])
    within = np.zeros((S.shape[1],) * 2)
    for row, label in zip(rows, labels, strict=True):
        off = row - means[np.searchsorted(present, label)]
        within += np.outer(off, off) / len(rows)
    centred = means - means.mean(axis=0)
    between = centred.T @ centred / len(present)
    return float(np.trace(within @ np.linalg.pinv(between, rcond=RANK, hermitian=True)) / len(present))


@given(labelled())
def test_nc1_is_that_of_the_matrices(case: Case) -> None:
    S, labels = case
    assume(len(np.unique(labels)) > 1)
    rows = S.astype(np.float64)
    means = np.stack([rows[labels == c].mean(axis=0) for c in np.unique(labels)])
    spectrum = np.linalg.svd(means - means.mean(axis=0), compute_uv=False)
    assume(spectrum[0] > 1e-3)
    # Directions near the limit are rounding on one side or the other.
    assume(not ((spectrum > 1e-12 * spectrum[0]) & (spectrum < 1e-3 * spectrum[0])).any())
    found = within_class_variability(S, labels).mean()
    assert found == pytest.approx(plain_nc1(S, labels), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("shape", [(300, 24), (300, 4)])
def test_nc1_of_blobs(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    S, labels = blobs(n=shape[0], c=shape[1])
    expected = plain_nc1(S, labels)
    assert within_class_variability(S, labels).mean() == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(centroids_module, "DOUBLE_PRODUCTS", 0)
    assert within_class_variability(S, labels).mean() == pytest.approx(expected, rel=1e-5)


def test_a_collapsed_layer() -> None:
    """The corners of a simplex, shifted: every image at its class mean, every angle as wide as can be."""
    k = 5
    corners = np.eye(k, dtype=np.float32) * 3 + 2
    labels = np.repeat(np.arange(k), 4)
    S = corners[labels]
    assert within_class_variability(S, labels).max() == pytest.approx(0, abs=1e-12)
    moments = class_moments(S, labels)
    gaps = simplex_gaps(moments)
    assert max(gaps.norms, gaps.angles, gaps.simplex) == pytest.approx(0, abs=1e-12)
    head = np.eye(k) - 1 / k
    assert self_duality(moments, 7 * head) == pytest.approx(0, abs=1e-7)
    assert self_duality(moments, -head) == pytest.approx(2)
    assert not head_disagrees(S, labels, head, np.zeros(k)).any()
    assert head_disagrees(S, labels, np.roll(head, 1, axis=0), np.zeros(k)).all()


def test_nc2_is_that_of_a_plain_loop() -> None:
    S, labels = blobs(n=60)
    moments = class_moments(S, labels)
    centred = moments.mean - moments.mean.mean(axis=0)
    norms = [float(np.linalg.norm(row)) for row in centred]
    cosines = [
        float(centred[i] @ centred[j] / norms[i] / norms[j]) for i in range(6) for j in range(i + 1, 6)
    ]
    gaps = simplex_gaps(moments)
    assert gaps.norms == pytest.approx(np.std(norms) / np.mean(norms), rel=1e-9)
    assert gaps.angles == pytest.approx(np.std(cosines), rel=1e-9)
    assert gaps.simplex == pytest.approx(np.mean([abs(cosine + 1 / 5) for cosine in cosines]), rel=1e-9)


def test_what_is_not_defined_says_so() -> None:
    S, labels = np.ones((4, 3), np.float32), np.array([0, 0, 1, 1])
    with pytest.raises(DatasetError, match="equal"):
        within_class_variability(S, labels)
    with pytest.raises(DatasetError, match="not defined"):
        simplex_gaps(class_moments(S, labels))
    with pytest.raises(DatasetError, match="at least two classes"):
        within_class_variability(S, np.zeros(4, np.int64))
    with pytest.raises(DatasetError, match="at least two classes"):
        simplex_gaps(class_moments(S, np.zeros(4, np.int64)))
    moments = class_moments(*blobs(n=60))
    with pytest.raises(DatasetError, match="must fit"):
        self_duality(moments, np.ones((2, 2)))
    with pytest.raises(DatasetError, match="all 0"):
        self_duality(moments, np.zeros_like(moments.mean))
    with pytest.raises(DatasetError, match="must fit"):
        head_disagrees(S, labels, np.ones((2, 4)), np.zeros(2))
    with pytest.raises(DatasetError, match="NaN or infinity"):
        within_class_variability(np.array([[np.nan], [1.0]]), [0, 1])


def test_a_head_without_classes_to_compare_or_with_broken_weights_says_so() -> None:
    S, labels = blobs(n=60)
    moments = class_moments(S, labels)
    alone = np.zeros(len(S), np.int64)
    one = np.ones((1, S.shape[1]))
    with pytest.raises(DatasetError, match="at least two classes"):
        self_duality(class_moments(S, alone), one)
    with pytest.raises(DatasetError, match="at least two classes"):
        head_disagrees(S, alone, one, np.zeros(1))
    broken = np.full_like(moments.mean, np.inf)
    with pytest.raises(DatasetError, match="NaN or infinity"):
        self_duality(moments, broken)
    with pytest.raises(DatasetError, match="NaN or infinity"):
        head_disagrees(S, labels, moments.mean, np.full(len(moments.mean), np.nan))
