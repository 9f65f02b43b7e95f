"""Where the channels of an output are, and how tokens lie on the image."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.modules import batchnorm, conv, instancenorm, padding, pooling

from channelexplorer_dash.models.description import Layout

_CHANNELS_FIRST = (
    conv._ConvNd,
    batchnorm._BatchNorm,
    instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.Upsample,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.LocalResponseNorm,
)
_POOLS_AND_PADS = (pooling.__name__, padding.__name__)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm)


def find_layout(
    module: nn.Module,
    shape: tuple[int, ...],
    near: Iterable[tuple[tuple[int, ...], Layout | None]],
    image: tuple[int, int],
) -> Layout | None:
    """Tell where the channels of a module's output are.

    Two axes: dense. Else, in this order: what the module itself is (a convolution has its channels first,
    a linear layer last) or the length of its own parameters; then the layout of its input, and of the
    outputs of the modules inside, latest first, where they have the same shape; then, of four axes, the
    two that have the image's aspect are its positions. What is left is taken as NCHW, or tokens (B, T, C).

    Parameters
    ----------
    shape
        Of the output, with the batch.
    near
        Shape and known layout of the input and of the inner outputs.
    image
        (H, W) of the model's input.

    Returns
    -------
    Layout or None
        ``nchw`` also stands for (B, C, L) and (B, C, D, H, W) outputs of 1-D and 3-D convolutions. None
        for outputs of more than four axes of which nothing is known.
    """
    own = own_layout(module, shape)
    if own is not None:
        return own
    for other, layout in near:
        if layout is not None and other == shape:
            return layout
    if len(shape) == 3:
        return "tokens"
    if len(shape) > 4:
        return None
    _, a, b, c = shape
    return "nhwc" if _fits(a, b, image) and not _fits(b, c, image) else "nchw"


def own_layout(module: nn.Module, shape: tuple[int, ...]) -> Layout | None:
    """Return the layout that a module's own kind or parameters tell, None where they tell nothing."""
    if len(shape) == 2:
        return "dense"
    first = _channels_first(module, shape)
    return None if first is None else "nchw" if first else last_layout(shape)


def last_layout(shape: tuple[int, ...]) -> Layout:
    """Return the layout of an output with its channels last; beyond four axes the others are tokens."""
    return "nhwc" if len(shape) == 4 else "tokens"


def token_grid(tokens: int, image: tuple[int, int]) -> tuple[int, int] | None:
    """Return (rows, columns) of a grid of ``tokens`` cells with the image's aspect, or None."""
    height, width = image
    rows = round((tokens * height / width) ** 0.5)
    if rows < 1 or tokens % rows or rows * width != (tokens // rows) * height:
        return None
    return rows, tokens // rows


def _channels_first(module: nn.Module, shape: tuple[int, ...]) -> bool | None:
    kind = type(module)
    # Norms called …2d take NCHW even where they descend from LayerNorm.
    if isinstance(module, _CHANNELS_FIRST) or kind.__module__ in _POOLS_AND_PADS or "2d" in kind.__name__:
        return True
    if isinstance(module, _CHANNELS_LAST):
        return False
    lengths = {max(p.shape) for p in module.parameters(recurse=False) if 1 < p.numel() == max(p.shape)}
    at_first, at_last = shape[1] in lengths, shape[-1] in lengths
    return at_first if at_first != at_last else None


def _fits(rows: int, columns: int, image: tuple[int, int]) -> bool:
    """Whether an area of rows × columns has the image's aspect, up to the rounding of strides."""
    height, width = image
    return rows == columns if height == width else abs(rows * width - columns * height) <= max(height, width)
