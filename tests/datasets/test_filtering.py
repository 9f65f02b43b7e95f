"""Rows by further columns, against a loop; and what cannot be chosen."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.filtering import (
    filter_columns,
    read_ranges,
    rows_of,
    ticked,
    written,
)
from channelexplorer_dash.datasets.tabled import TabledDataset
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.selection import Only

SEED = [None if row == 7 else row // 2 - 3 for row in range(60)]
SPLIT = ["train", "test", "a, b: c", None] * 15


def tabled() -> Dataset:
    columns = pl.DataFrame(
        {
            "seed": SEED,
            "timestep": [999, 444, 0] * 20,
            "split": SPLIT,
            "kept": [True, False] * 30,
            "score": np.linspace(0, 1, 60),
            "text": [f"text {row}" for row in range(60)],
            "same": [1] * 60,
            "trajectory": range(60),
        }
    )

    class Tabled(TabledDataset):
        def _load(self, row: int) -> None:  # type: ignore[override]
            raise NotImplementedError

    return Tabled(
        name="rows",
        class_names=("a", "b"),
        labels=np.arange(60) % 2,
        sources=pl.Series([str(row) for row in range(60)]),
        digest="d",
        columns=columns,
    )


ROWS = tabled()


@pytest.fixture
def dataset() -> Dataset:
    return ROWS


def test_columns_of_whole_numbers_and_of_few_values_are_offered(dataset: Dataset) -> None:
    found = {column.name: column for column in filter_columns(dataset)}
    assert list(found) == ["seed", "timestep", "split", "kept"]
    assert (found["seed"].values, found["seed"].low, found["seed"].high) == ((), -3, 26)
    assert found["timestep"].values == ("0", "444", "999")
    assert found["split"].values == ("a, b: c", "test", "train") and not found["split"].whole
    assert found["kept"].values == ("false", "true")


@given(st.lists(st.tuples(st.integers(-6, 30), st.integers(-6, 30)), min_size=1, max_size=4))
def test_ranges_keep_what_a_loop_keeps(pairs: list[tuple[int, int]]) -> None:
    text = ", ".join(f"{first}..{last}" for first, last in pairs)
    only = Only("seed", read_ranges("seed", text))
    wanted = [
        row
        for row, seed in enumerate(SEED)
        if seed is not None and any(min(pair) <= seed <= max(pair) for pair in pairs)
    ]
    if wanted:
        assert rows_of(ROWS, (only,)).tolist() == wanted
    assert Only("seed", read_ranges("seed", written(only))) == only


def test_filters_hold_together(dataset: Dataset) -> None:
    only = (Only("timestep", ("0", "400..500")), Only("split", ("a, b: c", "test")))
    found = rows_of(dataset, only).tolist()
    assert found == [row for row in range(60) if row % 3 and SPLIT[row] in {"a, b: c", "test"}]
    assert rows_of(dataset, ()).tolist() == list(range(60))
    assert rows_of(dataset, (Only("kept", ("true",)),)).tolist() == list(range(0, 60, 2))
    columns = {column.name: column for column in filter_columns(dataset)}
    assert ticked(columns["timestep"], only[0]) == ("0", "444")
    assert ticked(columns["split"], only[1]) == ("a, b: c", "test")


@pytest.mark.parametrize("text", ["0-9, 15", "0..9;15", " 0 – 9 , 15", "9-0,15,", "15, 0-9"])
def test_ranges_are_read_as_people_write_them(text: str) -> None:
    assert Only("seed", read_ranges("seed", text)) == Only("seed", ("0..9", "15"))


def test_negative_numbers_are_read(dataset: Dataset) -> None:
    only = Only("seed", read_ranges("seed", "-3--1"))
    assert only.values == ("-3..-1",)
    assert rows_of(dataset, (only,)).tolist() == [0, 1, 2, 3, 4, 5]
    assert read_ranges("seed", " ,") == ()
    # A link may have them as people write them.
    assert rows_of(dataset, (Only("seed", ("-1--3",)),)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("only", "said"),
    [
        (Only("colour", ("red",)), "cannot be chosen by 'colour'. Columns: seed, timestep, split, kept"),
        (Only("label", ("1",)), "cannot be chosen by"),
        (Only("seed", ("ten",)), "is no seed"),
        (Only("seed", ("1..2..3",)), "is no seed"),
        (Only("seed", ("9" * 30,)), "is no seed"),
        (Only("seed", ("100..200",)), "No row of rows is left"),
        (Only("split", ("none",)), "No row of rows is left"),
    ],
)
def test_what_cannot_be_chosen_is_said(dataset: Dataset, only: Only, said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        rows_of(dataset, (only,))
