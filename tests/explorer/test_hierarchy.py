"""Clusters and hierarchies of the digits demo, computed by the real model, against brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import pdist

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.newick import to_newick
from channelexplorer_dash.core.normalise import normalise
from channelexplorer_dash.core.trees import tree_of_linkage
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.hierarchy import reference
from channelexplorer_dash.results.views import ClassJaccard, Hierarchy
from channelexplorer_dash.selection import Grouping, View
from channelexplorer_dash.store import Kind, Store
from tests.explorer.conftest import settled

LAYER = "layer4.0"
PARTS = Grouping("12", "centroid", "subclasses")


@pytest.fixture(scope="session")
def rows(explorer: Explorer, view: View) -> np.ndarray:
    """Normalised S of the layer for the view's images."""
    keys = settled(lambda: explorer.compute(view, (LAYER,), output=False))
    S = np.asarray(Store(explorer.settings.store).array(Kind.SUMMARY, keys[0]))
    return normalise(S[explorer.sample(view).image_ids], view.normalisation).astype(np.float64)


def exact(explorer: Explorer, view: View) -> Hierarchy:
    while not (found := settled(lambda: explorer.hierarchy(view, LAYER))).exact:
        pass
    return found


def test_the_tree_of_centroids_is_scipy_s(explorer: Explorer, view: View, rows: np.ndarray) -> None:
    found = settled(lambda: explorer.hierarchy(view, LAYER, Grouping(distance="centroid")))
    labels = explorer.sample(view).labels
    centroids = np.stack([rows[labels == c].mean(axis=0) for c in np.unique(labels)])
    np.testing.assert_allclose(found.linkage, linkage(pdist(centroids), "average"), rtol=1e-5)
    assert found.labels.tolist() == [0, 1, 4, 7, 9]
    assert found.counts.tolist() == [20] * 5
    assert found.reference is None


def test_the_tree_of_overlaps_is_that_of_the_matrix(explorer: Explorer, view: View) -> None:
    found = exact(explorer, view)
    matrix = settled(lambda: explorer.jaccard(view, LAYER, "classes", "hierarchy"))
    assert isinstance(matrix, ClassJaccard)
    assert matrix.classes.tolist() == found.labels[found.order].tolist()


def test_the_matrix_follows_the_chosen_distance(explorer: Explorer, view: View) -> None:
    tree = settled(lambda: explorer.hierarchy(view, LAYER, Grouping(distance="centroid")))
    matrix = settled(lambda: explorer.jaccard(view, LAYER, "classes", "hierarchy", "centroid"))
    assert isinstance(matrix, ClassJaccard)
    assert matrix.classes.tolist() == tree.labels[tree.order].tolist()


def test_subclasses_are_parts_of_their_class(explorer: Explorer, view: View, rows: np.ndarray) -> None:
    found = settled(lambda: explorer.hierarchy(view, LAYER, PARTS))
    clusters = settled(lambda: explorer.clusters(view, LAYER, PARTS))
    sample = explorer.sample(view)
    assert len(found.labels) > 5
    assert sorted(np.concatenate(found.members).tolist()) == sorted(sample.image_ids.tolist())
    centroids = []
    for label, cluster, members in zip(found.labels, found.clusters, found.members, strict=True):
        own = np.isin(sample.image_ids, members)
        assert set(sample.labels[own]) == {label}
        if cluster >= 0:
            held = own & (clusters.assignment == cluster)
            assert held.sum() > 0.1 * (sample.labels == label).sum()
        centroids.append(rows[own].mean(axis=0))
    np.testing.assert_allclose(found.linkage, linkage(pdist(np.array(centroids)), "average"), rtol=1e-5)
    split = [name for name in found.leaf_names if "#" in name]
    assert len(set(split)) == len(split) >= 2


def test_subclasses_by_overlap_too(explorer: Explorer, view: View) -> None:
    by_overlap = settled(lambda: explorer.hierarchy(view, LAYER, Grouping("12", "jaccard", "subclasses")))
    by_centroid = settled(lambda: explorer.hierarchy(view, LAYER, PARTS))
    assert by_overlap.leaf_names == by_centroid.leaf_names
    assert by_overlap.linkage[-1, 2] <= 1


