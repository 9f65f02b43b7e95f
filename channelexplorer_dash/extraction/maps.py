"""The activation map of one channel for one image, recomputed when somebody looks at it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.errors import ModelError, UnknownNameError
from channelexplorer_dash.extraction.axes import token_grid
from channelexplorer_dash.extraction.forward import visit_layers
from channelexplorer_dash.extraction.places import Placed, condensed
from channelexplorer_dash.extraction.reduce import channels_first, joined
from channelexplorer_dash.extraction.tracing import Call, trace
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.description import Layer


def activation_map(built: BuiltModel, image: Image.Image | Tensor, layer: Layer, channel: int) -> FloatArray:
    """Return one channel's activation over the model's input.

    Parameters
    ----------
    image
        As the dataset gives it, which the model's own preprocessing is applied to; or the model's input,
        float32 (C, H, W).
    channel
        From 0.

    Returns
    -------
    numpy.ndarray
        float32 (H, W) in the layer's own resolution, over the area that the model saw (after resizing and
        cropping). Tokens, also those of windows and transposed ones, are put where on the image they
        come from, as far as the pass shows it (:mod:`.places`), without class and register tokens. Where
        there are no positions (a dense output, a layer over positions) the map is one cell that holds the
        value, or the mean over the tokens. Non-finite values are 0.

    Raises
    ------
    UnknownNameError
        If the layer has no such channel.
    ModelError
        If the forward pass fails.
    """
    if not 0 <= channel < layer.channels:
        raise UnknownNameError(
            f"The layer {layer.name!r} has no channel {channel}: they go from 0 to {layer.channels - 1}."
        )
    batch = (image if isinstance(image, Tensor) else built.transform(image)).unsqueeze(0)
    plain = layer.layout == "dense" or (layer.layout == "nchw" and len(layer.shape) == 3)
    values, cells, grid = (
        _seen(built, batch, layer, channel) if plain else _placed(built, batch, layer, channel)
    )
    values = torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if cells is not None:
        values = _on_grid(values, cells, grid)
    elif values.ndim != 2 or layer.layout == "nhwc":
        _, height, width = built.input_size
        rows = token_grid(values.numel(), (height, width)) if layer.layout == "tokens" and not grid else None
        values = values.reshape(rows) if rows else values.mean().reshape(1, 1)
    result: FloatArray = np.ascontiguousarray(values.numpy(), dtype=np.float32)
    return result


_Seen = tuple[Tensor, Tensor | None, tuple[int, int]]


def _seen(built: BuiltModel, batch: Tensor, layer: Layer, channel: int) -> _Seen:
    """Return a channel's values where the layer's axes are those of the image."""
    found: list[Tensor] = []

    def keep(_layer: Layer, activation: Tensor) -> None:
        found.append(channels_first(activation, layer)[0, channel].float().cpu().clone())

    visit_layers(built.module, batch, [layer], keep)
    return found[0], None, (0, 0)


def _placed(built: BuiltModel, batch: Tensor, layer: Layer, channel: int) -> _Seen:
    """Return a channel's values, and the cell of each, from 1 on; None where cells are not known."""
    found: list[_Seen] = []

    def keep(call: Call, activation: Tensor, places: Placed | None) -> None:
        if call.layer_name != layer.name or activation.ndim < 2:
            return
        values = channels_first(joined(activation, layer), layer)[0, channel].float().cpu().clone()
        if places is None or places.ids is None:
            # Positions that a layer has mixed up lie nowhere, however many there are.
            found.append((values, None, (1, 1) if places is not None else (0, 0)))
            return
        cells = channels_first(joined(places.ids, layer), layer)[0, channel].clone()
        cells, grid = condensed(cells, places.grid) or (cells, places.grid)
        found.append((values.flatten(), cells.flatten(), grid))

    trace(built.module, batch, keep)
    if not found:
        raise ModelError(f"The model did not run the layer {layer.name!r}. Read the model's layers again.")
    return found[0]


def _on_grid(values: Tensor, cells: Tensor, grid: tuple[int, int]) -> Tensor:
    """Return float32 (rows, columns): the mean of the values of each cell, 0 where there are none."""
    count = grid[0] * grid[1]
    inside = (cells > 0) & (cells <= count)
    weights = np.bincount(cells[inside].numpy() - 1, minlength=count)
    sums = np.bincount(cells[inside].numpy() - 1, weights=values[inside].double().numpy(), minlength=count)
    return torch.from_numpy(sums / np.maximum(weights, 1)).reshape(grid)
