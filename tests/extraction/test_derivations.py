"""Results derived from a summary, read back from a real store, against plain NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from channelexplorer_dash.core.active import active_sets, unpacked
from channelexplorer_dash.core.anova import anova
from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.core.normalise import apply_scaling, fit_scaling
from channelexplorer_dash.core.projection import COMPONENTS
from channelexplorer_dash.core.ranks import auroc
from channelexplorer_dash.extraction.derivations import publish_derivation
from channelexplorer_dash.extraction.plan import Derivation, DerivationName, about_key
from channelexplorer_dash.extraction.samples import read_scaling, readable_sample, sample_moments
from channelexplorer_dash.store import Kind, Store, digest, schema
from channelexplorer_dash.store.moments import publish_moments

SUMMARY, SAMPLE = digest("summary"), digest("sample")
TOP = {"normalisation": "minmax", "top_fraction": 0.2}
GONE = 7


class Filled:
    """A store with a summary of 120 images × 30 channels in three classes, one of which could not be read."""

    def __init__(self, folder: Path) -> None:
        generator = np.random.default_rng(0)
        self.store = Store(folder)
        self.labels = np.arange(120) % 3
        centres = generator.gamma(2.0, size=(3, 30))
        self.S = (centres[self.labels] * generator.gamma(3.0, size=(120, 30))).astype(np.float32)
        self.S[:, 4] = 1.5
        self.S[GONE] = np.nan
        self.store.publish_array(Kind.SUMMARY, SUMMARY, self.S)
        self.store.publish_record(
            about_key(SUMMARY), {"left_out": [[GONE, "7.png", "broken"]], "non_finite": 0}
        )
        publish_moments(self.store, SUMMARY, class_moments(self.S, self.labels))
        self.sample(np.argsort(self.labels, kind="stable"))

    def sample(self, ids: np.ndarray) -> None:
        self.ids = ids[ids != GONE]
        self.key = digest(ids.tolist())
        self.store.publish_array(Kind.ARRAY, self.key, np.stack([ids, self.labels[ids]]))

    def derive(self, name: DerivationName, parameters: Mapping[str, Any]) -> Derivation:
        plan = Derivation(name, "layer", SUMMARY, self.key, parameters)
        publish_derivation(self.store, plan)
        return plan

    def array(self, name: DerivationName, parameters: Mapping[str, Any]) -> np.ndarray:
        return np.asarray(self.store.array(Kind.ARRAY, self.derive(name, parameters).key))


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "store")


def test_an_image_that_could_not_be_read_takes_no_part(filled: Filled) -> None:
    ids, labels = readable_sample(filled.store, SUMMARY, filled.key)
    np.testing.assert_array_equal(ids, filled.ids)
    np.testing.assert_array_equal(labels, filled.labels[filled.ids])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("method", ["none", "minmax", "zscore", "image_l1"])
def test_scalings_of_whole_classes_and_of_a_draw(filled: Filled, method: str, whole: bool) -> None:
    if not whole:
        filled.sample(np.arange(0, 60))
    plan = filled.derive("scaling", {"normalisation": method})
    found, expected = read_scaling(filled.store, plan.key, method), fit_scaling(filled.S[filled.ids], method)
    np.testing.assert_allclose(found.shift, expected.shift, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-6)
    np.testing.assert_array_equal(found.dead, expected.dead)


def test_moments_of_whole_classes_need_no_look_at_the_summary(filled: Filled) -> None:
    ids, labels = readable_sample(filled.store, SUMMARY, filled.key)
    filled.store.path(Kind.SUMMARY, SUMMARY).unlink()
    assert sample_moments(filled.store, SUMMARY, ids, labels).counts.sum() == 119


@pytest.mark.parametrize("method", ["minmax", "image_l1"])
def test_statistics_are_those_of_the_normalised_rows(filled: Filled, method: str) -> None:
    rows = filled.S[filled.ids]
    values = apply_scaling(rows, fit_scaling(rows, method)).astype(np.float64)
    plan = filled.derive("statistics", {**TOP, "normalisation": method})
    table = filled.store.table(plan.key)
    assert table.schema == schema.CHANNEL_STATISTICS
    np.testing.assert_allclose(table["variance"].to_numpy(), values.var(axis=0), rtol=1e-5, atol=1e-9)
    labels = filled.labels[filled.ids]
    means = [values[labels == c].mean(axis=0) for c in range(3)]
    pairwise = abs(means[0] - means[1]) + abs(means[0] - means[2]) + abs(means[1] - means[2])
    np.testing.assert_allclose(table["pairwise"].to_numpy()[5:], pairwise[5:], rtol=1e-5)


def test_active_sets_overlap_and_pairs_agree(filled: Filled) -> None:
    rows = filled.S[filled.ids]
    sets = filled.array("active", TOP)
    np.testing.assert_array_equal(sets, active_sets(rows, 0.2, fit_scaling(rows, "minmax")))
    bits = unpacked(sets, 30).astype(float)
    labels = filled.labels[filled.ids]
    shares = np.stack([bits[labels == c].mean(axis=0) for c in range(3)])
    expected = shares @ shares.T
    np.testing.assert_allclose(filled.array("class_overlap", TOP), expected / (12 - expected), rtol=1e-5)
    pairs = bits @ bits.T
    jaccard = pairs / (12 - pairs)
    drawn = filled.array("image_jaccard", {**TOP, "images": 500, "seed": 0})
    np.testing.assert_allclose(drawn, jaccard, rtol=1e-5)
    found = filled.array("class_jaccard", TOP)
    between = jaccard[np.ix_(labels == 0, labels == 1)].mean()
    np.testing.assert_allclose(found[0, 1], between, rtol=1e-5)


@pytest.mark.parametrize("method", ["umap", "tsne"])
@pytest.mark.slow
def test_images_beyond_the_fit_are_placed_among_their_like(filled: Filled, method: str) -> None:
    parameters = {"normalisation": "minmax", "method": method, "seed": 0}
    fitted = filled.array("projection", {**parameters, "images": 60})
    assert fitted.shape == (119, 2) and np.isfinite(fitted).all()
    assert filled.array("components", {"normalisation": "minmax"}).shape == (119, COMPONENTS)
    labels = filled.labels[filled.ids]
    distance = np.linalg.norm(fitted[:, None] - fitted[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (labels[distance.argmin(axis=1)] == labels).mean() > 0.9


def test_what_is_there_is_not_computed_again(filled: Filled) -> None:
    plan = filled.derive("class_jaccard", TOP)
    file = filled.store.path(Kind.ARRAY, plan.key)
    before = file.stat().st_mtime_ns, file.stat().st_ino
    filled.derive("class_jaccard", TOP)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


@pytest.mark.parametrize("method", ["minmax", "image_l1"])
def test_the_scorecard_and_what_tells_two_groups_apart(filled: Filled, method: str) -> None:
    rows, labels = filled.S[filled.ids], filled.labels[filled.ids]
    if method == "image_l1":
        rows = apply_scaling(rows, fit_scaling(rows, method))
    plan = filled.derive("scorecard", {"normalisation": method, "top_fraction": 0.2})
    table = filled.store.table(plan.key)
    assert table.schema == schema.SCORECARD
    moments = class_moments(rows, labels)
    np.testing.assert_allclose(table[schema.F].to_numpy(), anova(moments).f, rtol=1e-6, atol=1e-9)
    best = int(table[schema.AUROC].arg_max() or 0)
    own = labels == table[schema.BEST_CLASS][best]
    assert table[schema.AUROC][best] == pytest.approx(auroc(rows[:, best], own))
    assert table[schema.CLASS_AUROC].list.max().to_list() == pytest.approx(
        table[schema.AUROC].to_list(), rel=1e-6
    )

    # Groups that have as many images as whole classes, whose labels they bear.
    ids = filled.ids[labels != 2]
    filled.key = digest(["groups", method])
    filled.store.publish_array(Kind.ARRAY, filled.key, np.stack([ids, (filled.labels[ids] == 0).astype(int)]))
    parameters = {"normalisation": method, "images": 60, "channels": 5, "seed": 0}
    found = filled.store.record(filled.derive("contrast", parameters).key)
    assert found["fitted"] == 60
    assert found["auc"] > 0.8
    scores, first = np.array(found["scores"]), np.array(found["groups"]) == 0
    assert auroc(scores, first) > 0.8
    assert found["image_ids"] == ids.tolist()
