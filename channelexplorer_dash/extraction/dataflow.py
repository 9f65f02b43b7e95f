"""What flows where in one pass: calls of modules, and the operations at which branches meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from channelexplorer_dash.extraction.places import tensors
from channelexplorer_dash.models.description import INPUT, Dataflow, FlowNode

_SIGNS = {
    "+": ("add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__"),
    "×": ("mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply"),
    "concat": ("cat", "concat", "concatenate", "stack", "hstack", "vstack"),
    "attention": ("scaled_dot_product_attention", "multi_head_attention_forward"),
    "matmul": ("matmul", "__matmul__", "__rmatmul__", "bmm", "einsum", "baddbmm"),
}
_SIGN_OF = {name: sign for sign, names in _SIGNS.items() for name in names}


class Flow:
    """Which nodes each tensor of a pass came from.

    A call without calls inside it is a node, and so is an operation at which tensors of different origin
    meet; everything else hands its origin on.
    """

    def __init__(self, batch: Tensor) -> None:
        self._nodes = [FlowNode(INPUT, (), ())]
        self._origins: Any = WeakIdKeyDictionary()
        self._origins[batch] = frozenset([0])

    def origins(self, value: Any) -> frozenset[int]:
        """Return the nodes from which the tensors inside a value come."""
        none: frozenset[int] = frozenset()
        return none.union(*(self._origins.get(tensor, none) for tensor in tensors(value)))

    def follow(
        self, function: Callable[..., Any], args: Any, kwargs: Any, result: Any, inside: Sequence[str]
    ) -> None:
        """Note what an operation made, ``inside`` the calls that are under way."""
        name = function.__name__
        given = {self._origins[tensor] for tensor in tensors((args, kwargs)) if tensor in self._origins}
        if not given:
            return
        origins: frozenset[int] = frozenset().union(*given)
        if len(given) > 1:
            origins = self._add(_SIGN_OF.get(name, name.strip("_")), origins, inside, is_call=False)
        if name == "__setitem__":
            self._origins[args[0]] = origins
        for tensor in tensors(result):
            self._origins[tensor] = origins

    def leave(self, inside: Sequence[str], inputs: Any, output: Any, *, is_node: bool) -> None:
        """Note the end of a call, the last of ``inside``."""
        origins = self.origins(output) or self.origins(inputs)
        if is_node:
            origins = self._add(inside[-1], origins, inside, is_call=True)
        for tensor in tensors(output):
            if is_node or tensor not in self._origins:
                self._origins[tensor] = origins

    def found(self, output: Any, problems: Sequence[str]) -> Dataflow:
        """Return the graph of the pass, from the input to the output."""
        return Dataflow(tuple(self._nodes), tuple(sorted(self.origins(output))), tuple(problems))

    def _add(
        self, name: str, origins: frozenset[int], inside: Sequence[str], *, is_call: bool
    ) -> frozenset[int]:
        path = tuple(inside)
        self._nodes.append(
            FlowNode(name if is_call else "", path, tuple(sorted(origins)), "" if is_call else name)
        )
        return frozenset([len(self._nodes) - 1])
