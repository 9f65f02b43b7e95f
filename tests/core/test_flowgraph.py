"""The dataflow graph: collapsed to layers, and laid out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from channelexplorer_dash.core.flowgraph import Step, _spread, chain, collapse, draw

# An image, a convolution, a block with a skip, and a concatenation of both with the head behind it.
STEPS = (
    Step((), ()),
    Step(("stem",), (0,)),
    Step(("block", "block.a"), (1,)),
    Step(("block", "block.b"), (2,)),
    Step(("block",), (1, 3), "+"),
    Step((), (1, 4), "concat"),
    Step(("relu",), (5,)),
    Step(("head",), (6,)),
)


def test_a_block_hides_what_is_inside() -> None:
    net = collapse(STEPS, ["stem", "block", "head"])
    assert net.layers == ("", "stem", "block", "", "head")
    assert net.operations == ("input", "", "", "concat", "")
    assert net.edges == ((0, 1), (1, 2), (1, 3), (2, 3), (3, 4))
    assert net.missing == ()


def test_leaves_show_the_skip() -> None:
    net = collapse(STEPS, ["stem", "block.a", "block.b", "relu", "head"])
    names = [layer or operation for layer, operation in zip(net.layers, net.operations, strict=True)]
    assert names == ["input", "stem", "block.a", "block.b", "+", "concat", "relu", "head"]
    assert (names.index("stem"), names.index("+")) in net.edges


def test_an_operation_after_the_last_layer_is_left_out() -> None:
    assert collapse(STEPS, ["stem"]).operations == ("input", "")


def test_what_is_missing_is_named() -> None:
    cut = (*STEPS[:2], Step(("lost",), ()), Step(("head",), (1, 2)))
    assert collapse(cut, ["stem", "lost", "head", "never"]).missing == ("lost", "never")
    assert chain(["a", "b"]).missing == ("a", "b")


def test_a_layer_in_two_parts_feeds_forward_only() -> None:
    steps = (Step((), ()), Step(("a", "a.x"), (0,)), Step(("b",), (1,)), Step(("a", "a.y"), (2,)))
    net = collapse(steps, ["a", "b"])
    assert all(source < to for source, to in net.edges)


@given(st.integers(1, 25), st.data())
@settings(max_examples=60, deadline=None)
def test_layouts_go_down_and_keep_apart(count: int, data: st.DataObject) -> None:
    pairs = [(a, b) for b in range(count) for a in range(b)]
    edges = sorted(data.draw(st.sets(st.sampled_from(pairs), max_size=40))) if pairs else []
    drawing = draw(count, edges)
    for source, to in edges:
        assert drawing.y[to] > drawing.y[source]
    for row in np.unique(drawing.y):
        columns = np.sort(drawing.x[drawing.y == row])
        assert (np.diff(columns) > 1 - 1e-9).all()
    assert drawing.x.min() >= -1e-9
    for (source, to), route in zip(edges, drawing.routes, strict=True):
        assert route[0] == (drawing.x[source], drawing.y[source])
        assert route[-1] == (drawing.x[to], drawing.y[to])
        assert [y for _, y in route] == list(range(int(drawing.y[source]), int(drawing.y[to]) + 1))


def test_rows_are_the_longest_paths() -> None:
    drawing = draw(4, [(0, 1), (1, 2), (0, 3), (2, 3)])
    assert drawing.y.tolist() == [0, 1, 2, 3]


def test_crossings_are_undone() -> None:
    # Two branches whose ends stand in the other order.
    drawing = draw(7, [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 6)])
    assert (drawing.x[1] < drawing.x[2]) == (drawing.x[4] < drawing.x[3])
    assert (drawing.x[4] < drawing.x[3]) == (drawing.x[6] < drawing.x[5])


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_spread_is_the_nearest_in_order(wanted: list[float]) -> None:
    target = np.asarray(wanted)
    found = _spread(target, np.ones(len(target)))
    assert (np.diff(found) >= 1 - 1e-9).all()
    apart = [{"type": "ineq", "fun": lambda x, i=i: x[i + 1] - x[i] - 1} for i in range(len(wanted) - 1)]
    best = minimize(lambda x: ((x - target) ** 2).sum(), np.arange(len(wanted)) * 1.0, constraints=apart)
    assert ((found - target) ** 2).sum() <= best.fun + 1e-5
