"""Small pictures."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from channelexplorer_dash.datasets.digits import DigitsDataset
from channelexplorer_dash.datasets.objects import ObjectDataset
from channelexplorer_dash.datasets.thumbnails import LARGEST, SMALLEST, _Cache, fitted, thumbnail
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.specs import DatasetSpec
from tests.datasets.conftest import MAX_PIXELS, photo

DIGITS = DigitsDataset(DatasetSpec(name="digits", kind="digits"))


def test_digits_look_crisp() -> None:
    picture = Image.open(io.BytesIO(thumbnail(DIGITS, 5, 64)))
    assert picture.format == "WEBP"
    expected = np.kron(np.asarray(DIGITS.image(5)), np.ones((8, 8), np.uint8))
    assert np.array_equal(np.asarray(picture.convert("L")), expected)


@settings(deadline=None)
@given(st.integers(1, 900), st.integers(1, 900), st.integers(SMALLEST, LARGEST))
def test_the_longer_side_fits_and_the_aspect_is_kept(width: int, height: int, size: int) -> None:
    shown = fitted(Image.new("L", (width, height)), size)
    assert max(shown.size) == size
    assert min(shown.size) == max(1, round(min(width, height) * size / max(width, height)))


def test_enlarging_invents_no_values_beyond_the_borders_of_pixels() -> None:
    board = Image.fromarray((np.indices((28, 28)).sum(0) % 2 * 255).astype(np.uint8))
    shown = np.asarray(fitted(board, 64))
    # Of 64 columns at most 27 hold a border between two of the 28 pixels.
    grey = ((shown > 0) & (shown < 255)).all(0)
    assert grey.sum() <= 27


def test_photographs_are_reduced() -> None:
    spec = DatasetSpec.model_validate({"name": "photos", "kind": "object", "path": "photos#0"})
    dataset = ObjectDataset(spec, [(photo(400, 300), 0)], MAX_PIXELS)
    picture = Image.open(io.BytesIO(thumbnail(dataset, 0, 100)))
    assert picture.size == (100, 75)
    difference = np.asarray(picture, np.int16) - np.asarray(photo(400, 300).resize((100, 75)), np.int16)
    assert np.abs(difference).mean() < 6


@pytest.mark.parametrize("size", [-1, 0, SMALLEST - 1, LARGEST + 1, 10**9])
def test_sizes_out_of_range(size: int) -> None:
    with pytest.raises(SelectionError, match="16 to 512"):
        thumbnail(DIGITS, 0, size)


def test_unknown_image() -> None:
    with pytest.raises(UnknownNameError):
        thumbnail(DIGITS, 1797, 64)


def test_a_picture_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = thumbnail(DIGITS, 9, 48)
    monkeypatch.setattr(DIGITS, "image", None)
    assert thumbnail(DIGITS, 9, 48) is first


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache = _Cache(100)
    keys = [("d", "x", i, 64) for i in range(3)]
    cache.put(keys[0], bytes(40))
    cache.put(keys[1], bytes(40))
    assert cache.get(keys[0])
    cache.put(keys[2], bytes(40))
    assert cache.get(keys[1]) is None
    assert cache.get(keys[0])
    cache.put(keys[0], bytes(60))
    assert cache.get(keys[2])
    cache.put(("d", "x", 9, 64), bytes(101))
    assert cache.get(("d", "x", 9, 64)) is None


def test_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda i: thumbnail(DIGITS, i % 20, 32), range(400)))
    assert all(pictures[i] == pictures[i % 20] for i in range(400))
