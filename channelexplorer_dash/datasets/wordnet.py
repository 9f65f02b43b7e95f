"""WordNet above the ImageNet classes: the known tree for classes that it has a word for.

The file beside this module holds every synset on the way from the 1,000 ImageNet classes up to ``entity``, by
the first hypernym of each, from WordNet 3.0 (Miller, "WordNet: A lexical database for English", 1995;
``scripts/write_wordnet.py``). Its licence is ``wordnet.LICENSE.txt``. Nothing is fetched.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from channelexplorer_dash.core.trees import Tree

DATA = Path(__file__).with_name("wordnet.tsv.gz")
_SYNSET = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class WordNet:
    """The tree, and what its nodes go by.

    Attributes
    ----------
    tree
        Its names are synsets, such as ``n02123045``.
    words
        Of each node, its synset's words, the usual one first.
    classes
        Of each node, the ImageNet class's description, or empty.
    below
        Number of ImageNet classes at and below each node.
    """

    tree: Tree
    words: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    below: tuple[int, ...]


@lru_cache(maxsize=1)
def wordnet() -> WordNet:
    """Return the tree, read at the first call."""
    lines = gzip.decompress(DATA.read_bytes()).decode().splitlines()
    depths, synsets, words, classes = zip(*(line.split("\t") for line in lines[1:]), strict=True)
    parents: list[int] = []
    way: list[int] = []
    for node, depth in enumerate(map(int, depths)):
        del way[depth:]
        parents.append(way[-1] if way else -1)
        way.append(node)
    below = [int(bool(name)) for name in classes]
    for node in range(len(parents) - 1, 0, -1):
        below[parents[node]] += below[node]
    tree = Tree(tuple(synsets), np.array(parents, np.int64), np.full(len(parents), np.nan))
    return WordNet(tree, tuple(tuple(word.split(",")) for word in words), tuple(classes), tuple(below))


def wordnet_nodes(names: Sequence[str]) -> list[int | None]:
    """Return the node of each class name in WordNet's tree, or None.

    A name is a synset (``n02123045``, as ImageNet's folders are called), the description of an ImageNet
    class, or a noun, singular or plural (``birds``). Of several senses of a noun, the one with the most
    ImageNet classes below it is taken, and of equal ones the one that is nearest to the root.
    """
    found = wordnet()
    ordered = imagenet_nodes()
    # ImageNet has two cranes, the bird and the machine: only their places in the list tell them apart.
    if list(names) == [found.classes[node] for node in ordered]:
        return list(ordered)
    known = _nodes_by_name()
    return [known[name] if name in known else _by_noun(known, name) for name in names]


@lru_cache(maxsize=1)
def imagenet_nodes() -> tuple[int, ...]:
    """Return the nodes of the 1,000 ImageNet classes in ImageNet's order, which is that of their synsets."""
    found = wordnet()
    leaves = [node for node, name in enumerate(found.classes) if name]
    return tuple(sorted(leaves, key=lambda node: found.tree.names[node]))


def _by_noun(known: dict[str, int], name: str) -> int | None:
    folded = _folded(name)
    # berries, foxes, birds
    for end, replaced in (("", ""), ("ies", "y"), ("es", ""), ("s", "")):
        if folded.endswith(end):
            node = known.get(folded.removesuffix(end) + replaced)
            if node is not None and not _SYNSET.fullmatch(folded):
                return node
    return None


@lru_cache(maxsize=1)
def _nodes_by_name() -> dict[str, int]:
    found = wordnet()
    names: dict[str, int] = {}
    for node in sorted(range(len(found.words)), key=lambda n: (-found.below[n], n)):
        for word in found.words[node]:
            names.setdefault(_folded(word), node)
    # Descriptions and synsets name one node each, whatever else a word of theirs may mean.
    for node, (synset, name) in enumerate(zip(found.tree.names, found.classes, strict=True)):
        names[synset] = node
        if name:
            names[name] = node
    return names


def _folded(name: str) -> str:
    return " ".join(re.split(r"[\s_]+", name.casefold().strip()))
