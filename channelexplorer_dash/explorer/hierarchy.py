"""Clusters of images, and the hierarchy of classes beside the tree that is known of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from channelexplorer_dash.choices import JaccardOrder
from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.core.clusters import make_up
from channelexplorer_dash.core.hierarchy import class_linkage, leaf_order, linkage_of, superclasses
from channelexplorer_dash.core.newick import read_tree
from channelexplorer_dash.core.trees import (
    cophenetic_correlation,
    matched_nodes,
    reference_distances,
)
from channelexplorer_dash.datasets.wordnet import wordnet, wordnet_nodes
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.views import ClusterAnswer, Hierarchy, Reference
from channelexplorer_dash.selection import Grouping
from channelexplorer_dash.specs import is_inline_tree
from channelexplorer_dash.store import Kind, digest

if TYPE_CHECKING:
    from channelexplorer_dash.explorer.layerwork import LayerWork

_LONGEST_TREE = 4_000_000


def clusters(work: LayerWork, prepared: Prepared, grouping: Grouping) -> Answer[ClusterAnswer]:
    """Return the clusters of a layer's images and the classes in each."""
    asked = work.derive(
        "clusters", prepared.view, prepared.layer, prepared.summary, clusters=grouping.clusters
    )
    if isinstance(asked, Pending):
        return asked
    assignment, outlier = np.asarray(work.store.array(Kind.ARRAY, asked.value))
    found = ClusterAnswer(
        sample=prepared.sample,
        assignment=assignment,
        outlier=outlier > 0,
        make_up=make_up(assignment, prepared.sample.labels),
        found=grouping.k is None,
        layer=prepared.layer,
    )
    return Ready(found, asked.key)


def hierarchy(
    work: LayerWork, prepared: Prepared, grouping: Grouping, order: JaccardOrder, tree: str | None
) -> Answer[Hierarchy]:
    """Return the hierarchy of the classes, or of their subclasses, and how well it agrees with a known tree.

    Parameters
    ----------
    tree
        The person's own tree, as :attr:`~channelexplorer_dash.specs.DatasetSpec.tree` has it.
    """
    sample = prepared.sample
    joined = _linkage(work, prepared, grouping)
    if isinstance(joined, Pending):
        return joined
    linkage, exact = joined.value
    parts = np.full(len(sample.labels), -1, np.int64)
    if grouping.leaves == "subclasses":
        asked = work.subclasses(prepared.view, prepared.layer, prepared.summary, grouping)
        if isinstance(asked, Pending):
            return asked
        parts = np.asarray(work.store.array(Kind.ARRAY, asked.value))
    leaves, which, counts = np.unique(
        np.stack([sample.labels, parts]), axis=1, return_inverse=True, return_counts=True
    )
    P = leaves.shape[1]
    members: tuple[IntArray, ...] = ()
    if grouping.leaves == "subclasses":
        grouped = sample.image_ids[np.argsort(which.ravel(), kind="stable")]
        members = tuple(np.split(grouped, np.cumsum(counts)[:-1]))
    by_class = order == "class" and grouping.leaves == "classes"
    found = Hierarchy(
        labels=leaves[0],
        clusters=leaves[1],
        counts=counts,
        linkage=linkage,
        order=np.arange(P) if by_class else leaf_order(linkage, P),
        superclasses=superclasses(linkage, P),
        members=members,
        class_names=sample.class_names,
        distance=grouping.distance,
        reference=reference(linkage, leaves[0], sample.class_names, tree),
        layer=prepared.layer,
        exact=exact,
    )
    return Ready(found, digest([joined.key, grouping.leaves, order, tree]))


def reference(
    linkage: DoubleArray, labels: IntArray, class_names: tuple[str, ...], tree: str | None
) -> Reference | None:
    """Return how well a hierarchy agrees with the person's tree, or with WordNet, where there is one.

    Parameters
    ----------
    linkage
        float64 (P − 1, 4).
    labels
        int64 (P,): the class of each leaf. Parts of one class are 0 apart in the known tree.
    """
    name = "your tree" if tree else "WordNet"
    names = tuple(class_names[label] for label in labels)
    try:
        distances = _known(tree, _changed(tree), names) if tree else _wordnet(names)
        if distances is None:
            return None
        known = int((~np.isnan(np.diag(distances))).sum())
        return Reference(name, cophenetic_correlation(linkage, distances), known)
    except DatasetError as error:
        return Reference(name, None, 0, str(error))


def _linkage(work: LayerWork, prepared: Prepared, grouping: Grouping) -> Answer[tuple[DoubleArray, bool]]:
    if grouping.distance == "jaccard" and grouping.leaves == "classes":
        compared = work.classes(prepared.view, prepared.layer, prepared.summary)
        if isinstance(compared, Pending):
            return compared
        similarity, exact = compared.value
        return Ready((class_linkage(similarity), exact), compared.key)
    asked = work.leaf_distances(prepared.view, prepared.layer, prepared.summary, grouping)
    if isinstance(asked, Pending):
        return asked
    return Ready((linkage_of(work.store.array(Kind.ARRAY, asked.value)), True), asked.key)


@lru_cache(maxsize=16)
def _wordnet(names: tuple[str, ...]) -> DoubleArray | None:
    """Return WordNet's distances of classes, or None where it lacks a word for one."""
    nodes = [node for node in wordnet_nodes(names) if node is not None]
    return reference_distances(wordnet().tree, nodes) if len(nodes) == len(names) else None


@lru_cache(maxsize=16)
def _known(tree: str, _changed: float, names: tuple[str, ...]) -> DoubleArray:
    """Return the distances of classes in the person's tree, NaN for those that it lacks."""
    read = read_tree(_text(tree))
    nodes = matched_nodes(read, names)
    there = [i for i, node in enumerate(nodes) if node is not None]
    if len({names[i] for i in there}) < 3:
        lacking = [name for name, node in zip(names, nodes, strict=True) if node is None]
        raise DatasetError(
            f"The tree has fewer than three of the classes: {', '.join(lacking[:5])} "
            f"{'is' if len(lacking) == 1 else 'are'} not in it. Name its leaves as the classes are named."
            if lacking
            else "A tree says nothing about fewer than three classes. Choose more classes."
        )
    distances = np.full((len(names), len(names)), np.nan)
    distances[np.ix_(there, there)] = reference_distances(read, [node for node in nodes if node is not None])
    return distances


def _text(tree: str) -> str:
    if is_inline_tree(tree):
        return tree
    try:
        with Path(tree).open(encoding="utf-8") as file:
            text = file.read(_LONGEST_TREE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"The tree {tree} cannot be read: {error}. Check `tree` of the dataset."
        ) from error
    if len(text) > _LONGEST_TREE:
        raise DatasetError(f"The tree {tree} is longer than {_LONGEST_TREE:,} characters.")
    return text


def _changed(tree: str) -> float:
    """Return when a tree's file was written, so that a mended one is read again."""
    try:
        return 0.0 if is_inline_tree(tree) else Path(tree).stat().st_mtime
    except OSError:
        return 0.0
