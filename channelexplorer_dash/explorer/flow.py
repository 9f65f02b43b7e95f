"""The dataflow graph of a model at a granularity, laid out for the page."""

from __future__ import annotations

from channelexplorer_dash.choices import Granularity
from channelexplorer_dash.core.flowgraph import FlowNet, Step, chain, collapse, draw
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.layers import LayerGraph


def layer_graph(description: ModelDescription, granularity: Granularity) -> LayerGraph:
    """Return the graph; of a model whose pass showed nothing, the layers without edges."""
    names = [layer.name for layer in description.at(granularity)]
    flow = description.dataflow
    steps = [Step(node.inside, node.sources, node.operation) for node in flow.nodes]
    net = collapse(steps, names) if steps else chain(names)
    # Layers that were not seen stand below all that were, with nothing between.
    unseen = tuple(name for name in names if name not in net.layers)
    if unseen:
        blank = ("",) * len(unseen)
        net = FlowNet(net.layers + unseen, net.operations + blank, net.edges, net.missing)
    return LayerGraph(net, draw(len(net.layers), net.edges), flow.problems)
