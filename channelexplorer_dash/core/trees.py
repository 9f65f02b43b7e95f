"""Trees over classes: one that was found, and one that is known, compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import DoubleArray, IntArray
from channelexplorer_dash.errors import DatasetError


@dataclass(frozen=True)
class Tree:
    """A rooted tree, its nodes in preorder: every node stands behind its parent.

    Attributes
    ----------
    names
        One for each of the m nodes, empty where it has none.
    parents
        int64 (m,): index of the parent, −1 for the root, which is node 0.
    lengths
        float64 (m,): length of the branch to the parent, NaN where none is given.
    """

    names: tuple[str, ...]
    parents: IntArray
    lengths: DoubleArray

    @property
    def is_leaf(self) -> npt.NDArray[np.bool_]:
        """Whether nothing is below a node, bool (m,)."""
        leaf = np.ones(len(self.parents), np.bool_)
        leaf[self.parents[1:]] = False
        return leaf

    def children(self) -> list[list[int]]:
        """Return the nodes below each node, in order."""
        below: list[list[int]] = [[] for _ in self.names]
        for node, parent in enumerate(self.parents[1:].tolist(), 1):
            below[parent].append(node)
        return below


def tree_of_linkage(linkage: npt.NDArray[np.float64], names: Sequence[str]) -> Tree:
    """Return a linkage of SciPy's form as a tree.

    A branch is half as long as the difference of the heights at its ends, so that the way between two leaves,
    up and down, is as long as their cophenetic distance: the height at which they are joined.

    Parameters
    ----------
    linkage
        float64 (K − 1, 4).
    names
        K names.

    Raises
    ------
    DatasetError
        If the linkage is not of K names.
    """
    K = len(names)
    if not K or np.shape(linkage) != (K - 1, 4):
        raise DatasetError(f"A linkage of shape {np.shape(linkage)} is not one of {K} classes.")
    heights = np.concatenate([np.zeros(K), linkage[:, 2]])
    ordered: list[str] = []
    parents: list[int] = []
    lengths: list[float] = []
    waiting = [(2 * K - 2, -1, np.nan)]
    while waiting:
        node, parent, above = waiting.pop()
        ordered.append(names[node] if node < K else "")
        parents.append(parent)
        lengths.append((above - heights[node]) / 2)
        if node >= K:
            own = len(ordered) - 1
            waiting += [(int(linkage[node - K, side]), own, heights[node]) for side in (1, 0)]
    return Tree(tuple(ordered), np.array(parents, np.int64), np.array(lengths))


def matched_nodes(tree: Tree, names: Sequence[str]) -> list[int | None]:
    """Return the node of each name, or None: by the name as it is, else without regard to case and to `_`.

    Where several nodes have a name, a leaf comes first, then the one nearest to the root.
    """
    exact: dict[str, int] = {}
    loose: dict[str, int] = {}
    leaves = tree.is_leaf
    for node in sorted(range(len(tree.names)), key=lambda n: (not leaves[n], n)):
        if tree.names[node]:
            exact.setdefault(tree.names[node], node)
            loose.setdefault(_folded(tree.names[node]), node)
    return [exact.get(name, loose.get(_folded(name))) for name in names]


def reference_distances(tree: Tree, nodes: Sequence[int]) -> DoubleArray:
    """Return how far some nodes of a known tree are apart: the height at which each two meet, float64 (K, K).

    The tree is first cut down to these nodes and what is above them. The height of a node is then the longest
    way down from it; a branch counts with its length if every branch has one, else as 1. The distance of two
    nodes is the height of their lowest common ancestor, which is the cophenetic distance where all leaves are
    equally far from the root, and the measure that is used for WordNet (Bertinetto et al., "Making better
    mistakes", 2020). 0 for equal nodes.

    Parameters
    ----------
    nodes
        K indices of nodes.

    Raises
    ------
    DatasetError
        If a branch has a negative length.
    """
    given = not np.isnan(tree.lengths[1:]).any()
    lengths = tree.lengths if given else np.ones(len(tree.names))
    if given and (lengths[1:] < 0).any():
        raise DatasetError("The reference tree has a branch of negative length. Leave the lengths out.")
    # Bottom up: children stand behind their parents.
    heights = np.zeros(len(tree.names))
    members: dict[int, list[int]] = {}
    for position, node in enumerate(nodes):
        members.setdefault(node, []).append(position)
    distances = np.zeros((len(nodes), len(nodes)))
    meeting: dict[int, list[list[int]]] = {node: [group] for node, group in members.items()}
    for node in range(len(tree.names) - 1, -1, -1):
        groups = meeting.pop(node, None)
        if groups is None:
            continue
        for i, group in enumerate(groups):
            for other in groups[:i]:
                distances[np.ix_(group, other)] = heights[node]
                distances[np.ix_(other, group)] = heights[node]
        if node:
            parent = int(tree.parents[node])
            heights[parent] = max(heights[parent], heights[node] + lengths[node])
            meeting.setdefault(parent, []).append([one for group in groups for one in group])
    return distances


def cophenetic_correlation(linkage: npt.NDArray[np.float64], distances: npt.ArrayLike) -> float | None:
    """Return how well a hierarchy keeps known distances: Pearson's r over all pairs of classes.

    Between the heights at which two classes are joined and their given distance (Sokal and Rohlf 1962), as
    :func:`scipy.cluster.hierarchy.cophenet` has it.

    Parameters
    ----------
    linkage
        float64 (K − 1, 4).
    distances
        float (K, K), symmetric; pairs that are NaN are left out.

    Returns
    -------
    float or None
        None where it is not defined: below three classes, or where all heights or all distances are equal.

    Raises
    ------
    DatasetError
        If the distances are not of K classes, or infinite.
    """
    joined = joined_at(linkage)
    known = np.asarray(distances, dtype=np.float64)
    if known.shape != joined.shape or np.isinf(known).any():
        raise DatasetError(
            f"There must be finite distances of {len(joined)} classes to compare the tree with."
        )
    compared = np.triu(~np.isnan(known), 1)
    return correlation(joined[compared], known[compared])


def joined_at(linkage: npt.NDArray[np.float64]) -> DoubleArray:
    """Return the height at which each two classes are joined, float64 (K, K): the cophenetic distances."""
    from scipy.cluster.hierarchy import cophenet
    from scipy.spatial.distance import squareform

    if not len(linkage):
        return np.zeros((1, 1))
    square: DoubleArray = squareform(cophenet(np.asarray(linkage, np.float64)))
    return square


def mantel(
    linkage: npt.NDArray[np.float64], distances: npt.ArrayLike, rounds: int = 999, seed: int = 0
) -> float | None:
    """Return how often the correlation is as high where the classes are shuffled: Mantel's test (1967).

    Pairs that share a class are not independent, so that r alone does not tell what chance would give.

    Parameters
    ----------
    linkage, distances
        As in :func:`cophenetic_correlation`.
    rounds
        Random orders of the classes, drawn with ``seed``.

    Returns
    -------
    float or None
        (1 + rounds with r at least as high) / (1 + rounds); None where r is not defined.
    """
    found = cophenetic_correlation(linkage, distances)
    known = np.asarray(distances, dtype=np.float64)
    if np.isnan(known).any():
        raise DatasetError("Classes whose distances are not known cannot be shuffled. Leave them out.")
    if found is None:
        return None
    joined = joined_at(linkage)
    rows, columns = np.triu_indices(len(joined), 1)
    random = np.random.default_rng(seed)
    as_high = 0
    for _ in range(rounds):
        order = random.permutation(len(joined))
        shuffled = correlation(joined[rows, columns], known[order[rows], order[columns]])
        as_high += shuffled is not None and shuffled >= found - 1e-12
    return (1 + as_high) / (1 + rounds)


def correlation(first: DoubleArray, second: DoubleArray) -> float | None:
    """Return Pearson's correlation of two rows of numbers, None where one of them is constant or short."""
    if len(first) < 2:
        return None
    one, other = first - first.mean(), second - second.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    # What is left of equal numbers is rounding.
    if np.ptp(first) <= 1e-12 * np.abs(first).max() or np.ptp(second) <= 1e-12 * np.abs(second).max():
        return None
    return float(np.clip(one @ other / size, -1, 1))


def _folded(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
