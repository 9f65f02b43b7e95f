"""What the explorer answers on the digits demo, computed by the real model, against brute force."""

from dataclasses import replace
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Pending, Ready
from channelexplorer_dash.results.views import ClassJaccard, ImageJaccard
from channelexplorer_dash.selection import ChannelMark, Marks, PairMark, View
from channelexplorer_dash.store import Kind, Store
from tests.explorer.conftest import settled

LAYER = "layer3.0"


@pytest.fixture(scope="session")
def summary(explorer: Explorer, view: View) -> np.ndarray:
    """S of the layer for the view's images, as the store has it."""
    (key,) = [
        key
        for key in settled(lambda: explorer.compute(view, (LAYER,), output=False))
        if Store(explorer.settings.store).array(Kind.SUMMARY, key).shape[1] == 32
    ][:1]
    return np.asarray(Store(explorer.settings.store).array(Kind.SUMMARY, key))


def test_layers_are_described_without_torch_in_the_asker(explorer: Explorer, view: View) -> None:
    description = settled(lambda: explorer.describe(view.model))
    layer = description.layer(LAYER)
    assert (layer.channels, layer.shape, layer.layout) == (32, (32, 4, 4), "nchw")
    assert explorer.default_layers(description) == ("layer2.0", "layer4.0")


def test_the_graph_joins_every_layer(explorer: Explorer, view: View) -> None:
    description = settled(lambda: explorer.describe(view.model))
    for granularity in ("stage", "block", "leaf"):
        graph = settled(lambda granularity=granularity: explorer.graph(view.model, granularity))
        names = [layer.name for layer in description.at(granularity)]
        assert [name for name in graph.net.layers if name] == names
        assert graph.net.missing == graph.problems == ()
        assert len(graph.drawing.x) == len(graph.net.layers)
    # A residual block among its leaves: the ways through it and past it meet again.
    assert graph.net.operations.count("+") == 4
    with pytest.raises(SelectionError):
        explorer.graph(view.model, "floor")  # type: ignore[arg-type]


def test_the_sample_is_what_was_asked_for(explorer: Explorer, view: View) -> None:
    sample = explorer.sample(view)
    labels, counts = np.unique(sample.labels, return_counts=True)
    assert labels.tolist() == [0, 1, 4, 7, 9]
    assert counts.tolist() == [20] * 5
    assert (explorer.dataset("digits").labels[sample.image_ids] == sample.labels).all()


def test_the_profile_is_brute_force_knn(explorer: Explorer, view: View, summary: np.ndarray) -> None:
    while True:
        profile = settled(lambda: explorer.profile(view, "block"))
        if profile.job is None:
            break
    row = next(row for row in profile.rows if row.layer.name == LAYER)
    sample = explorer.sample(view)
    S = summary[sample.image_ids].astype(np.float64)
    S /= np.linalg.norm(S, axis=1, keepdims=True)
    right = 0
    for i in range(len(S)):
        others = np.delete(np.arange(len(S)), i)
        similar = others[np.argsort(-(S[others] @ S[i]), kind="stable")[:5]]
        votes = np.bincount(sample.labels[similar], minlength=10)
        tied = np.flatnonzero(votes == votes.max())
        right += next(label for label in sample.labels[similar] if label in tied) == sample.labels[i]
    assert row.value == pytest.approx(right / len(S), abs=1e-12)
    assert profile.chance == pytest.approx(0.2)
    # The deepest layers tell the digits apart better than the first.
    assert (profile.rows[-1].value or 0) > (profile.rows[0].value or 1)


def test_the_class_matrix_is_the_mean_over_pairs(explorer: Explorer, view: View, summary: np.ndarray) -> None:
    found = settled(lambda: explorer.jaccard(view, LAYER, "classes", "class"))
    # The overlap that is to be expected stands in while all pairs are compared.
    while isinstance(found, ClassJaccard) and not found.exact:
        found = settled(lambda: explorer.jaccard(view, LAYER, "classes", "class"))
    assert isinstance(found, ClassJaccard)
    sample = explorer.sample(view)
    S = summary[sample.image_ids].astype(np.float64)
    low, high = S.min(axis=0), S.max(axis=0)
    scaled = np.where(high > low, (S - low) / np.where(high > low, high - low, 1), 0)
    # Dead channels never count as active.
    scaled[:, high == low] = -1
    k = int(np.ceil(0.2 * 32))
    sets = [set(np.argsort(-row, kind="stable")[:k].tolist()) for row in scaled.astype(np.float32)]
    for a, first in enumerate(found.classes):
        for b, second in enumerate(found.classes):
            pairs = [
                len(sets[i] & sets[j]) / len(sets[i] | sets[j])
                for i in np.flatnonzero(sample.labels == first)
                for j in np.flatnonzero(sample.labels == second)
                if i != j
            ]
            assert found.similarity[a, b] == pytest.approx(np.mean(pairs), rel=1e-5)


