"""The activation map of one channel for one image, recomputed when somebody looks at it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from channelexplorer_dash.errors import UnknownNameError
from channelexplorer_dash.extraction.axes import token_grid
from channelexplorer_dash.extraction.forward import visit_layers
from channelexplorer_dash.extraction.reduce import channels_first
from channelexplorer_dash.models.build import BuiltModel
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results import FloatArray


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
        cropping). Tokens lie on their grid where they fill one of the input's aspect, without the class and
        register tokens. Where there are no positions (a dense output, other tokens) the map is one cell that
        holds the value, or the mean over the tokens. Non-finite values are 0.

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
    found: list[Tensor] = []

    def keep(_layer: Layer, activation: Tensor) -> None:
        found.append(channels_first(activation, layer)[0, channel].float().cpu().clone())

    given = image if isinstance(image, Tensor) else built.transform(image)
    visit_layers(built.module, given.unsqueeze(0), [layer], keep)
    values = torch.nan_to_num(found[0], nan=0.0, posinf=0.0, neginf=0.0)
    if values.ndim != 2:
        _, height, width = built.input_size
        grid = token_grid(values.numel(), (height, width))
        values = values.reshape(grid) if grid else values.mean().reshape(1, 1)
    result: FloatArray = np.ascontiguousarray(values.numpy(), dtype=np.float32)
    return result
