from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.indices import decode_indices, encode_indices


@given(st.sets(st.integers(0, 200_000), max_size=200))
def test_indices_come_back(indices: set[int]) -> None:
    assert decode_indices(encode_indices(indices)) == tuple(sorted(indices))


@given(st.integers(0, 10_000), st.integers(1, 3_000))
def test_a_run_is_short(start: int, length: int) -> None:
    text = encode_indices(range(start, start + length))
    assert len(text) <= 9
    assert decode_indices(text) == tuple(range(start, start + length))


def test_half_of_ten_thousand_images_fits_into_a_link() -> None:
    drawn = random.Random(0).sample(range(10_000), 5_000)
    assert len(encode_indices(drawn)) < 2_000


@given(st.text(max_size=30) | st.from_regex(r"[rb][0-9a-z._-]{0,40}", fullmatch=True))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = decode_indices(text)
    except SelectionError:
        return
    assert list(found) == sorted(set(found))


@pytest.mark.parametrize(
    "text", ["rzzzzzz.zzzzzz", "r0.zzzzz", "r1", "x1.2", "r1..2", "b-", "bzzzzzzzzzzzz-_w"]
)
def test_long_or_broken_lists_are_refused_or_short(text: str) -> None:
    try:
        assert len(decode_indices(text)) < 10
    except SelectionError as error:
        assert "again" in str(error)


@pytest.mark.parametrize("text", ["b0-" + "_" * 400_000, "r" + "0.0." * 600_000 + "0.0"])
def test_a_list_that_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(SelectionError, match="cannot be read"):
        decode_indices(text)


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(SelectionError):
        encode_indices([-1])