@pytest.mark.parametrize("k", ["auto", "3"])
def test_clusters_with_the_classes_in_each(explorer: Explorer, view: View, k: str) -> None:
    found = settled(lambda: explorer.clusters(view, LAYER, Grouping(k)))
    sizes = np.bincount(found.assignment)
    assert found.make_up.counts.sum(axis=1).tolist() == sizes.tolist()
    assert sizes.tolist() == sorted(sizes, reverse=True)
    assert found.found == (k == "auto")
    assert found.outlier.sum() < 50
    if k == "3":
        assert len(sizes) == 3


def test_a_class_alone_has_its_sub_clusters(explorer: Explorer) -> None:
    alone = View("digits-resnet", "digits", classes=(1,))
    found = settled(lambda: explorer.clusters(alone, LAYER, Grouping("2")))
    assert found.make_up.counts.shape == (2, 1)
    tree = settled(lambda: explorer.hierarchy(alone, LAYER, Grouping("2", "jaccard", "subclasses")))
    assert len(tree.labels) == 2
    assert tree.superclasses == ()


def test_one_image_has_one_cluster_and_one_leaf(explorer: Explorer) -> None:
    single = View("digits-resnet", "digits", classes=(3,), per_class=1)
    assert settled(lambda: explorer.clusters(single, LAYER)).assignment.tolist() == [0]
    for grouping in (Grouping(), PARTS):
        tree = settled(lambda grouping=grouping: explorer.hierarchy(single, LAYER, grouping))
        assert tree.linkage.shape == (0, 4)
        assert tree.leaf_names == ("3",)


def test_the_status_names_clusters_and_hierarchy_when_they_are_wanted(explorer: Explorer, view: View) -> None:
    while (status := explorer.status(view, LAYER, "pca", PARTS, clustered=True)).job is not None:
        pass
    assert None not in status.versions.values()
    plain = explorer.status(view, LAYER, "pca")
    assert plain.versions["clusters"] is None
    assert plain.versions["hierarchy"] != status.versions["hierarchy"]


@pytest.mark.parametrize(
    "wrong", [("0", "jaccard", "classes"), ("2", "far", "classes"), ("2", "jaccard", "x")]
)
def test_what_cannot_be_chosen_is_refused(wrong: tuple[str, str, str]) -> None:
    with pytest.raises(SelectionError, match="Choose one of"):
        Grouping(*wrong)  # type: ignore[arg-type]


LABELS: IntArray = np.arange(4)
KINDS = ("cat", "dog", "car", "bus")
TREE = linkage(np.array([0.2, 0.9, 0.8, 0.9, 0.8, 0.3]), "average")


def test_reference_is_wordnet_where_it_knows_every_class() -> None:
    found = reference(TREE, LABELS, ("tabby", "beagle", "convertible", "minibus"), None)
    assert found is not None
    assert (found.name, found.classes, found.problem) == ("WordNet", 4, "")
    assert found.correlation is not None
    assert found.correlation > 0.8
    assert reference(TREE, LABELS, ("tabby", "beagle", "convertible", "T-shirt/top"), None) is None


def test_reference_is_the_person_s_tree(tmp_path: Path) -> None:
    file = tmp_path / "tree.nwk"
    file.write_text(to_newick(tree_of_linkage(TREE, KINDS)), encoding="utf-8")
    for tree in (
        str(file),
        file.read_text(encoding="utf-8"),
        '{"children": [{"children": ["cat", "dog"]}, "car"]}',
    ):
        found = reference(TREE, LABELS, KINDS, tree)
        assert found is not None
        assert found.name == "your tree"
        assert found.correlation == pytest.approx(1, abs=1e-3)
    assert found.classes == 3
    assert cophenet(TREE).max() > 0


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ("(cat,dog;", "column 9"),
        ("no-such-file.nwk", "cannot be read"),
        ("(cat,dog,x);", "car, bus are not in it"),
    ],
)
def test_a_tree_that_cannot_be_used_says_why(tree: str, said: str) -> None:
    found = reference(TREE, LABELS, KINDS, tree)
    assert found is not None
    assert found.correlation is None
    assert said in found.problem
