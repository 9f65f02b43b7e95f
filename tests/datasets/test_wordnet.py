from __future__ import annotations

import gzip

import numpy as np

from channelexplorer_dash.core.trees import reference_distances
from channelexplorer_dash.datasets.wordnet import DATA, imagenet_nodes, wordnet, wordnet_nodes
from scripts.write_wordnet import imagenet_classes


def word(node: int | None) -> str:
    assert node is not None
    return wordnet().words[node][0]


def test_every_imagenet_class_is_a_leaf_in_imagenet_s_order() -> None:
    found = wordnet()
    assert [(found.tree.names[n], found.classes[n]) for n in imagenet_nodes()] == imagenet_classes()
    assert found.tree.is_leaf[list(imagenet_nodes())].all()
    assert found.tree.is_leaf.sum() == 1000
    assert (found.tree.parents[1:] < np.arange(1, len(found.words))).all()
    assert found.words[0] == ("entity",)
    assert found.below[0] == 1000


def test_the_file_is_small_and_says_whose_it_is() -> None:
    assert DATA.stat().st_size < 50_000
    assert b"Princeton" in gzip.decompress(DATA.read_bytes()).splitlines()[0]
    assert "Princeton" in DATA.with_name("wordnet.LICENSE.txt").read_text(encoding="utf-8")


def test_names_are_synsets_classes_and_nouns_in_the_plural_too() -> None:
    kinds = ["birds", "mammals", "fruit", "flowers", "vegetables", "fish", "berries", "foxes", "Sports_car"]
    expected = ["bird", "mammal", "fruit", "flower", "vegetable", "fish", "berry", "fox", "sports_car"]
    assert [word(node) for node in wordnet_nodes(kinds)] == expected
    assert word(wordnet_nodes(["n02123045"])[0]) == "tabby"
    assert word(wordnet_nodes(["n00001740"])[0]) == "entity"
    assert wordnet_nodes(["T-shirt/top", "n99999999", ""]) == [None, None, None]


def test_the_two_cranes_are_told_apart_where_the_whole_list_is_given() -> None:
    names = [wordnet().classes[node] for node in imagenet_nodes()]
    assert names.count("crane") == 2
    assert len(set(wordnet_nodes(names))) == 1000


def test_a_cat_is_nearer_to_a_dog_than_to_a_car() -> None:
    cat, dog, car = wordnet_nodes(["tabby", "beagle", "convertible"])
    assert cat is not None
    assert dog is not None
    assert car is not None
    apart = reference_distances(wordnet().tree, [cat, dog, car])
    assert apart[0, 1] < apart[0, 2]
