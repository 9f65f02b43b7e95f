"""The layers of a model, in execution order and in three granularities, from its structure and one pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from channelexplorer_dash.choices import Granularity
from channelexplorer_dash.errors import ModelError, unknown_name
from channelexplorer_dash.extraction.axes import token_grid
from channelexplorer_dash.extraction.forward import split_name
from channelexplorer_dash.extraction.structure import CONTAINERS, Structure, is_skipped
from channelexplorer_dash.extraction.tracing import Call, trace
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.description import Layer, ModelDescription, check_names

_CLASS_TOKENS = frozenset({"cls_token", "class_token"})
_SHORTCUTS = frozenset({"downsample", "shortcut"})


def describe(built: BuiltModel) -> ModelDescription:
    """Run the model once on two black images and describe its layers.

    A layer is the output of a module (of a tuple, list or mapping the first tensor) that keeps the images
    apart on its first axis. A module that runs several times gives a layer each time, the later ones named
    ``name#2``, ``name#3``. Layers stand in the order in which they are finished.

    - ``leaf``: modules inside which no other module runs; identities and dropout are left out.
    - ``block``: what containers hold, and what stands beside them at the top (:mod:`.structure`).
    - ``stage``: timm's ``feature_info`` where there is any, else the containers at the top; with the last
      module before them and everything after them.

    Raises
    ------
    ModelError
        If the forward pass fails, the model has no layers, or the class names do not fit the output.
    """
    traced = trace(built.module, torch.zeros(2, *built.input_size))
    calls = traced.calls
    structure = Structure(built.module, calls)
    layers: list[Layer] = []
    for call in calls:
        if call.shape is None or call.layout is None or not call.name or is_skipped(call.module):
            continue
        granularities = _granularities(call, structure)
        if granularities:
            layers.append(_layer(call, len(layers), granularities, built))
    if not layers:
        raise ModelError(
            f"The model {built.spec.name!r} has no layers: no module inside it gives each image an output."
        )
    root = calls[-1]
    # What a generator draws and what a discriminator judges are no classes.
    classifies = root.shape is not None and len(root.shape) == 2 and built.rows is None
    outputs = root.shape[1] if root.shape is not None and classifies else 0
    names = built.class_names
    check_names(built.spec.name, outputs, names)
    return ModelDescription(
        layers=tuple(layers),
        input_size=built.input_size,
        preprocessing=dict(built.preprocessing),
        outputs=outputs,
        class_names=names,
        parameters=sum(p.numel() for p in built.module.parameters()),
        dataflow=traced.dataflow,
    )


def kernel_norms(built: BuiltModel, layer_name: str, channels: int) -> npt.NDArray[np.float64] | None:
    """Norm of the kernel that writes each channel of a layer (the original's *edge weight*).

    It is the Frobenius norm of one output channel's weights in the convolution or linear layer that the
    channels come from: the layer itself; inside a block, the outermost and last with as many outputs, that
    is not on the shortcut; for a layer without such weights (activation, norm, pool), the last one defined
    before it.

    Returns
    -------
    numpy.ndarray or None
        float64 (channels,); None where no such module is found.

    Raises
    ------
    UnknownNameError
        If there is no such layer.
    """
    path = split_name(layer_name)[0]
    parts = list(built.module.named_modules())
    names = [name for name, _ in parts]
    if path not in names:
        raise unknown_name("layer", layer_name, names[1:])
    at = names.index(path)
    if _writes(parts[at][1], channels):
        return _norms(parts[at][1])
    inside = [
        (name.count("."), part)
        for name, part in parts[at + 1 :]
        if name.startswith(f"{path}.") and _writes(part, channels) and not _SHORTCUTS & set(name.split("."))
    ]
    if inside:
        outermost = min(depth for depth, _ in inside)
        return _norms([part for depth, part in inside if depth == outermost][-1])
    before = [part for _, part in parts[:at] if _writes(part, channels)]
    return _norms(before[-1]) if before else None


def _writes(part: nn.Module, channels: int) -> bool:
    count = part.out_channels if isinstance(part, _ConvNd) else getattr(part, "out_features", None)
    return isinstance(part, (_ConvNd, nn.Linear)) and count == channels


def _norms(part: nn.Module) -> npt.NDArray[np.float64]:
    weight = part.get_parameter("weight").detach().double().cpu()
    if isinstance(part, _ConvNd) and part.transposed:
        # (in, out / groups, …): the outputs of one group stand beside those of the next.
        weight = weight.unflatten(0, (part.groups, -1)).transpose(1, 2).flatten(0, 1)
    norms: npt.NDArray[np.float64] = weight.flatten(1).norm(dim=1).numpy()
    return norms


def _granularities(call: Call, structure: Structure) -> tuple[Granularity, ...]:
    is_leaf = not isinstance(call.module, CONTAINERS) and all(
        is_skipped(inner.module) for inner in call.inner
    )
    belongs: dict[Granularity, bool] = {
        "stage": call.name in structure.stages,
        "block": call.name in structure.blocks,
        "leaf": is_leaf,
    }
    return tuple(granularity for granularity, held in belongs.items() if held)


def _layer(call: Call, depth: int, granularities: tuple[Granularity, ...], built: BuiltModel) -> Layer:
    assert call.shape is not None and call.layout is not None
    shape = call.shape[1:]
    return Layer(
        name=call.layer_name,
        depth=depth,
        granularities=granularities,
        kind=type(call.module).__name__,
        channels=shape[0] if call.layout == "nchw" else shape[-1],
        shape=shape,
        layout=call.layout,
        prefix_tokens=_prefix_tokens(built, call, shape[0]) if call.layout == "tokens" else 0,
        folds=call.folds,
    )


def _prefix_tokens(built: BuiltModel, call: Call, tokens: int) -> int:
    """Class and register tokens: those without a place before the others, else as many as the model says."""
    if call.prefix is not None or call.folds > 1:
        return call.prefix or 0
    image = (built.input_size[1], built.input_size[2])
    count = getattr(built.module, "num_prefix_tokens", None)
    if not isinstance(count, int):
        names = (name.rpartition(".")[2] for name, _ in built.module.named_parameters())
        count = int(any(name in _CLASS_TOKENS for name in names))
    patches = getattr(getattr(built.module, "patch_embed", None), "num_patches", None)
    if 0 < count < tokens and (tokens - count == patches or token_grid(tokens - count, image) is not None):
        return count
    return 0
