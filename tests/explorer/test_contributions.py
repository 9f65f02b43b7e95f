"""The explorer's scorecard, ablation and contrast on the digits demo, against what the parts give."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from channelexplorer_dash.core.anova import anova
from channelexplorer_dash.core.contrast import contrast
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.ranks import auroc
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.contributions import Ablated, Fill, Groups
from channelexplorer_dash.results.answers import Pending, Ready
from channelexplorer_dash.selection import ChannelMark, Marks, View
from tests.explorer.conftest import settled

LAYER = "layer3.0"


@pytest.fixture(scope="session")
def values(explorer: Explorer, view: View) -> np.ndarray:
    """S of the view's images, read channel by channel as the page does."""
    channels = [
        settled(lambda c=c: explorer.channel(view, ChannelMark(LAYER, c))).values  # type: ignore[misc]
        for c in range(32)
    ]
    return np.stack(channels, axis=1)


def test_the_scorecard_is_of_the_views_images(explorer: Explorer, view: View, values: np.ndarray) -> None:
    table = settled(lambda: explorer.scorecard(view, LAYER))
    labels = explorer.sample(view).labels
    np.testing.assert_allclose(table.columns["f"], anova(class_moments(values, labels)).f, rtol=1e-6)
    assert table.classes.tolist() == [0, 1, 4, 7, 9]
    assert table.class_auroc.shape == table.class_frequency.shape == (32, 5)
    assert table.class_auroc[7, 2] == pytest.approx(auroc(values[:, 7], labels == 4), rel=1e-6)
    best = table.classes[table.class_auroc.argmax(axis=1)]
    np.testing.assert_array_equal(table.best_class, best)
    # Each image's active set has seven of the 32 channels.
    assert table.class_frequency.sum(axis=0) == pytest.approx([7] * 5, rel=1e-5)
    assert len(table.columns["edge_weight"]) == 32


def test_ablations_share_what_the_model_says_as_it_is(explorer: Explorer, view: View) -> None:
    one = settled(lambda: explorer.ablation(view, Ablated(LAYER, (3,))))
    assert (one.images, one.of_images, one.own_answers) == (100, 100, False)
    labels = set()
    while True:
        answer = explorer.ablation(view, Ablated(LAYER, tuple(range(32)), "mean"))
        if isinstance(answer, Ready):
            break
        assert isinstance(answer, Pending)
        labels.add(answer.job.label)
    assert "Running digits-resnet as it is" not in labels
    every = answer.value
    np.testing.assert_array_equal(every.effect.before, one.effect.before)
    # Nothing of the images is left: all are answered alike.
    assert (np.count_nonzero(every.effect.confusion_after.sum(axis=0))) == 1
    assert every.effect.change < -0.5
    assert every.effect.high < 0


def test_zero_and_mean_differ(explorer: Explorer, view: View) -> None:
    first, second = (
        settled(lambda fill=fill: explorer.ablation(view, Ablated(LAYER, (1, 5), fill)))  # type: ignore[misc]
        for fill in ("zero", "mean")
    )
    assert not np.allclose(first.effect.logit_change, second.effect.logit_change)


def test_the_effect_of_every_channel_is_that_of_its_ablation(explorer: Explorer, view: View) -> None:
    for fill in get_args(Fill):
        assert settled(lambda fill=fill: explorer.scorecard(view, LAYER, fill)).effects is None  # type: ignore[misc]
        settled(lambda fill=fill: explorer.effects(view, LAYER, fill))  # type: ignore[misc]
        table = settled(lambda fill=fill: explorer.scorecard(view, LAYER, fill))  # type: ignore[misc]
        assert (table.effect_images, table.of_images, table.fill) == (100, 100, fill)
        assert table.effects is not None and table.effects.counts.tolist() == [20] * 5
        alone = settled(lambda fill=fill: explorer.ablation(view, Ablated(LAYER, (3,), fill))).effect  # type: ignore[misc]
        assert table.effects.accuracy_lost[3] == pytest.approx(-alone.change, abs=1e-9)
        np.testing.assert_allclose(table.effects.class_effect[:, 3], -alone.logit_change, atol=1e-5)
        np.testing.assert_allclose(
            table.effects.class_accuracy_lost[:, 3], alone.before - alone.after, atol=1e-9
        )


