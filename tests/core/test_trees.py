from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import pdist, squareform

from channelexplorer_dash.core.newick import read_json, read_newick, read_tree, to_json, to_newick
from channelexplorer_dash.core.trees import (
    Tree,
    cophenetic_correlation,
    joined_at,
    mantel,
    matched_nodes,
    reference_distances,
    tree_of_linkage,
)
from channelexplorer_dash.errors import DatasetError

names_of = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


@st.composite
def trees(draw: st.DrawFn, nodes: int = 14) -> Tree:
    """Draw a tree in preorder: each node hangs from the one before it, or from one of its ancestors."""
    m = draw(st.integers(1, nodes))
    parents = [-1]
    for node in range(1, m):
        path = [node - 1]
        while parents[path[-1]] >= 0:
            path.append(parents[path[-1]])
        parents.append(draw(st.sampled_from(path)))
    lengths = draw(st.lists(st.one_of(st.just(np.nan), st.integers(0, 9).map(float)), min_size=m, max_size=m))
    names = draw(st.lists(names_of, min_size=m, max_size=m))
    return Tree(tuple(names), np.array(parents), np.array(lengths))


def random_linkage(K: int, seed: int) -> np.ndarray:
    return linkage(pdist(np.random.default_rng(seed).normal(size=(K, 3))), "average")


def same(one: Tree, other: Tree) -> None:
    assert one.names == other.names
    np.testing.assert_array_equal(one.parents, other.parents)
    np.testing.assert_allclose(one.lengths, other.lengths, rtol=1e-8)


@given(trees())
def test_newick_and_json_come_back_as_they_were(tree: Tree) -> None:
    same(read_newick(to_newick(tree)), tree)
    same(read_json(to_json(tree)), tree)
    json.loads(to_json(tree))
    same(read_tree(to_newick(tree)), tree)
    same(read_tree(to_json(tree)), tree)


def test_what_newick_looks_like() -> None:
    tree = tree_of_linkage(np.array([[0, 2, 0.5, 2], [1, 3, 1.0, 3]]), ["T-shirt/top", "O'Neill", "a_b (c)"])
    assert to_newick(tree) == "('O''Neill':0.5,(T-shirt/top:0.25,'a_b (c)':0.25):0.25);"
    read = read_newick("(Ankle_boot:1,[a comment] 'two words' : 2e-1 )root;\n")
    assert read.names == ("root", "Ankle boot", "two words")
    np.testing.assert_allclose(read.lengths, [np.nan, 1, 0.2])


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "", "empty"),
        ("(a,b)", "column 6, where the text ends", "`;` is expected"),
        ("(a,b;", "column 5", r"`,` or `\)`"),
        ("(a,\nAnkle boot);", "line 2, column 7", "single quotes"),
        ("a,b;", "column 2", "outside all parentheses"),
        ("(a,b));", "column 6", "without its"),
        ("('a,b);", "column 2", "does not end"),
        ("(a:x,b);", "column 4", "a number"),
        ("(a:1e999,b);", "column 4", "a number"),
        ("(a,b);(c);", "column 7", "one tree"),
        ("(a,b[c);", "column 5", "comment"),
        ('{"name": }', "line 1, column 10", "JSON"),
        ('{"children": [{"nam": "a"}]}', r"children\[0\]", "'nam'"),
        ('{"children": [{"children": ["a", 3]}]}', r"children\[0\].children\[1\]", "a name"),
        ('{"name": 3}', "the root", "a text"),
        ('{"length": "x"}', "the root", "finite number"),
        ('{"length": NaN}', "the root", "finite number"),
        ('{"children": 3}', "the root", "a list"),
        ("[1]", "the root", "an object"),
        ('{"children": [' * 100_000, "", "deep"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, place: str, what: str) -> None:
    with pytest.raises(DatasetError, match=what) as told:
        read_tree(text)
    if place:
        told.match(place)


def test_a_deep_tree_is_written_and_read() -> None:
    K = 3000
    chain = np.array([[K + i - 1 if i else 0, i + 1, i + 1.0, i + 2] for i in range(K - 1)])
    tree = tree_of_linkage(chain, [str(i) for i in range(K)])
    same(read_newick(to_newick(tree)), tree)
    assert to_json(tree).count("children") == K - 1


def brute_meeting(tree: Tree, nodes: list[int]) -> np.ndarray:
    """Return the height of the lowest common ancestor, found along the ways to the root."""
    lengths = tree.lengths if not np.isnan(tree.lengths[1:]).any() else np.ones(len(tree.names))

    def way(node: int) -> list[int]:
        return [node, *(way(int(tree.parents[node])) if node else [])]

    def length(node: int, above: int) -> float:
        return sum(lengths[n] for n in way(node)[: way(node).index(above)])

    def height(node: int) -> float:
        return max(length(other, node) for other in nodes if node in way(other))

    def apart(one: int, other: int) -> float:
        return 0.0 if one == other else height(next(n for n in way(one) if n in way(other)))

    return np.array([[apart(one, other) for other in nodes] for one in nodes])


