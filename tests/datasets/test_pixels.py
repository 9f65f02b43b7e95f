"""Values and layouts of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.datasets.pixels import (
    EIGHT_BIT,
    SIXTEEN_BIT,
    UNIT,
    ValueRange,
    array_image,
    channels_last,
    extremes,
    to_uint8,
    value_range,
)
from channelexplorer_dash.errors import DatasetError


@pytest.mark.parametrize(
    ("dtype", "low", "high", "expected"),
    [
        ("?", 0, 1, UNIT),
        ("u1", 0, 16, EIGHT_BIT),
        ("u2", 0, 100, SIXTEEN_BIT),
        (">u2", 0, 100, SIXTEEN_BIT),
        ("i8", 0, 255, EIGHT_BIT),
        ("i4", 0, 4_095, SIXTEEN_BIT),
        ("i4", -5, 10, ValueRange(-5, 10)),
        ("f4", 0, 1, UNIT),
        ("f4", -0.02, 1.04, UNIT),
        ("f4", 0, 255, EIGHT_BIT),
        ("f8", -2.1, 2.6, ValueRange(-2.1, 2.6)),
    ],
)
def test_value_range(dtype: str, low: float, high: float, expected: ValueRange) -> None:
    assert value_range(np.dtype(dtype), low, high) == expected


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2)))
def test_16_bit_to_8_bit_is_rounded_division(values: np.ndarray) -> None:
    assert np.array_equal(to_uint8(values, SIXTEEN_BIT), np.rint(values / 257))


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2)))
def test_8_bit_survives_every_detour(values: np.ndarray) -> None:
    assert np.array_equal(to_uint8(values, EIGHT_BIT), values)
    assert np.array_equal(to_uint8(values.astype(np.float32), EIGHT_BIT), values)
    assert np.array_equal(to_uint8(values / np.float32(255), UNIT), values)
    assert np.array_equal(to_uint8(values.astype(np.uint16) * 257, SIXTEEN_BIT), values)


@given(hnp.arrays(np.float32, 5, elements=st.floats(width=32)))
def test_any_float_becomes_8_bit_in_order(values: np.ndarray) -> None:
    span = value_range(values.dtype, *extremes(values))
    shown = to_uint8(values, span)
    finite = np.isfinite(values)
    order = np.argsort(values[finite], kind="stable")
    assert (np.diff(shown[finite][order].astype(int)) >= 0).all()
    assert (shown[~finite] == 0).all()


@pytest.mark.parametrize(
    ("shape", "prefer_first", "expected"),
    [
        ((5, 7), False, (5, 7)),
        ((5, 7, 1), False, (5, 7)),
        ((5, 7, 3), False, (5, 7, 3)),
        ((5, 7, 4), False, (5, 7, 4)),
        ((1, 5, 7), False, (5, 7)),
        ((3, 5, 7), False, (5, 7, 3)),
        ((3, 5, 3), False, (3, 5, 3)),
        ((3, 5, 3), True, (5, 3, 3)),
        ((5, 7, 3), True, (5, 7, 3)),
        ((1, 1), False, (1, 1)),
    ],
)
def test_layouts(shape: tuple[int, ...], prefer_first: bool, expected: tuple[int, ...]) -> None:
    assert channels_last(np.zeros(shape), "x", prefer_first=prefer_first).shape == expected


@pytest.mark.parametrize("shape", [(), (5,), (5, 7, 2), (2, 5, 7), (1, 5, 7, 3), (0, 7), (3, 0, 7)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DatasetError, match="x has"):
        channels_last(np.zeros(shape), "x")


def test_alpha_of_an_array_lies_on_white() -> None:
    image = array_image(np.array([[[0, 0, 0, 0], [1, 0, 0, 1]]], np.float32), UNIT)
    assert image.mode == "RGB"
    assert np.asarray(image).tolist() == [[[255, 255, 255], [255, 0, 0]]]