def test_heatmaps_are_sorted_by_measured_effects(explorer: Explorer, view: View) -> None:
    with pytest.raises(SelectionError, match=r"channel of layer2\.0, set to zero, is not measured yet"):
        settled(lambda: explorer.heatmap(view, "layer2.0", "effect", Marks()))
    settled(lambda: explorer.effects(view, LAYER))
    table = settled(lambda: explorer.scorecard(view, LAYER))
    assert table.effects is not None
    shown = settled(lambda: explorer.heatmap(view, LAYER, "effect", Marks()))
    np.testing.assert_array_equal(shown.statistic, np.sort(table.effects.effect)[::-1])
    np.testing.assert_array_equal(shown.statistic, table.effects.effect[shown.channels])
    with pytest.raises(SelectionError, match="set to its mean, is not measured"):
        settled(lambda: explorer.heatmap(view, "layer2.0", "effect", Marks(), "mean"))
    lost = settled(lambda: explorer.heatmap(view, LAYER, "accuracy_lost", Marks())).statistic
    np.testing.assert_array_equal(lost, np.sort(table.effects.accuracy_lost)[::-1])


def test_a_model_of_other_classes_has_no_effect_to_measure(
    explorer: Explorer, view: View, tmp_path: Path
) -> None:
    settings = explorer.settings
    names = tuple(f"kind {number}" for number in range(10))
    spec = settings.models[0].model_copy(update={"class_names": names, "weights": "random"})
    other = Explorer(settings.model_copy(update={"models": (spec,), "store": tmp_path / "store"}))
    try:
        with pytest.raises(SelectionError, match="outputs of this model are not the classes of this dataset"):
            settled(lambda: other.effects(view, LAYER))
        table = settled(lambda: other.scorecard(view, LAYER))
        assert table.effects is None and table.effect_images == 0
    finally:
        other.close()


def test_two_groups_are_told_apart_as_by_hand(explorer: Explorer, view: View, values: np.ndarray) -> None:
    sample = explorer.sample(view)
    fours, nines = (sample.image_ids[sample.labels == label] for label in (4, 9))
    found = settled(
        lambda: explorer.contrast(view, Groups(LAYER, tuple(fours.tolist()), tuple(nines.tolist())))
    )
    both = np.concatenate([values[sample.labels == 4], values[sample.labels == 9]])
    expected = contrast(both, np.repeat([True, False], 20), explorer.settings.contrast_channels)
    np.testing.assert_array_equal(found.channels, expected.channels)
    assert found.auc == pytest.approx(expected.auc)
    assert (np.diff(found.scores) <= 0).all()
    assert set(found.image_ids[found.first].tolist()) == set(fours.tolist())
    rest = settled(lambda: explorer.contrast(view, Groups(LAYER, tuple(fours.tolist()))))
    assert (int(rest.first.sum()), int((~rest.first).sum())) == (20, 80)


def test_what_was_tampered_with_is_refused(explorer: Explorer, view: View) -> None:
    asked = Ablated(LAYER, (3, 1), "mean")
    assert Ablated.from_json(asked.to_json()) == Ablated(LAYER, (1, 3), "mean")
    assert Ablated.from_link(f"{LAYER}:mean:r1.0.1.0") == Ablated(LAYER, (1, 3), "mean")
    groups = Groups(LAYER, (1, 2))
    assert Groups.from_json(groups.to_json()) == groups
    assert Groups.from_link(f"{LAYER}:r1.1:") == groups
    assert Ablated.from_link("") is None is Groups.from_link("")
    for broken in ("layer4.0", "layer4.0:zero", ":zero:r1.0", "layer4.0:zero:", "layer4.0:none:r1.0"):
        with pytest.raises(SelectionError):
            Ablated.from_link(broken)
    for broken in ("layer4.0:r1.1", ":r1.1:"):
        with pytest.raises(SelectionError):
            Groups.from_link(broken)
    for broken in (
        None,
        {"layer": LAYER, "channels": "x", "fill": "zero"},
        {**asked.to_json(), "fill": "one"},
    ):
        with pytest.raises(SelectionError):
            Ablated.from_json(broken)
    with pytest.raises(UnknownNameError, match="no channel 32"):
        settled(lambda: explorer.ablation(view, Ablated(LAYER, (32,))))
