"""Image files of any kind as upright 8-bit images."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from channelexplorer_dash.datasets.pixels import (
    EIGHT_BIT,
    SIXTEEN_BIT,
    UNIT,
    ValueRange,
    array_image,
    extremes,
    on_white,
)
from channelexplorer_dash.errors import DatasetError

# Only raster formats that Pillow decodes by itself: its EPS reader, for one, starts Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".jp2", ".j2k", ".avif"),
)
_READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000 or AVIF"

# What a person can do beside replacing the file, and the setting that limits its pixels.
_OF_A_DATASET = ("take it out of the dataset", "max_image_pixels")
_BY_ITSELF = ("choose another", "new_image_pixels")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(file: Path, name: str, max_pixels: int) -> Image.Image:
    """Decode an image file; of an animation or a file of several pages, the first image.

    Parameters
    ----------
    file
        The file.
    name
        What the messages call it.
    max_pixels
        Larger images are refused by the size in their header, before they are decoded.

    Returns
    -------
    PIL.Image.Image
        Upright as its EXIF orientation says, mode ``L`` or ``RGB`` (see :func:`eight_bit`), without metadata.

    Raises
    ------
    DatasetError
        If the file is missing, empty, not an image, damaged or too large.
    """
    try:
        with file.open("rb") as stream:
            return _decoded(stream, name, max_pixels, _OF_A_DATASET)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{name} is not there any more. Put it back, or start again without it."
        ) from error
    except PermissionError as error:
        raise DatasetError(f"{name} cannot be opened: permission denied. Make the file readable.") from error
    except OSError as error:
        raise _undecodable(name, error, _OF_A_DATASET[0]) from error


def decode_bytes(content: bytes, name: str, max_pixels: int) -> Image.Image:
    """Decode the bytes of an image file as :func:`decode` does; ``name`` is for the messages alone."""
    return _decoded(io.BytesIO(content), name, max_pixels, _BY_ITSELF)


def _decoded(stream: IO[bytes], name: str, max_pixels: int, advice: tuple[str, str]) -> Image.Image:
    """Decode a stream; ``advice`` is of the messages."""
    otherwise, setting = advice
    try:
        image = _identify(stream)
        if image is None:
            raise DatasetError(_why_not_an_image(stream, name, otherwise))
        width, height = image.size
        if width * height > max_pixels:
            raise DatasetError(
                f"{name} is too large: {width} × {height} pixels, {max_pixels:,} are allowed. "
                f"Scale it down, or raise {setting} in the settings."
            )
        image.load()
        return eight_bit(_upright(image), name)
    except (DatasetError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        # Pillow's decoders meet damaged data with about every kind of exception there is.
        raise _undecodable(name, error, otherwise) from error


def _undecodable(name: str, error: Exception, otherwise: str) -> DatasetError:
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return DatasetError(
        f"{name} cannot be decoded: {reason}. The file is damaged or cut off: replace it, or {otherwise}."
    )


def eight_bit(image: Image.Image, name: str) -> Image.Image:
    """Return an image in mode ``L`` (grey) or ``RGB``, 8 bit, without metadata.

    Transparency is laid on white. 16-bit grey is scaled by 255/65,535. 32-bit integers count as 16 bit as
    long as they lie within 0…65,535, floats as 0…1 or 0…255 if they lie there; otherwise black and white are
    the image's own extremes. CMYK is converted without a colour profile.

    Raises
    ------
    DatasetError
        If the mode has no such form (CIE L*a*b*).
    """
    if image.mode.startswith("I") or image.mode == "F":
        plain = _grey(image)
    elif image.has_transparency_data:
        plain = on_white(image.convert("LA") if image.mode in {"1", "L"} else image)
    elif image.mode in {"1", "L"}:
        plain = image.convert("L")
    elif image.mode == "LAB":
        raise DatasetError(f"{name} is in CIE L*a*b*, which cannot be shown. Convert it to RGB.")
    else:
        plain = image.convert("RGB")
    # An orientation that stayed behind here would turn the image a second time further on.
    plain.info.clear()
    return plain


def _identify(stream: IO[bytes]) -> ImageFile.ImageFile | None:
    """Read the header only.

    ``Image.open`` would do, but warns about sizes beyond a limit of its own, or refuses them. That limit is
    a global of the process, and the host application's to set.
    """
    Image.init()
    prefix = stream.read(16)
    image: ImageFile.ImageFile
    for kind in FORMATS:
        if kind not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[kind]
        # A string says that the format is right but that its decoder is not installed.
        verdict = accepts is None or accepts(prefix)
        if isinstance(verdict, str) or not verdict:
            continue
        stream.seek(0)
        try:
            image = factory(stream, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
        return image
    return None


def _why_not_an_image(stream: IO[bytes], name: str, otherwise: str) -> str:
    if stream.seek(0, 2) == 0:
        return f"{name} is empty (0 bytes). Replace the file, or {otherwise}."
    return f"{name} is not an image, whatever its name says. Replace it with {_READABLE}, or {otherwise}."


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:
        # A damaged EXIF block says nothing about the pixels.
        return image
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return array_image(values, SIXTEEN_BIT)
    found = extremes(values)
    fixed = (SIXTEEN_BIT,) if image.mode == "I" else (UNIT, EIGHT_BIT)
    inside = (span for span in fixed if span.low <= found.low and found.high <= span.high)
    return array_image(values, next(inside, ValueRange(*found)))
