from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.core.sampling import draw, stratified
from channelexplorer_dash.errors import DatasetError

label_arrays = hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 5))


@given(label_arrays, st.integers(0, 8), st.integers(-(2**63), 2**64))
def test_draw_takes_as_many_of_each_class_as_there_are(labels: np.ndarray, per_class: int, seed: int) -> None:
    ids = draw(labels, None, per_class, seed)
    assert ids.dtype == np.int64
    assert len(set(ids.tolist())) == len(ids)
    np.testing.assert_array_equal(ids, ids[np.lexsort((ids, labels[ids]))])
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        assert (labels[ids] == label).sum() == (min(per_class, count) if per_class else count)
    np.testing.assert_array_equal(ids, draw(labels, None, per_class, seed))


@given(label_arrays, st.integers(1, 8), st.integers(0, 99), st.sets(st.integers(0, 7)))
def test_a_class_is_drawn_alike_whatever_else_is_drawn(
    labels: np.ndarray, per_class: int, seed: int, classes: set[int]
) -> None:
    whole = draw(labels, None, per_class, seed)
    if not classes & set(labels.tolist()):
        with pytest.raises(DatasetError, match="None of the chosen classes"):
            draw(labels, classes, per_class, seed)
        return
    some = draw(labels, classes, per_class, seed)
    np.testing.assert_array_equal(some, whole[np.isin(labels[whole], list(classes))])
    assert set(some.tolist()) <= set(draw(labels, classes, per_class + 1, seed).tolist())


def test_seeds_draw_different_images() -> None:
    labels = np.zeros(1000, np.int64)
    drawn = {tuple(draw(labels, None, 10, seed).tolist()) for seed in range(20)}
    assert len(drawn) == 20


def test_draw_is_fair() -> None:
    labels = np.zeros(10, np.int64)
    hits = np.bincount(np.concatenate([draw(labels, None, 3, seed) for seed in range(2000)]), minlength=10)
    assert hits.min() > 500
    assert hits.max() < 700


def test_bad_draws_are_refused() -> None:
    with pytest.raises(DatasetError, match="None of the chosen classes"):
        draw(np.zeros(0, np.int64), None, 0, 0)
    with pytest.raises(DatasetError, match="Images per class"):
        draw([0, 1], None, -1, 0)
    with pytest.raises(DatasetError, match="integers"):
        draw([0.5, 1], None, 0, 0)


@given(label_arrays, st.integers(1, 45), st.integers(-5, 99))
def test_stratified_keeps_every_class_and_their_shares(labels: np.ndarray, n: int, seed: int) -> None:
    chosen = stratified(labels, n, seed)
    assert chosen.dtype == np.int64
    assert len(chosen) == min(n, len(labels))
    assert np.all(np.diff(chosen) > 0)
    np.testing.assert_array_equal(chosen, stratified(labels, n, seed))
    classes, counts = np.unique(labels, return_counts=True)
    shares = np.array([(labels[chosen] == c).sum() for c in classes])
    if len(classes) <= n < len(labels):
        assert shares.min() >= 1
        fair = 1 + (n - len(classes)) * (counts - 1) / (len(labels) - len(classes))
        assert np.abs(shares - fair).max() < 1
    elif n < len(classes):
        assert shares.max() == 1
        assert counts[shares == 1].min() >= counts[shares == 0].max()


def test_balanced_classes_stay_balanced() -> None:
    labels = np.repeat(np.arange(10), 500)
    np.testing.assert_array_equal(np.bincount(labels[stratified(labels, 200, 3)]), [20] * 10)


def test_nothing_to_choose_is_refused() -> None:
    with pytest.raises(DatasetError, match="At least one image"):
        stratified([0, 1], 0, 0)
