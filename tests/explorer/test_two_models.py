"""Two checkpoints of the digits ResNet compared: the class whose labels were shuffled is named first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from channelexplorer_dash.core.cka import linear_cka
from channelexplorer_dash.core.matching import match_channels
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.comparing import Comparison
from channelexplorer_dash.selection import View
from tests.explorer.checkpoints import SHUFFLED, train_both
from tests.explorer.conftest import settled

VIEW = View("before", "digits")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    folder = tmp_path_factory.mktemp("two")
    made = Explorer(train_both(folder, folder / "store", engine="inline"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def comparison(two: Explorer) -> Comparison:
    return settled(lambda: two.two_models.compare(VIEW, "after", "stage"))


def test_the_class_with_shuffled_labels_is_named_first(comparison: Comparison) -> None:
    assert comparison.classes[0] == SHUFFLED
    # By a wide margin, and by the answers as by the layers.
    assert comparison.score[0] > 2 * comparison.score[1]
    assert comparison.answers is not None and comparison.answers.argmax() == 0
    assert np.abs(comparison.layer_change).mean(axis=0).argmax() == 0
    assert comparison.right is not None
    assert comparison.right[0, 0] > 0.9 and comparison.right[1, 0] < 0.7
    assert SHUFFLED in comparison.confused[0].classes and SHUFFLED in comparison.closer[0].classes


def test_newly_confused_pairs_have_their_images(two: Explorer, comparison: Comparison) -> None:
    before, after = (two.images(View(name, "digits"), range(1797)) for name in ("before", "after"))
    count = 0
    for pair in comparison.confused:
        for image in pair.images.tolist():
            assert before[image].prediction == before[image].label
            assert {after[image].prediction, after[image].label} == set(pair.classes)
        count += len(pair.images)
    pairs = zip(before, after, strict=True)
    assert count == sum(one.correct is True and other.correct is False for one, other in pairs)
    assert not {pair.classes for pair in comparison.resolved if not len(pair.images)}


def test_layers_are_compared_by_cka(two: Explorer, comparison: Comparison) -> None:
    assert comparison.beside == tuple((i, i) for i in range(len(comparison.layers[0])))
    layers = [layer.name for layer in comparison.layers[0]]
    rows = []
    for name in ("before", "after"):
        keys = settled(lambda name=name: two.compute(View(name, "digits"), tuple(layers), output=False))
        l2 = list(keys)[:: len(two.settings.summaries)]
        ids = two.sample(VIEW).image_ids
        rows.append([two._work.rows(key, ids) for key in l2])
    for i, j in ((0, 0), (1, 3), (-1, -1)):
        np.testing.assert_allclose(comparison.cka[i, j], linear_cka(rows[0][i], rows[1][j]), rtol=1e-6)
    found = settled(lambda: two.two_models.channels(VIEW, layers[-1], "after", layers[-1]))
    wanted = match_channels(rows[0][-1], rows[1][-1])
    np.testing.assert_array_equal(found.first, wanted.first)
    np.testing.assert_array_equal(found.second, wanted.second)
    np.testing.assert_allclose(found.correlation, wanted.correlation, rtol=1e-6)


def test_one_class_alone_can_be_compared(two: Explorer) -> None:
    alone = View("before", "digits", classes=(SHUFFLED,), per_class=12)
    found = settled(lambda: two.two_models.compare(alone, "after", "stage"))
    assert found.classes.tolist() == [SHUFFLED] and found.closer == () and np.isfinite(found.score).all()


def test_what_cannot_be_compared_is_refused(two: Explorer) -> None:
    with pytest.raises(SelectionError, match="another one"):
        two.two_models.compare(VIEW, "before", "stage")
    with pytest.raises(UnknownNameError):
        two.two_models.compare(VIEW, "never", "stage")
    with pytest.raises(UnknownNameError):
        two.selection("?model=before&dataset=digits&compare=never")
