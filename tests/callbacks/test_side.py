"""Two models side by side: the frames, the layer beside another, and how alike the two are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dash import Dash, html

from channelexplorer_dash.callbacks import Callbacks, register
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.two_models import LayerMap
from channelexplorer_dash.layouts.side_page import alike_text, side_page
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import ChannelMark, Marks, Selection, View
from tests.callbacks.conftest import OTHER, PREFIX, Call, until_idle
from tests.explorer.conftest import settled

VIEW = View("digits-resnet", "digits", per_class=12)
SIDE = Selection(
    VIEW,
    ("layer4.0",),
    compare=OTHER,
    show="side",
    projection="pca",
    marks=Marks((5, 7), ChannelMark("layer4.0", 3)),
)


@pytest.fixture(scope="module")
def functions(two: Explorer) -> Callbacks:
    return register(Dash("side", url_base_pathname=PREFIX, suppress_callback_exceptions=True), two)


def show(call: Call, functions: Callbacks, query: str) -> Any:
    return call(functions["show_side"], None, None, None, query)


def framed(content: Any) -> list[Selection]:
    """Return what the frames show."""
    found = [part for half in content for part in half._traverse() if isinstance(part, html.Iframe)]
    assert all(frame.src.startswith(PREFIX + "?") and frame.title for frame in found)
    return [Selection.from_query(frame.src.removeprefix(PREFIX), model="", dataset="") for frame in found]


def alike(call: Call, functions: Callbacks, first: str, second: str) -> Any:
    function = functions["show_alike"]
    return until_idle(lambda: call(function, first, second, None, None, None, SIDE.to_query()))[0]


def test_each_frame_shows_one_of_the_models_with_the_same_settings(call: Call, functions: Callbacks) -> None:
    (content,) = until_idle(lambda: show(call, functions, SIDE.to_query() + "&beside=layer3.0"))
    left, right = framed(content)
    assert (left.view, left.compare, left.layers) == (VIEW, OTHER, ("layer4.0",))
    assert (right.view.model, right.compare, right.layers) == (OTHER, VIEW.model, ("layer3.0",))
    for one in (left, right):
        assert (one.show, one.projection, one.view.per_class) == ("panels", "pca", 12)
        assert one.marks.images == (5, 7)
    # A channel is of one model.
    assert left.marks.channel and right.marks.channel is None


def test_in_one_network_the_layer_of_the_same_name_is_beside(
    call: Call, functions: Callbacks, two: Explorer
) -> None:
    for query in (SIDE.to_query(), replace(SIDE, layers=("layer4.0.conv1",)).to_query()):
        (content,) = until_idle(lambda query=query: show(call, functions, query))
        left, right = framed(content)
        assert left.layers == right.layers == Selection.from_query(query, model="", dataset="").layers
    assert call(functions["choose_beside"], "layer2.0", SIDE.to_query()) == "layer2.0"
    # CKA says another one for none of them, or for some: the name decides either way.
    text = alike(call, functions, "layer4.0", "layer4.0")
    assert text.startswith("same name, ") and "CKA " in text
    assert call(functions["choose_beside"], "layer2.0", SIDE.to_query()) == "layer2.0"


def test_the_name_is_said_before_it_is_known_how_alike_they_are(call: Call, functions: Callbacks) -> None:
    # Nothing has been run over these images.
    query = replace(SIDE, view=View(VIEW.model, "digits", summary="p90")).to_query()
    said, state = call(functions["show_alike"], "layer4.0", "layer4.0", None, None, None, query)
    assert said == "same name" and state["phase"] != "idle"
    assert call(functions["show_alike"], "layer4.0", "layer3.0", None, None, None, query)[0] == ""


def test_how_alike_the_two_are_is_looked_up(call: Call, functions: Callbacks, two: Explorer) -> None:
    text = alike(call, functions, "layer4.0", "layer1.0")
    found = two.two_models.alike(VIEW, OTHER, "block")
    assert isinstance(found, Ready)
    row = found.value.cka[found.value.names[0].index("layer4.0")]
    best = found.value.names[1][int(np.argmax(row))]
    assert text == f"CKA {row[found.value.names[1].index('layer1.0')]:.2f}; the most alike is {best}"
    assert alike(call, functions, "layer4.0", best).endswith(f"the most alike, CKA {row.max():.2f}")


def test_of_two_architectures_the_most_alike_layer_is_beside(two: Explorer, tmp_path: Path) -> None:
    spec = two.models()[0]
    other = spec.model_copy(update={"name": "deeper", "source": "timm:resnet14t", "weights": "random"})
    apart = Explorer(two.settings.model_copy(update={"models": (spec, other), "store": tmp_path / "store"}))
    view = replace(VIEW, per_class=6)
    try:
        # Until it is known how alike they are, depth decides.
        early = settled(lambda: apart.two_models.beside(view, "deeper", "block", "layer3.0"))
        assert early == "layer3.0"
        known = settled(lambda: apart.two_models.alike(view, "deeper", "block"))
        for layer in known.names[0]:
            found = apart.two_models.beside(view, "deeper", "block", layer)
            assert isinstance(found, Ready) and found.value == known.most_alike(layer)
        assert [known.most_alike(layer) for layer in known.names[0]] != list(known.names[0])
    finally:
        apart.close()


def test_layers_of_another_granularity_are_compared_at_theirs(call: Call, functions: Callbacks) -> None:
    query = Selection(VIEW, ("layer4.0.conv1",), compare=OTHER, show="side").to_query()
    (content,) = until_idle(lambda: show(call, functions, query))
    left, right = framed(content)
    assert left.layers == ("layer4.0.conv1",) and left.granularity == right.granularity == "leaf"


def test_how_alike_two_layers_are_is_said_in_words() -> None:
    known = LayerMap((("a", "b"), ("x", "y")), np.array([[0.25, 0.5], [1.0, 1.0]]))
    assert alike_text("a", "x", known) == "CKA 0.25; the most alike is y"
    assert alike_text("a", "y", known) == "the most alike, CKA 0.50"
    assert alike_text("b", "x", known) == "the most alike, CKA 1.00"
    assert alike_text("never", "x", known) == "" and known.most_alike("never") is None
    same = LayerMap((("a", "b"), ("a", "b")), np.array([[0.25, 0.5], [0.0, 1.0]]))
    assert alike_text("a", "a", same) == "same name, CKA 0.25; the most alike is b"
    assert alike_text("b", "b", same) == "same name, the most alike, CKA 1.00"
    assert alike_text("a", "a") == "same name" and alike_text("a", "b") == alike_text("", "") == ""


def test_an_unknown_layer_is_told_in_the_line(call: Call, functions: Callbacks) -> None:
    for query in (SIDE.to_query() + "&beside=never", SIDE.to_query() + "&layer=x&layer=never"):
        content, state = show(call, functions, query.replace("layer=layer4.0&", ""))
        assert content == [] and state["phase"] == "failed" and "no layer" in state["label"]


def test_a_page_needs_two_models_that_take_the_same(two: Explorer) -> None:
    urls = Urls(PREFIX)
    assert OTHER in str(side_page(two, SIDE, urls))
    with pytest.raises(SelectionError, match="no second model"):
        side_page(two, Selection(VIEW, show="side"), urls)
    with pytest.raises(SelectionError, match="another one"):
        side_page(two, Selection(VIEW, show="side", compare=VIEW.model), urls)
    with pytest.raises(UnknownNameError, match="never"):
        side_page(two, Selection(VIEW, show="side", compare="never"), urls)
    generator = two.models()[0].model_copy(update={"name": "generator", "takes": "latent"})
    settings = two.settings.model_copy(update={"models": (*two.models(), generator)})
    three = Explorer(settings)
    with pytest.raises(SelectionError, match="takes latent: they cannot be given the same"):
        side_page(three, Selection(VIEW, show="side", compare="generator"), urls)
    three.close()
