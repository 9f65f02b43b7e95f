from __future__ import annotations

import numpy as np

from channelexplorer_dash.figures import theme
from channelexplorer_dash.figures.apart import apart_figure
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.layers import ComingApart
from tests.figures.wire import decode, sent


def coming_apart(classes: int = 3) -> ComingApart:
    layers = tuple(Layer(name, i, ("block",), "Block", 8, (8, 4, 4), "nchw") for i, name in enumerate("ab"))
    depth = np.zeros((classes, classes), np.int64)
    depth[0, 1] = depth[1, 0] = depth[0, 0] = 2
    accuracy = np.ones((classes, classes), np.float32)
    accuracy[0, 1] = accuracy[1, 0] = 0.5
    return ComingApart(
        layers=layers,
        classes=np.arange(classes) + 1,
        class_names=("none", "cat", "dog", "tree", *map(str, range(classes))),
        depth=depth,
        accuracy=accuracy,
        hardest=((0, 1), (0, 2)),
        threshold=0.95,
        of=5,
    )


def test_each_layer_has_a_colour_and_never_has_its_own() -> None:
    drawn = sent(apart_figure(coming_apart()))
    trace = drawn["data"][0]
    colours = [colour for _, colour in trace["colorscale"]]
    assert colours[-1] == theme.WRONG and len(set(colours)) == 3
    assert trace["colorbar"]["ticktext"] == ["a", "b", "nowhere"]
    np.testing.assert_array_equal(decode(trace["z"]), coming_apart().depth)


def test_hovering_says_which_classes_and_where() -> None:
    text = apart_figure(coming_apart())["data"][0]["text"]
    assert text[0][1] == "cat from dog: nowhere<br>0.50 at the last layer"
    assert text[1][1] == "dog from all others: at a<br>1.00 at the last layer"


def test_it_is_described_for_who_cannot_see_it() -> None:
    drawn = sent(apart_figure(coming_apart()))
    assert drawn["layout"]["meta"]["view"] == "apart"
    assert "Map of 3 classes" in drawn["layout"]["meta"]["alt"]
    assert "1 pairs nowhere" in drawn["layout"]["meta"]["alt"]


def test_one_layer_and_many_classes() -> None:
    found = coming_apart(70)
    drawn = sent(apart_figure(found))
    assert not drawn["layout"]["xaxis"]["showticklabels"]
