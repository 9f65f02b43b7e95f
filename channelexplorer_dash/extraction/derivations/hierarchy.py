"""Clusters of images, the subclasses that classes fall into by them, and how far these are apart."""

from __future__ import annotations

import numpy as np
import torch

from channelexplorer_dash.core.arrays import DoubleArray, IntArray, chunks
from channelexplorer_dash.core.clusters import clusters
from channelexplorer_dash.core.hierarchy import centroid_distances, subclasses
from channelexplorer_dash.core.jaccard import class_jaccard
from channelexplorer_dash.core.moments import MomentsAccumulator
from channelexplorer_dash.core.normalise import apply_scaling
from channelexplorer_dash.extraction.derivations.registry import (
    active_given,
    derives,
    given,
    sample_of,
    scaling_given,
)
from channelexplorer_dash.extraction.plan import Derivation
from channelexplorer_dash.selection import Grouping
from channelexplorer_dash.store import Kind, Store


@derives("clusters")
def _clusters(store: Store, plan: Derivation) -> None:
    """Publish the clusters in the order of the sample, int64 (2, n): number, and 1 for an outlier."""
    scores = store.array(Kind.ARRAY, given(store, plan, "components", "normalisation"))
    found = clusters(scores, Grouping(plan.parameters["clusters"]).k)
    store.publish_array(Kind.ARRAY, plan.key, np.stack([found.assignment, found.outlier.astype(np.int64)]))


@derives("subclasses")
def _subclasses(store: Store, plan: Derivation) -> None:
    """Publish the cluster of each image's subclass, -1 where its class is whole: int64 (n,)."""
    assignment = store.array(Kind.ARRAY, given(store, plan, "clusters", "normalisation", "clusters"))[0]
    _, labels = sample_of(store, plan)
    store.publish_array(Kind.ARRAY, plan.key, subclasses(labels, np.asarray(assignment)))


@derives("leaf_distances")
def _leaf_distances(store: Store, plan: Derivation) -> None:
    """Publish how far classes, or subclasses, are apart: float64 (P, P), by ascending label and cluster."""
    ids, labels = sample_of(store, plan)
    leaves = labels
    if plan.parameters["leaves"] == "subclasses":
        parts = store.array(Kind.ARRAY, given(store, plan, "subclasses", "normalisation", "clusters"))
        _, leaves = np.unique(np.stack([labels, parts]), axis=1, return_inverse=True)
        leaves = leaves.ravel()
    if plan.parameters["distance"] == "jaccard":
        similarity = class_jaccard(
            active_given(store, plan), leaves, np.unique(leaves), torch.get_num_threads()
        )
        distances: DoubleArray = 1.0 - similarity.astype(np.float64)
    else:
        distances = centroid_distances(_centroids(store, plan, ids, leaves))
    store.publish_array(Kind.ARRAY, plan.key, distances)


def _centroids(store: Store, plan: Derivation, ids: IntArray, leaves: IntArray) -> DoubleArray:
    """Return the mean of the normalised rows of each leaf, float64 (P, C)."""
    values, scaling = store.array(Kind.SUMMARY, plan.source), scaling_given(store, plan)
    accumulator = MomentsAccumulator(np.unique(leaves), values.shape[1])
    for part in chunks(len(ids), 8 * values.shape[1]):
        accumulator.add(apply_scaling(values[ids[part]], scaling), leaves[part])
    return accumulator.moments().mean
