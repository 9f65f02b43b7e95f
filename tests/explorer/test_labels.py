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


def test_decisions_are_kept_shown_and_undone(explorer: Explorer, view: View) -> None:
    labels = explorer.labels
    first, second = explorer.sample(view).image_ids[:2].tolist()
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
    assert len(labels.log("digits")) == 3


def test_wrong_decisions_are_refused(explorer: Explorer) -> None:
    with pytest.raises(UnknownNameError, match="no image 9999"):
        explorer.labels.decide("digits", 9999, "keep", None, "Ann")
    with pytest.raises(SelectionError, match="no class 10"):
        explorer.labels.decide("digits", 3, "relabel", 10, "Ann")
    with pytest.raises(UnknownNameError):
        explorer.labels.decide("nothing", 3, "keep", None, "Ann")
