"""Labels of any kind as 0 … K-1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.datasets.labels import encode_labels
from channelexplorer_dash.errors import DatasetError


@given(st.lists(st.text(max_size=3), min_size=1) | st.lists(st.integers(-(2**40), 2**40), min_size=1))
def test_names_give_the_values_back(values: list[str] | list[int]) -> None:
    labels, names = encode_labels(
        np.array(values, dtype=object if isinstance(values[0], str) else None), None, "x"
    )
    assert labels.dtype == np.int64
    assert [names[label] for label in labels] == [str(value) for value in values]
    assert len(set(names)) == len(names) == labels.max() + 1
    assert sorted(set(values)) == [type(values[0])(name) for name in names]


def test_integers_with_names_keep_their_number() -> None:
    labels, names = encode_labels([2, 2, 0], ["a", "b", "c"], "x")
    assert labels.tolist() == [2, 2, 0]
    assert names == ("a", "b", "c")


def test_names_follow_the_given_order() -> None:
    labels, _ = encode_labels(["cat", "dog"], ["dog", "cat"], "x")
    assert labels.tolist() == [1, 0]


@pytest.mark.parametrize("values", [[[1], [2]], [1.0, 2.0], [True, False], np.array([1, 2], np.uint8)])
def test_accepted_forms(values: object) -> None:
    assert len(encode_labels(values, None, "x")[0]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        ([0, 3], ["a", "b", "c"], "label 3 of row 1 has no class name"),
        ([0, -1], ["a", "b"], "label -1 of row 1"),
        (["cat", "emu"], ["cat"], "'emu' is not among the 1 class_names"),
        ([0, 1], ["a", "a"], "two classes are called 'a'"),
        (np.array([b"a"]), None, "Give integers or names"),
        ([0.0, 1.5], None, "label 1.5 of row 1 is not a whole number"),
        ([0.0, np.nan], None, "not a whole number"),
        ([[1, 0], [0, 1]], None, "one integer or name per image"),
        (np.array(["a", None], object), None, "is not a label"),
        (np.array(["2026-01-01"], "datetime64[D]"), None, "Give integers or names"),
    ],
)
def test_refused(values: object, names: list[str] | None, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        encode_labels(values, names, "x")  # type: ignore[arg-type]
