"""The dataflow graph at a granularity, and its layout from top to bottom.

The drawing follows Sugiyama, Tagawa and Toda (1981): rows by longest path, long edges cut into one piece a
row, and their order by barycentres, swept down and up; the sideways positions are then pulled to the mean of
the neighbours, as far as the order allows.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from channelexplorer_dash.core.arrays import DoubleArray

Edge = tuple[int, int]
_SWEEPS, _PATIENCE = 12, 2
# How much of a column an edge takes that passes a row.
_THIN = 0.14


@dataclass(frozen=True)
class Step:
    """A node of one recorded pass.

    Attributes
    ----------
    inside
        The calls that were under way, outermost first; a call's own name is the last.
    sources
        Positions of earlier nodes.
    operation
        Empty for a call, and for the image, which is inside nothing.
    """

    inside: tuple[str, ...]
    sources: tuple[int, ...]
    operation: str = ""


@dataclass(frozen=True)
class FlowNet:
    """Nodes and edges at one granularity, in execution order.

    Attributes
    ----------
    layers
        Name of the layer at each node; empty for an operation between layers, and for the image.
    operations
        What joins the branches at each node; empty for layers; ``input`` for the image.
    edges
        (from, to), sorted.
    missing
        Layers of the granularity that the pass did not show, or that nothing is known to reach.
    """

    layers: tuple[str, ...]
    operations: tuple[str, ...]
    edges: tuple[Edge, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """Where nodes and edges lie.

    Attributes
    ----------
    x, y
        float64 (n,): columns, from 0 on, one apart at least from the next in the same row; rows from 0 on.
    routes
        For every edge the points (x, y) that it passes, from its first node to its second.
    """

    x: DoubleArray
    y: DoubleArray
    routes: tuple[tuple[tuple[float, float], ...], ...]


def collapse(steps: Sequence[Step], layers: Sequence[str]) -> FlowNet:
    """Return the graph of some layers.

    What ran inside a layer is that layer. An operation between layers at which branches meet stays as a node
    of its own; everything else between them is left out, its sources handed on to what follows it.

    Parameters
    ----------
    steps
        In execution order, the image first.
    layers
        Names of the layers that are shown.
    """
    shown = set(layers)
    owner = [next((name for name in step.inside if name in shown), "") for step in steps]
    last = {name: at for at, name in enumerate(owner) if name}
    # A node stands where its layer is finished; what is between layers stands for itself.
    stands = [last[name] if name else at for at, name in enumerate(owner)]
    reach: list[frozenset[int]] = []
    into: dict[int, set[int]] = {}
    for at, step in enumerate(steps):
        sources = (
            frozenset().union(*(reach[source] for source in step.sources)) if step.sources else frozenset()
        )
        if owner[at]:
            into.setdefault(stands[at], set()).update(sources - {stands[at]})
            reach.append(frozenset([stands[at]]))
        elif at == 0 or (step.operation and len(sources) > 1):
            into[at] = set(sources)
            reach.append(frozenset([at]))
        else:
            reach.append(sources)
    kept = sorted(_needed(into, {last[name] for name in last}))
    position = {at: number for number, at in enumerate(kept)}
    edges = sorted(
        (position[source], position[at])
        for at in kept
        for source in into[at]
        # A layer that runs in parts may feed itself by way of others: only the way forward is drawn.
        if source < at and source in position
    )
    reached = {to for _, to in edges}
    found = {owner[at] for at in kept}
    cut = [owner[at] for at in kept if owner[at] and position[at] not in reached]
    return FlowNet(
        layers=tuple(owner[at] for at in kept),
        operations=tuple("" if owner[at] else (steps[at].operation or "input") for at in kept),
        edges=tuple(edges),
        missing=tuple(cut) + tuple(name for name in layers if name not in found),
    )


def _needed(into: Mapping[int, Collection[int]], layers: Collection[int]) -> set[int]:
    """Return the nodes on a way to a layer, with the image."""
    needed = {0} if 0 in into else set()
    waiting = list(layers)
    while waiting:
        at = waiting.pop()
        if at not in needed:
            needed.add(at)
            waiting += [source for source in into[at] if source not in needed]
    return needed


def chain(layers: Sequence[str]) -> FlowNet:
    """Return the graph of which nothing is known: the layers in order, without edges."""
    return FlowNet(tuple(layers), ("",) * len(layers), (), tuple(layers))


def draw(count: int, edges: Sequence[Edge]) -> Drawing:
    """Lay a graph out from top to bottom.

    Parameters
    ----------
    count
        n, the number of nodes.
    edges
        (from, to) with from < to.
    """
    rows = _rows(count, edges)
    # Long edges pass through one made-up node in every row between.
    row_of = list(rows)
    pieces: list[Edge] = []
    ways: list[list[int]] = []
    for source, to in edges:
        way = [source]
        for row in range(rows[source] + 1, rows[to]):
            row_of.append(row)
            way.append(len(row_of) - 1)
        way.append(to)
        ways.append(way)
        pieces += pairwise(way)
    above: list[list[int]] = [[] for _ in row_of]
    below: list[list[int]] = [[] for _ in row_of]
    for source, to in pieces:
        above[to].append(source)
        below[source].append(to)
    lines: list[list[int]] = [[] for _ in range(max(row_of, default=-1) + 1)]
    for node, row in enumerate(row_of):
        lines[row].append(node)
    widths = np.where(np.arange(len(row_of)) < count, 1.0, _THIN)
    x = _placed(lines, above, below, widths)
    routes = tuple(tuple((float(x[node]), float(row_of[node])) for node in way) for way in ways)
    return Drawing(x[:count], np.asarray(rows, np.float64), routes)


def _rows(count: int, edges: Sequence[Edge]) -> list[int]:
    """Return the longest path to each node; one that nothing leads to stands just above what it leads to."""
    rows = [0] * count
    for source, to in sorted(edges, key=lambda edge: edge[1]):
        rows[to] = max(rows[to], rows[source] + 1)
    entered = {to for _, to in edges}
    for node in range(1, count):
        if node not in entered:
            follows = [rows[to] for source, to in edges if source == node]
            rows[node] = max(0, min(follows) - 1) if follows else max(rows[:node]) + 1
    return rows


def _placed(
    lines: list[list[int]], above: list[list[int]], below: list[list[int]], widths: DoubleArray
) -> DoubleArray:
    x = np.zeros(len(widths))

    def centre(line: list[int]) -> None:
        offsets = _offsets(widths[line])
        x[line] = offsets - offsets[-1] / 2

    for line in lines:
        centre(line)
    best, fewest, improved = [list(line) for line in lines], _crossings(lines, below), 0
    for sweep in range(_SWEEPS):
        if fewest == 0 or sweep - improved > _PATIENCE:
            break
        down = sweep % 2 == 0
        for line in lines if down else lines[::-1]:
            beside = above if down else below
            wanted = {node: float(np.mean(x[beside[node]])) if beside[node] else x[node] for node in line}
            line.sort(key=lambda node: (wanted[node], x[node]))
            centre(line)
        crossings = _crossings(lines, below)
        if crossings < fewest:
            best, fewest, improved = [list(line) for line in lines], crossings, sweep
    for line in best:
        centre(line)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for line in best if down else best[::-1]:
            near = above if down else below
            wanted_x = [float(np.mean(x[near[node]])) if near[node] else x[node] for node in line]
            x[line] = _spread(np.asarray(wanted_x), widths[line])
    return x - x.min() if len(x) else x


def _offsets(widths: DoubleArray) -> DoubleArray:
    """Return how far each of a row stands from the first where they touch."""
    return np.concatenate([[0.0], np.cumsum((widths[1:] + widths[:-1]) / 2)])


def _spread(wanted: DoubleArray, widths: DoubleArray) -> DoubleArray:
    """Return the positions nearest to those wanted (least squares) at which nothing overlaps, in order.

    With the widths taken off it is an isotonic regression, found by pooling adjacent violators.
    """
    offsets = _offsets(widths)
    blocks: list[tuple[float, int]] = []
    for value in wanted - offsets:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    return np.repeat([mean for mean, _ in blocks], [size for _, size in blocks]) + offsets


def _crossings(lines: list[list[int]], below: list[list[int]]) -> int:
    """Return the number of pairs of pieces that cross."""
    total = 0
    for line, following in pairwise(lines):
        place = {node: at for at, node in enumerate(following)}
        before: list[int] = []
        for node in line:
            ends = [place[to] for to in below[node]]
            # Pieces from one node do not cross each other.
            total += sum(len(before) - bisect_right(before, end) for end in ends)
            for end in ends:
                insort(before, end)
    return total
