"""Arrays of any type and layout as 8-bit images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from channelexplorer_dash.errors import DatasetError

PIXEL_CHANNELS = (1, 3, 4)
# Resampling a tensor of 0…1 over- and undershoots a little.
_UNIT_TOLERANCE = 0.1

Pixels = npt.NDArray[Any]


class ValueRange(NamedTuple):
    """The values that become black (``low``) and white (``high``)."""

    low: float
    high: float


EIGHT_BIT = ValueRange(0, 255)
SIXTEEN_BIT = ValueRange(0, 65_535)
UNIT = ValueRange(0, 1)


def value_range(dtype: np.dtype[Any], lowest: float, highest: float) -> ValueRange:
    """Choose which values are black and white, from the type and the extremes of *all* images.

    | type | extremes | range |
    |---|---|---|
    | bool | any | 0…1 |
    | uint8 | any | 0…255 |
    | uint16 | any | 0…65,535 |
    | float | about 0…1 | 0…1 |
    | integer, float | within 0…255 | 0…255 |
    | integer | within 0…65,535 | 0…65,535 |
    | integer, float | anything else | ``lowest``…``highest`` |

    Parameters
    ----------
    dtype
        Type of the array.
    lowest, highest
        Smallest and largest finite value; not looked at for bool, uint8 and uint16.
    """
    if dtype == np.bool_:
        return UNIT
    if dtype == np.uint8:
        return EIGHT_BIT
    if dtype.kind == "u" and dtype.itemsize == 2:
        return SIXTEEN_BIT
    if dtype.kind == "f" and lowest >= -_UNIT_TOLERANCE and highest <= 1 + _UNIT_TOLERANCE:
        return UNIT
    if lowest >= 0 and highest <= EIGHT_BIT.high:
        return EIGHT_BIT
    if dtype.kind != "f" and lowest >= 0 and highest <= SIXTEEN_BIT.high:
        return SIXTEEN_BIT
    return ValueRange(float(lowest), float(highest))


def extremes(values: Pixels) -> ValueRange:
    """Return the smallest and the largest finite value, or 0 and 0 where there is none."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return ValueRange(float(finite.min()), float(finite.max())) if finite.size else ValueRange(0, 0)


def to_uint8(values: Pixels, span: ValueRange) -> npt.NDArray[np.uint8]:
    """Map ``span`` linearly to 0…255, rounded; values outside are clipped, non-finite ones are black."""
    if values.dtype == np.uint8 and span == EIGHT_BIT:
        return np.ascontiguousarray(values)
    width = (span.high - span.low) or 1.0
    # In place from here: one temporary of the image's size instead of four.
    scaled = values.astype(np.float64)
    scaled -= span.low
    scaled *= 255.0 / width
    np.nan_to_num(scaled, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(scaled, 0, 255, out=scaled)
    return np.rint(scaled, out=scaled).astype(np.uint8)


def channels_last(pixels: Pixels, name: str, *, prefer_first: bool = False) -> Pixels:
    """Return one image as (H, W) or (H, W, C) with C of 3 or 4.

    Parameters
    ----------
    pixels
        (H, W), (H, W, C) or (C, H, W) with C of 1, 3 or 4.
    name
        What the message calls the image.
    prefer_first
        Whether an array that could be both is (C, H, W), as torch has it; (H, W, C) otherwise.

    Raises
    ------
    DatasetError
        If the shape is none of these, or there is no pixel.
    """
    if 0 in pixels.shape:
        raise DatasetError(f"{name} has no pixels: its shape is {_shape(pixels)}.")
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim == 3:
        first, last = pixels.shape[0] in PIXEL_CHANNELS, pixels.shape[2] in PIXEL_CHANNELS
        if first and (prefer_first or not last):
            pixels = np.moveaxis(pixels, 0, 2)
            last = True
        if last:
            return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    raise DatasetError(
        f"{name} has the shape {_shape(pixels)}. Give images as H×W, H×W×C or C×H×W, with 1, 3 or 4 channels."
    )


def on_white(image: Image.Image) -> Image.Image:
    """Paste an image with transparency on white; ``LA`` becomes ``L``, anything else ``RGB``."""
    mode = "L" if image.mode in {"LA", "La"} else "RGB"
    solid = image if image.mode in {"LA", "RGBA"} else image.convert("LA" if mode == "L" else "RGBA")
    canvas = Image.new(mode, image.size, "white")
    canvas.paste(solid.convert(mode), mask=solid.getchannel("A"))
    return canvas


def array_image(pixels: Pixels, span: ValueRange) -> Image.Image:
    """Return an (H, W) or (H, W, 3 or 4) array as an image of mode ``L`` or ``RGB``, alpha on white."""
    image = Image.fromarray(to_uint8(pixels, span))
    return on_white(image) if image.mode == "RGBA" else image


def require_numbers(dtype: np.dtype[Any], name: str) -> None:
    """Raise DatasetError unless the type is bool, integer or float."""
    if dtype.kind not in "buif":
        raise DatasetError(f"{name} has values of type {dtype}. Give integers or floats.")


def _shape(pixels: Pixels) -> str:
    return "×".join(str(n) for n in pixels.shape) or "a single number"
