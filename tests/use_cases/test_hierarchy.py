"""Use case 1: the findings of docs/use-case-hierarchy.md, found again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from channelexplorer_dash.core.newick import read_newick
from scripts.use_cases.hierarchy import FOOTWEAR, TOPS, Layer, fashion, photos


def of(distances: list[float]) -> Layer:
    return Layer("l", 1.0, ("a", "b", "c", "d"), linkage(np.array(distances), "average"), None, None)


def test_what_apart_means() -> None:
    # a b | c d
    assert of([0.1, 0.9, 0.9, 0.9, 0.9, 0.2]).apart(("a", "b"), ("c", "d"))
    # ((a c) b) d: a and b meet only after c has come to them.
    mixed = of([0.5, 0.1, 0.9, 0.5, 0.9, 0.9])
    assert not mixed.apart(("a", "b"), ("c", "d"))
    assert mixed.apart(("a", "c"), ("b",))


@pytest.mark.fashion
@pytest.mark.slow
def test_footwear_is_apart_from_tops_at_every_depth_before_the_output() -> None:
    layers = fashion(per_class=40)
    assert len(layers) > 5
    # The ten outputs say which class an image is taken for, and little of what it is like.
    assert [layer.name for layer in layers if not layer.apart(FOOTWEAR, TOPS)] in ([], ["fc"])
    last_block = next(layer for layer in reversed(layers) if layer.name == "layer4.0")
    assert last_block.correlation is not None
    assert last_block.correlation > 0.7
    assert all(layer.chance is not None and layer.chance <= 0.05 for layer in layers)
    tree = read_newick(last_block.newick())
    assert {name for name in tree.names if name} == set(last_block.classes)


@pytest.mark.photos
@pytest.mark.slow
@pytest.mark.parametrize(("model", "least"), [("efficientnet-lite0", 0.45), ("mobilenetv2", 0.25)])
def test_photographs_agree_with_wordnet_and_most_so_at_the_output(model: str, least: float) -> None:
    layers = photos(model)
    assert len(layers[0].classes) > 80
    agreement = [layer.correlation or 0.0 for layer in layers]
    assert agreement[-1] > least
    assert layers[-1].chance is not None
    assert layers[-1].chance <= 0.01
    # Nearer to WordNet at the output than in the median layer before it.
    assert agreement[-1] > np.median(agreement[:-1]) + 0.05