def test_images_are_grouped_by_class_and_a_pair_agrees_with_its_cell(explorer: Explorer, view: View) -> None:
    found = settled(lambda: explorer.jaccard(view, LAYER, "images", "hierarchy"))
    assert isinstance(found, ImageJaccard)
    assert (len(found.sample.image_ids), found.of) == (60, 100)
    changes = np.count_nonzero(np.diff(found.sample.labels))
    assert changes == 4
    first, second = (int(i) for i in found.sample.image_ids[[2, 40]])
    pair = settled(lambda: explorer.pair(view, PairMark(LAYER, first, second)))
    assert pair.similarity == pytest.approx(float(found.similarity[2, 40]), rel=1e-6)
    union = len(pair.shared) + len(pair.only_first) + len(pair.only_second)
    assert len(pair.shared) / union == pytest.approx(pair.similarity)


def test_the_key_of_a_heatmap_changes_with_what_it_shows(explorer: Explorer, view: View) -> None:
    keys = set()
    for normalisation in ("none", "minmax", "zscore"):
        changed = replace(view, normalisation=normalisation)
        answer = explorer.heatmap(changed, LAYER, "edge_weight", Marks())
        while not isinstance(answer, Ready):
            sleep(0.01)
            answer = explorer.heatmap(changed, LAYER, "edge_weight", Marks())
        keys.add(answer.key)
    assert len(keys) == 3


def test_marked_images_come_first_in_the_heatmap(explorer: Explorer, view: View) -> None:
    sample = explorer.sample(view)
    marked = tuple(int(i) for i in sample.image_ids[[90, 3, 50]])
    marks = Marks(images=marked, pair=PairMark(LAYER, marked[0], marked[1]))
    found = settled(lambda: explorer.heatmap(view, LAYER, "variance", marks))
    assert found.marked == 3
    assert set(found.sample.image_ids[:3].tolist()) == set(marked)
    assert found.values.shape == (32, 50)
    assert (np.diff(found.statistic) <= 0).all()
    assert len(found.shared)
    assert np.isfinite(found.values).all()


def test_more_marked_images_than_room_leave_some_to_compare_with(explorer: Explorer, view: View) -> None:
    sample = explorer.sample(view)
    found = settled(
        lambda: explorer.heatmap(view, LAYER, "none", Marks(images=tuple(sample.image_ids[:80].tolist())))
    )
    assert found.marked == 33
    assert len(found.sample.image_ids) == 50
    everything = Marks(images=tuple(sample.image_ids.tolist()))
    assert settled(lambda: explorer.heatmap(view, LAYER, "none", everything)).marked == 50


def test_sorting_by_kernels_uses_the_layer_s_own(explorer: Explorer, view: View) -> None:
    found = settled(lambda: explorer.heatmap(view, LAYER, "edge_weight", Marks()))
    assert (found.statistic > 0).all()


def test_a_channel_s_top_images_are_its_largest(explorer: Explorer, view: View, summary: np.ndarray) -> None:
    found = settled(lambda: explorer.channel(view, ChannelMark(LAYER, 5)))
    np.testing.assert_array_equal(found.values, summary[found.sample.image_ids, 5])
    assert found.values[np.isin(found.sample.image_ids, found.top)].min() >= np.sort(found.values)[-12]


def test_pca_stands_in_until_another_projection_is_there(explorer: Explorer, view: View) -> None:
    first = settled(lambda: explorer.scatter(view, LAYER, "mds"))
    assert first.method in {"pca", "mds"}
    if first.method == "pca":
        assert "MDS" in first.note
    status = explorer.status(view, LAYER, "mds")
    while status.job is not None:
        status = explorer.status(view, LAYER, "mds")
    assert settled(lambda: explorer.scatter(view, LAYER, "mds")).method == "mds"


def test_predictions_are_right_and_known_to_the_inspector(explorer: Explorer, view: View) -> None:
    settled(lambda: explorer.compute(view, ("fc",), output=True))
    rows = explorer.images(view, range(200))
    assert np.mean([row.prediction == row.label for row in rows]) > 0.97
    assert all(row.confidence is not None and 0 < row.confidence <= 1 for row in rows)
    assert rows[0].columns["split"] in {"train", "test"}


