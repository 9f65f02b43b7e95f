"""AUROC and mutual information against scikit-learn and plain loops."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import mutual_info_score, roc_auc_score

from channelexplorer_dash.core.ranks import auroc, bins_for, ranked
from channelexplorer_dash.errors import DatasetError
from tests.core.strategies import labelled


@given(labelled(images=20))
def test_auroc_is_that_of_scikit_learn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = drawn
    found = ranked(lambda part: S[:, part], S.shape[1], labels)
    for row, label in enumerate(found.classes):
        for channel in range(S.shape[1]):
            one = labels == label
            expected = 0.5 if one.all() else roc_auc_score(one, S[:, channel])
            assert found.auroc[row, channel] == pytest.approx(expected, rel=1e-9)
            assert auroc(S[:, channel], one) == pytest.approx(expected, rel=1e-9)


@given(labelled(images=40, channels=3))
def test_mutual_information_is_the_corrected_one_of_the_bins(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    S, labels = drawn
    n = len(labels)
    found = ranked(lambda part: S[:, part], S.shape[1], labels)
    bins = bins_for(n, len(found.classes))
    for channel in range(S.shape[1]):
        values = S[:, channel]
        binned = [(values < value).sum() * bins // n for value in values]
        cells = len(set(zip(binned, labels.tolist(), strict=True)))
        bias = (len(set(binned)) + len(found.classes) - cells - 1) / (2 * n)
        expected = max(0.0, (mutual_info_score(binned, labels) + bias) / np.log(2))
        assert found.information[channel] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_what_is_known_of_easy_channels() -> None:
    labels = np.repeat(np.arange(4), 50)
    S = np.stack([labels, np.ones(200), np.random.default_rng(0).normal(size=200)], axis=1).astype(np.float32)
    found = ranked(lambda part: S[:, part], 3, labels)
    assert found.auroc[:, 0].tolist() == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0])
    assert found.auroc[:, 1].tolist() == [0.5] * 4
    # Two bits, and the correction of the classes' own entropy.
    assert found.information[0] == pytest.approx(2 + 3 / 400 / np.log(2))
    assert found.information[1] == 0
    assert found.information[2] < 0.05


def test_threads_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    S, labels = random.normal(size=(300, 50)).astype(np.float32), random.integers(0, 3, 300)
    whole = ranked(lambda part: S[:, part], 50, labels)
    monkeypatch.setattr(
        "channelexplorer_dash.core.ranks.chunks", lambda n, _: (slice(i, i + 7) for i in range(0, n, 7))
    )
    parts = ranked(lambda part: S[:, part], 50, labels, threads=2)
    np.testing.assert_array_equal(whole.auroc, parts.auroc)
    np.testing.assert_array_equal(whole.information, parts.information)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    S = np.ones((4, 2), np.float32)
    S[1, 1] = bad
    with pytest.raises(DatasetError, match="1 of 4"):
        ranked(lambda part: S[:, part], 2, np.arange(4))
    with pytest.raises(DatasetError, match="no image"):
        ranked(lambda part: S[:0, part], 2, np.zeros(0, np.int64))
