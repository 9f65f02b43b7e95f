"""Labels to review, and decisions about them, through the façade."""

from __future__ import annotations

import numpy as np
import pytest

from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.labels import review_layers
from channelexplorer_dash.selection import View
from tests.explorer.conftest import settled


def test_every_label_of_the_view_is_ranked(explorer: Explorer, view: View) -> None:
    review = settled(lambda: explorer.label_review(view))
    sample = explorer.sample(view)
    assert sorted(review.image_ids.tolist()) == sorted(sample.image_ids.tolist())
    label = dict(zip(sample.image_ids.tolist(), sample.labels.tolist(), strict=True))
    assert [label[image] for image in review.image_ids.tolist()] == review.given.tolist()
    assert (review.proposed != review.given).all()
    assert np.isin(review.proposed, view.classes).all()
    assert review.expected_wrong < 15
    colours = explorer.colours(view, sample, "suspicion")
    score = dict(zip(review.image_ids.tolist(), review.score.tolist(), strict=True))
    assert colours.names is None
    assert colours.values.tolist() == [score[image] for image in sample.image_ids.tolist()]


def test_layers_are_the_later_ones_without_the_output(explorer: Explorer) -> None:
    description = settled(lambda: explorer.describe("digits-resnet"))
    names = [layer.name for layer in review_layers(description, 4)]
    assert names == ["layer2.0", "layer3.0", "layer4.0", "global_pool"]
    assert [layer.name for layer in review_layers(description, 1)] == ["layer2.0"]
    assert len(review_layers(description, 16)) == 4


def test_one_class_has_nothing_to_review(explorer: Explorer) -> None:
    settled(lambda: explorer.describe("digits-resnet"))
    with pytest.raises(SelectionError, match="at least two classes"):
        explorer.label_review(View("digits-resnet", "digits", classes=(3,)))


def test_the_expected_precision_follows_decisions(explorer: Explorer, view: View) -> None:
    review = settled(lambda: explorer.label_review(view))
    before = explorer.labels.chosen("digits", review, None, "check", 20)
    assert (before.decided, before.unchecked, before.review.checks) == (0, 20, 0)
    assert not before.is_known
    np.testing.assert_array_equal(before.review.precision, review.precision)
    images = review.image_ids[before.places].tolist()
    given = review.given[before.places].tolist()
    # The person finds that half of them are wrong: more than was expected.
    for image in images[:10]:
        explorer.labels.decide("digits", image, "keep", None, "Ann")
    for image, label in zip(images[10:19], given[10:19], strict=True):
        explorer.labels.decide("digits", image, "relabel", (label + 1) % 10, "Ann")
    explorer.labels.decide("digits", images[19], "flag", None, "Ann")
    after = explorer.labels.chosen("digits", review, None, "check", 20)
    assert (after.decided, after.unchecked, after.review.checks) == (20, 0, 19)
    assert not len(after.places)
    # What was expected was far too sure.
    wrong = round(after.review.expected_wrong)
    assert after.review.margin[wrong - 1] > before.review.margin[wrong - 1]
    assert after.review.chance[before.places].tolist()[:19] == [0.0] * 10 + [1.0] * 9
    assert after.review.expected_wrong > before.review.expected_wrong + 5
    left = explorer.labels.chosen("digits", review, None, "open", 20)
    assert len(left.places) == len(review.image_ids) - 20
    # Where the precision is known the spot check asks for nothing more.
    many = explorer.labels.chosen("digits", review, None, "check", 200)
    assert (many.unchecked == 0) == many.is_known
    # To relabel to the same label is to keep it.
    explorer.labels.decide("digits", images[0], "relabel", given[0], "Ann")
    assert explorer.labels.chosen("digits", review, None, "all", 20).review.chance[before.places[0]] == 0
    for image in (images[0], *images):
        explorer.labels.decide("digits", image, "undo", None, "Ann")
    undone = explorer.labels.chosen("digits", review, None, "all", 20)
    np.testing.assert_array_equal(undone.review.chance, review.chance)


def test_decisions_are_kept_shown_and_undone(explorer: Explorer, view: View) -> None:
    labels = explorer.labels
    first, second = explorer.sample(view).image_ids[:2].tolist()
    before = len(labels.log("digits"))
    kept = labels.decide("digits", first, "keep", None, "Ann")
    labels.decide("digits", second, "relabel", 7, "")
    assert kept.author == "Ann"
    assert labels.current("digits")[second].author == labels.reviewer
    rows = explorer.images(view, (first, second))
    assert [(row.decision, row.decided_label, row.decided_by) for row in rows] == [
        ("keep", None, "Ann"),
        ("relabel", "7", labels.reviewer),
    ]
    table = labels.table("digits")
    assert table["decision"].to_list() == ["keep", "relabel"]
    assert table["new_label"].to_list() == [None, 7]
    coloured = explorer.colours(view, explorer.sample(view), "decision")
    assert coloured.names == ("keep", "relabel", "flag")
    assert coloured.values[:3].tolist() == [0, 1, -1]
    labels.decide("digits", second, "undo", None, "Ann")
    assert labels.table("digits")["image_id"].to_list() == [first]
    assert len(labels.log("digits")) == before + 3


def test_wrong_decisions_are_refused(explorer: Explorer) -> None:
    with pytest.raises(UnknownNameError, match="no image 9999"):
        explorer.labels.decide("digits", 9999, "keep", None, "Ann")
    with pytest.raises(SelectionError, match="no class 10"):
        explorer.labels.decide("digits", 3, "relabel", 10, "Ann")
    with pytest.raises(UnknownNameError):
        explorer.labels.decide("nothing", 3, "keep", None, "Ann")
