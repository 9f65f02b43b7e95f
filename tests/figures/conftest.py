"""Results as the explorer answers with them, from scikit-learn's digits; no model is needed to draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from sklearn.datasets import load_digits

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.core.hierarchy import class_linkage, leaf_order, superclasses
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.channels import ChannelDetail
from channelexplorer_dash.results.views import ClassJaccard, Heatmap, Hierarchy, ImageJaccard, Scatter

LAYER = Layer("layer3.0", 5, ("block",), "BasicBlock", 64, (64, 4, 4), "nchw")
NAMES = tuple(str(digit) for digit in range(10))


@pytest.fixture(scope="session")
def digits() -> tuple[FloatArray, Sample]:
    """Pixels as channels, (1797, 64), and the images grouped by class: ids are not positions."""
    data = load_digits()
    ids = np.argsort(data.target, kind="stable").astype(np.int64)
    return data.data[ids].astype(np.float32) / 16, Sample(ids, data.target[ids].astype(np.int64), NAMES)


def take(sample: Sample, positions: np.ndarray) -> Sample:
    return Sample(sample.image_ids[positions], sample.labels[positions], sample.class_names)


def image_similarity(values: FloatArray, k: int = 13) -> FloatArray:
    active = np.zeros(values.shape, np.float32)
    np.put_along_axis(active, np.argsort(-values, axis=1, kind="stable")[:, :k], 1.0, axis=1)
    shared = active @ active.T
    return (shared / (2 * k - shared)).astype(np.float32)


@pytest.fixture(scope="session")
def scatter(digits: tuple[FloatArray, Sample]) -> Scatter:
    values, sample = digits
    centred = values - values.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return Scatter(sample, (centred @ axes[:2].T).astype(np.float32), "pca", LAYER, len(values))


@pytest.fixture(scope="session")
def image_jaccard(digits: tuple[FloatArray, Sample]) -> ImageJaccard:
    values, sample = digits
    positions = np.concatenate([np.flatnonzero(sample.labels == c)[:30] for c in range(10)])
    return ImageJaccard(take(sample, positions), image_similarity(values[positions]), 1797, LAYER)


def classes_from(similarity: np.ndarray, names: tuple[str, ...], *, by_tree: bool) -> ClassJaccard:
    count = len(similarity)
    distance = 1 - similarity
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average") if count > 1 else np.zeros((0, 4))
    order = leaves_list(tree).astype(np.int64) if by_tree and count > 1 else np.arange(count)
    return ClassJaccard(
        order,
        np.full(count, 30),
        similarity[np.ix_(order, order)].astype(np.float32),
        names,
        LAYER,
    )


def hierarchy_from(similarity: np.ndarray, names: tuple[str, ...], *, by_tree: bool) -> Hierarchy:
    count = len(similarity)
    tree = class_linkage(similarity)
    return Hierarchy(
        labels=np.arange(count),
        clusters=np.full(count, -1),
        counts=np.full(count, 30),
        linkage=tree,
        order=leaf_order(tree, count) if by_tree else np.arange(count),
        superclasses=superclasses(tree, count),
        members=(),
        class_names=names,
        distance="jaccard",
        reference=None,
        layer=LAYER,
    )


def class_means(answer: ImageJaccard) -> np.ndarray:
    member = (answer.sample.labels[:, None] == np.arange(10)).astype(np.float64)
    mean = member.T @ answer.similarity @ member / 900
    return (mean + mean.T) / 2


@pytest.fixture(scope="session")
def class_jaccard(image_jaccard: ImageJaccard) -> ClassJaccard:
    return classes_from(class_means(image_jaccard), NAMES, by_tree=True)


@pytest.fixture(scope="session")
def hierarchy(image_jaccard: ImageJaccard) -> Hierarchy:
    return hierarchy_from(class_means(image_jaccard), NAMES, by_tree=True)


def random_similarity(count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    points = np.random.default_rng(0).normal(size=(count, 6))
    similarity = np.exp(-np.linalg.norm(points[:, None] - points[None], axis=-1) / 4) * 0.6
    return similarity, tuple(f"kind <{i}>" for i in range(count))


def random_classes(count: int, *, by_tree: bool) -> ClassJaccard:
    return classes_from(*random_similarity(count), by_tree=by_tree)


def random_hierarchy(count: int, *, by_tree: bool) -> Hierarchy:
    return hierarchy_from(*random_similarity(count), by_tree=by_tree)


@pytest.fixture(scope="session")
def heatmap(digits: tuple[FloatArray, Sample]) -> Heatmap:
    values, sample = digits
    positions = np.concatenate([np.flatnonzero(sample.labels == c)[:30] for c in range(10)])
    marked = positions[[5, 70, 200]]
    positions = np.concatenate([marked, np.setdiff1d(positions, marked)])
    variance = values.var(axis=0, dtype=np.float64)
    channels = np.argsort(-variance, kind="stable")[:40].astype(np.int64)
    return Heatmap(
        take(sample, positions),
        channels,
        values[positions][:, channels].T,
        variance[channels],
        "variance",
        3,
        64,
        1797,
        LAYER,
        shared=channels[[3, 9]],
    )


@pytest.fixture(scope="session")
def channel(digits: tuple[FloatArray, Sample]) -> ChannelDetail:
    values, sample = digits
    return ChannelDetail(LAYER, 21, sample, values[:, 21], sample.image_ids[np.argsort(-values[:, 21])[:5]])
