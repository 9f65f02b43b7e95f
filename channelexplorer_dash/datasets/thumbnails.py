"""Small WebP pictures of the images."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from PIL import Image

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.errors import SelectionError

SMALLEST, LARGEST = 16, 512
_CACHE_BYTES = 64 * 2**20
_QUALITY = 80

_Key = tuple[str, str, int, int]


class _Cache:
    """The most recently used pictures, bounded by their bytes; safe under threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0
        self._pictures: OrderedDict[_Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> bytes | None:
        with self._lock:
            picture = self._pictures.get(key)
            if picture is not None:
                self._pictures.move_to_end(key)
            return picture

    def put(self, key: _Key, picture: bytes) -> None:
        with self._lock:
            self._held += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._held > self._capacity:
                self._held -= len(self._pictures.popitem(last=False)[1])


_cache = _Cache(_CACHE_BYTES)


def thumbnail(dataset: Dataset, image_id: int, size: int) -> bytes:
    """Return one image as WebP, its longer side ``size`` pixels, its aspect kept.

    Smaller images are enlarged without smoothing, so that each pixel shows as a square, and kept without
    loss.

    Parameters
    ----------
    dataset
        Where the image is.
    image_id
        Its row number.
    size
        Pixels of the longer side, 16 to 512.

    Raises
    ------
    SelectionError
        If ``size`` is out of range.
    UnknownNameError
        If there is no such image.
    DatasetError
        If the image cannot be decoded.
    """
    if not SMALLEST <= size <= LARGEST:
        raise SelectionError(f"Thumbnails have {SMALLEST} to {LARGEST} pixels; {size} were asked for.")
    key = (dataset.name, dataset.digest, image_id, size)
    if (known := _cache.get(key)) is not None:
        return known
    image = dataset.image(image_id)
    enlarged = max(image.size) < size
    buffer = io.BytesIO()
    fitted(image, size).save(buffer, "WEBP", lossless=enlarged, quality=_QUALITY, method=2)
    _cache.put(key, buffer.getvalue())
    return buffer.getvalue()


def fitted(image: Image.Image, size: int) -> Image.Image:
    """Scale an image so that its longer side is ``size``; enlarge it without smoothing."""
    longest = max(image.size)
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    if longest >= size:
        return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    # To a whole multiple first: nearest-neighbour alone would make pixels of unequal width.
    multiple = -(-size // longest)
    squares = image.resize((image.width * multiple, image.height * multiple), Image.Resampling.NEAREST)
    return (
        squares if squares.size == (width, height) else squares.resize((width, height), Image.Resampling.BOX)
    )