def test_an_overlay_has_the_layer_s_positions(explorer: Explorer, view: View) -> None:
    assert settled(lambda: explorer.overlay(view, ChannelMark(LAYER, 3), 7)).shape == (4, 4)


def test_overlays_never_take_all_threads(explorer: Explorer, view: View) -> None:
    settled(lambda: explorer.describe(view.model))
    while explorer._overlays_waiting.acquire(blocking=False):
        pass
    started = monotonic()
    answers = [explorer.overlay(view, ChannelMark(LAYER, 9), image) for image in range(20, 26)]
    assert monotonic() - started < 8, "none waits for its eight seconds"
    assert any(isinstance(answer, Pending) for answer in answers)
    for _ in range(3):
        explorer._overlays_waiting.release()
    assert settled(lambda: explorer.overlay(view, ChannelMark(LAYER, 9), 20)).shape == (4, 4)


def test_views_of_the_same_images_share_one_sample(explorer: Explorer) -> None:
    whole = View("digits-resnet", "digits")
    _, key = explorer._catalogue.sample(whole)
    for same in ({"seed": 5}, {"per_class": 5_000, "seed": 6}, {"classes": (*range(10), *range(10))}):
        assert explorer._catalogue.sample(replace(whole, **same))[1] == key


@pytest.mark.parametrize("sent", ["", "x" * 100_000, None, 3, ["pca"], {"pca": 1}])
def test_what_a_page_cannot_choose_starts_no_job(explorer: Explorer, view: View, sent: Any) -> None:
    for ask in (
        lambda: explorer.status(view, LAYER, sent),
        lambda: explorer.scatter(view, LAYER, sent),
        lambda: explorer.profile(view, sent),
    ):
        with pytest.raises(SelectionError, match="Choose one of"):
            ask()


def test_one_image_of_one_class_is_shown(explorer: Explorer) -> None:
    single = View("digits-resnet", "digits", classes=(3,), per_class=1)
    assert settled(lambda: explorer.scatter(single, LAYER, "pca")).xy.shape == (1, 2)
    assert settled(lambda: explorer.jaccard(single, LAYER, "auto", "hierarchy")).similarity.shape == (1, 1)
    assert settled(lambda: explorer.heatmap(single, LAYER, "pairwise", Marks())).values.shape == (32, 1)


def test_a_second_explorer_finds_everything_in_the_store(explorer: Explorer, view: View) -> None:
    settled(lambda: explorer.heatmap(view, LAYER, "variance", Marks()))
    # What is shown beside the heatmap comes later.
    while explorer.jobs():
        sleep(0.01)
    again = Explorer(explorer.settings.model_copy(update={"patience_seconds": 0.0}))
    assert isinstance(again.heatmap(view, LAYER, "variance", Marks()), Ready)
    assert again.jobs() == ()
    again.close()


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("?model=nope", UnknownNameError, "no model 'nope'"),
        ("?dataset=digit", UnknownNameError, "Did you mean 'digits'"),
        ("?classes=r1.z", SelectionError, "10 classes"),
        ("?per_class=-4", SelectionError, "Images per class"),
        ("?seed=x", SelectionError, "cannot be read as a number"),
        ("?sorting=random", SelectionError, "Choose one of"),
        ("?" + "x" * 10_000, SelectionError, "10,001 characters"),
    ],
)
def test_wrong_links_are_explained(
    explorer: Explorer, query: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        explorer.selection(query)


def test_wrong_names_are_explained(explorer: Explorer, view: View) -> None:
    settled(lambda: explorer.describe(view.model))
    with pytest.raises(UnknownNameError, match=r"layer3\.0"):
        explorer.scatter(view, "layer3.9", "pca")
    with pytest.raises(UnknownNameError, match="numbered from 0"):
        explorer.images(view, [-1])
    settled(lambda: explorer.channel(view, ChannelMark(LAYER, 0)))
    with pytest.raises(UnknownNameError, match="32 channels"):
        explorer.channel(view, ChannelMark(LAYER, 32))


def test_a_link_without_names_opens_the_first_dataset_with_its_model(explorer: Explorer) -> None:
    selection = explorer.selection("")
    assert (selection.view.model, selection.view.dataset) == ("digits-resnet", "digits")


def test_pending_work_names_its_job(explorer: Explorer) -> None:
    impatient = Explorer(explorer.settings.model_copy(update={"patience_seconds": 0.0}))
    fresh = View("digits-resnet", "digits", summary="p90")
    answer = impatient.scatter(fresh, "layer1.0", "pca")
    assert isinstance(answer, Pending)
    assert answer.job.total == 1797
    impatient.cancel(answer.job.key)
    impatient.close()
