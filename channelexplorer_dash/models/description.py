"""What is known of a model without torch: its layers, in execution order, and its preprocessing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from channelexplorer_dash.choices import Granularity
from channelexplorer_dash.errors import ModelError, unknown_name

Layout = Literal["nchw", "nhwc", "tokens", "dense"]
INPUT = "input"
"""Name of the node of a dataflow graph that stands for the image."""


@dataclass(frozen=True)
class Layer:
    """A named module output of a model.

    Attributes
    ----------
    name
        Module path, as in ``named_modules``; ``#2``, ``#3`` is added for further calls of one module.
    depth
        Position in execution order over all described layers, from 0.
    granularities
        Which of ``stage``, ``block`` and ``leaf`` the layer belongs to.
    kind
        Class name of the module.
    channels
        C.
    shape
        Shape of one image's output, without the batch dimension.
    layout
        Which axis holds the channels: ``nchw`` (C, H, W) or (C, L), ``nhwc`` (H, W, C), ``tokens`` (T, C),
        ``dense`` (C,).
    prefix_tokens
        Class and register tokens before the positions of a ``tokens`` layer.
    folds
        Into how many parts of the output's first axis each image is cut (windows of an attention, patches
        of patches). ``shape`` has them together again: ``tokens`` (folds · T, C), ``nchw`` (C, folds · L);
        so are all axes but the last of an output with more than four, its channels last.
    """

    name: str
    depth: int
    granularities: tuple[Granularity, ...]
    kind: str
    channels: int
    shape: tuple[int, ...]
    layout: Layout
    prefix_tokens: int = 0
    folds: int = 1


@dataclass(frozen=True)
class FlowNode:
    """A node of the dataflow graph: a call of a module without calls inside it, or a meeting of branches.

    Attributes
    ----------
    name
        Of the call, as a layer's name; empty for an operation.
    inside
        Names of the calls under way, the outermost first; a call's own name is the last of them.
    sources
        Positions of the nodes whose outputs it takes.
    operation
        ``+``, ``×``, ``concat``, ``attention``, ``matmul`` or the function's name; empty for a call.
    """

    name: str
    inside: tuple[str, ...]
    sources: tuple[int, ...]
    operation: str = ""


@dataclass(frozen=True)
class Dataflow:
    """What flows where in one pass.

    Attributes
    ----------
    nodes
        In execution order; the first is the image.
    outputs
        Positions of the nodes that the model's output comes from.
    problems
        What could not be followed; empty where everything was.
    """

    nodes: tuple[FlowNode, ...] = ()
    outputs: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Dataflow:
        """Read ``asdict``'s form back."""
        nodes = (
            FlowNode(node["name"], tuple(node["inside"]), tuple(node["sources"]), node["operation"])
            for node in data["nodes"]
        )
        return cls(tuple(nodes), tuple(data["outputs"]), tuple(data["problems"]))


@dataclass(frozen=True)
class ModelDescription:
    """A model's layers in execution order, its preprocessing and its outputs.

    Attributes
    ----------
    input_size
        (C, H, W) after preprocessing.
    class_names
        Names of the outputs, or empty when they are not known.
    outputs
        Number of logits of the model's output, 0 where the output is not (B, K) logits.
    dataflow
        What flows where between the layers.
    """

    layers: tuple[Layer, ...]
    input_size: tuple[int, int, int]
    preprocessing: Mapping[str, Any]
    outputs: int
    class_names: tuple[str, ...] = ()
    parameters: int = 0
    dataflow: Dataflow = Dataflow()

    def at(self, granularity: Granularity) -> tuple[Layer, ...]:
        """Return the layers of one granularity, in execution order."""
        return tuple(layer for layer in self.layers if granularity in layer.granularities)

    def layer(self, name: str) -> Layer:
        """Return a layer by name; raise UnknownNameError where there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_name("layer", name, [layer.name for layer in self.layers])

    def to_json(self) -> dict[str, Any]:
        """Return the JSON-able form that the store keeps."""
        return {**asdict(self), "preprocessing": dict(self.preprocessing)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelDescription:
        """Read :meth:`to_json`'s form back."""
        layers = tuple(
            Layer(**{**layer, "shape": tuple(layer["shape"]), "granularities": tuple(layer["granularities"])})
            for layer in data["layers"]
        )
        size = data["input_size"]
        return cls(
            **{
                **data,
                "layers": layers,
                "input_size": (int(size[0]), int(size[1]), int(size[2])),
                "class_names": tuple(data["class_names"]),
                "dataflow": Dataflow.from_json(data["dataflow"]),
            }
        )


def check_names(model: str, outputs: int, names: tuple[str, ...]) -> None:
    """Raise ModelError where a model with class outputs has another number of class names."""
    if names and outputs and len(names) != outputs:
        raise ModelError(
            f"The model {model!r} has {outputs} outputs but {len(names)} class names: "
            "give as many names, or none."
        )