@given(trees(), st.data())
def test_reference_distance_is_the_height_of_the_common_ancestor(tree: Tree, data: st.DataObject) -> None:
    nodes = data.draw(st.lists(st.integers(0, len(tree.names) - 1), min_size=1, max_size=6))
    np.testing.assert_allclose(reference_distances(tree, nodes), brute_meeting(tree, nodes), rtol=1e-9)


@given(st.integers(2, 12), st.integers(0, 99))
def test_a_tree_of_a_linkage_has_its_heights(K: int, seed: int) -> None:
    Z = random_linkage(K, seed)
    tree = tree_of_linkage(Z, [f"class {i}" for i in range(K)])
    nodes = matched_nodes(tree, [f"class {i}" for i in range(K)])
    # Up and down again: a branch is half of what the heights differ by.
    np.testing.assert_allclose(2 * reference_distances(tree, nodes), squareform(cophenet(Z)), rtol=1e-6)


@given(st.integers(3, 12), st.integers(0, 99))
def test_cophenetic_correlation_is_that_of_scipy(K: int, seed: int) -> None:
    Z = random_linkage(K, seed)
    known = pdist(np.random.default_rng(seed + 1).normal(size=(K, 2)))
    found = cophenetic_correlation(Z, squareform(known))
    assert found == pytest.approx(cophenet(Z, known)[0], rel=1e-6, abs=1e-9)
    assert cophenetic_correlation(Z, joined_at(Z)) == pytest.approx(1)


def test_where_the_correlation_is_not_defined() -> None:
    assert cophenetic_correlation(np.zeros((0, 4)), [[0.0]]) is None
    assert cophenetic_correlation(np.array([[0, 1, 0.5, 2]]), [[0, 1], [1, 0]]) is None
    tied = linkage(np.ones(6), "average")
    assert cophenetic_correlation(tied, squareform(np.arange(6.0))) is None
    assert cophenetic_correlation(random_linkage(4, 0), 1 - np.eye(4)) is None
    assert mantel(tied, squareform(np.arange(6.0))) is None
    with pytest.raises(DatasetError, match="4 classes"):
        cophenetic_correlation(random_linkage(4, 0), np.zeros((3, 3)))
    with pytest.raises(DatasetError, match="finite"):
        cophenetic_correlation(random_linkage(3, 0), np.full((3, 3), np.inf))
    with pytest.raises(DatasetError, match="Leave them out"):
        mantel(random_linkage(3, 0), np.full((3, 3), np.nan))


def test_pairs_that_are_not_known_are_left_out() -> None:
    Z = random_linkage(6, 1)
    known = squareform(pdist(np.random.default_rng(2).normal(size=(6, 2))))
    lacking = known.copy()
    lacking[4] = lacking[:, 4] = np.nan
    kept = np.ix_([0, 1, 2, 3, 5], [0, 1, 2, 3, 5])
    above = np.triu_indices(5, 1)
    expected = np.corrcoef(joined_at(Z)[kept][above], known[kept][above])[0, 1]
    assert cophenetic_correlation(Z, lacking) == pytest.approx(expected)
    assert cophenetic_correlation(Z, np.full((6, 6), np.nan)) is None


def test_mantel_tells_kept_distances_from_unrelated_ones() -> None:
    Z = random_linkage(12, 3)
    assert mantel(Z, joined_at(Z)) == pytest.approx(1 / 1000)
    unrelated = squareform(pdist(np.random.default_rng(5).normal(size=(12, 2))))
    chance = mantel(Z, unrelated)
    assert chance is not None
    assert chance > 0.02
    assert mantel(Z, unrelated, seed=0) == chance


def test_names_are_matched_exactly_then_loosely_and_leaves_first() -> None:
    tree = read_newick("(fish,(Ankle_boot,sandal,fish)shoe,shoe)all;")
    assert matched_nodes(tree, ["ankle_boot", "Sandal", "fish", "shoe", "hat", ""]) == [
        3,
        4,
        1,
        6,
        None,
        None,
    ]
    # A class above another: they meet at the upper one.
    np.testing.assert_allclose(reference_distances(tree, [2, 3]), [[0, 1], [1, 0]])


def test_negative_lengths_and_wrong_linkages_are_refused() -> None:
    with pytest.raises(DatasetError, match="negative"):
        reference_distances(read_newick("(a:1,b:-1);"), [1, 2])
    with pytest.raises(DatasetError, match="2 classes"):
        tree_of_linkage(np.zeros((2, 4)), ["a", "b"])
