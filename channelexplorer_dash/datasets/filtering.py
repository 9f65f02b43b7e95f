"""Which rows of a dataset take part, by its further columns: timesteps, seeds, splits, prompts and so on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.datasets.base import IMAGE_ID, LABEL, SOURCE, Dataset
from channelexplorer_dash.datasets.generated import TRAJECTORY
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.selection import Only

FEW = 12
"""Values up to which each can be ticked; of more whole numbers, ranges are written."""
_RANGE = re.compile(r"(-?\d{1,18})(?:\s*(?:\.\.|–|-)\s*(-?\d{1,18}))?", re.ASCII)


@dataclass(frozen=True)
class FilterColumn:
    """A column that rows can be chosen by.

    Attributes
    ----------
    values
        Its distinct values as texts, ascending; empty where there are more than :data:`FEW`.
    low, high
        Of whole numbers; None of anything else.
    """

    name: str
    values: tuple[str, ...]
    low: int | None = None
    high: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers."""
        return self.low is not None


def filter_columns(dataset: Dataset) -> tuple[FilterColumn, ...]:
    """Return the columns that rows can be chosen by: of whole numbers, or of a few different values."""
    found = []
    for name in dataset.table.columns:
        # A trajectory is a class and a seed, which can be chosen each.
        if name in {IMAGE_ID, LABEL, SOURCE, TRAJECTORY}:
            continue
        column = dataset.table[name]
        whole = column.dtype.is_integer()
        if not (whole or column.dtype in {pl.String, pl.Boolean, pl.Categorical, pl.Enum}):
            continue
        values = column.drop_nulls().unique().sort()
        if len(values) < 2 or (len(values) > FEW and not whole):
            continue
        few = tuple(map(str, _texts(values))) if len(values) <= FEW else ()
        found.append(FilterColumn(name, few, *((int(values[0]), int(values[-1])) if whole else ())))
    return tuple(found)


def read_ranges(column: str, text: str) -> tuple[str, ...]:
    """Return what a person writes of whole numbers (``0-9, 15``) as the values of an :class:`Only`.

    Raises
    ------
    SelectionError
        If it is neither numbers nor ranges.
    """
    parts = filter(None, (part.strip() for part in re.split(r"[,;]", text)))
    ranges = [_ends(column, part) for part in parts]
    return tuple(str(first) if first == last else f"{first}..{last}" for first, last in ranges)


def ticked(column: FilterColumn, only: Only) -> tuple[str, ...]:
    """Return those of a column's few values that a filter lets through."""
    if not column.whole:
        return tuple(value for value in column.values if value in only.values)
    kept = _within(pl.Series(map(int, column.values), dtype=pl.Int64), only).to_list()
    return tuple(value for value, among in zip(column.values, kept, strict=True) if among)


def written(only: Only) -> str:
    """Return the values of whole numbers as a person writes them, ascending."""
    ordered = sorted(only.values, key=lambda value: _ends(only.column, value))
    return ", ".join(value.replace("..", "–") for value in ordered)


def check_only(dataset: Dataset, only: Iterable[Only]) -> None:
    """Raise SelectionError where a dataset cannot be filtered so."""
    known = {column.name: column for column in filter_columns(dataset)}
    for one in only:
        if one.column not in known:
            names = ", ".join(known) or "none"
            raise SelectionError(
                f"The rows of {dataset.name} cannot be chosen by {one.column[:40]!r}. Columns: {names}."
            )
        if known[one.column].whole:
            for value in one.values:
                _ends(one.column, value)


def rows_of(dataset: Dataset, only: Iterable[Only]) -> npt.NDArray[np.int64]:
    """Return the image ids of the rows that every filter lets through, ascending, int64 (n,).

    A missing value is never let through.

    Raises
    ------
    SelectionError
        If the dataset cannot be filtered so, or no row is left.
    """
    filters = tuple(only)
    check_only(dataset, filters)
    kept = np.ones(len(dataset), bool)
    for one in filters:
        column = dataset.table[one.column]
        kept &= (_within(column, one) if column.dtype.is_integer() else _among(column, one)).to_numpy()
    if not kept.any():
        raise SelectionError(f"No row of {dataset.name} is left. Choose more values in the Dataset View.")
    return np.flatnonzero(kept).astype(np.int64)


def _ends(column: str, text: str) -> tuple[int, int]:
    """Return the first and the last number of a range, or a number twice."""
    matched = _RANGE.fullmatch(text)
    if not matched:
        raise SelectionError(f"{text[:40]!r} is no {column}. Write numbers and ranges, such as 0-9, 15.")
    ends = int(matched[1]), int(matched[2] or matched[1])
    return min(ends), max(ends)


def _within(column: pl.Series, only: Only) -> pl.Series:
    found = pl.repeat(False, len(column), eager=True)
    for value in only.values:
        found |= column.is_between(*_ends(only.column, value)).fill_null(False)
    return found


def _among(column: pl.Series, only: Only) -> pl.Series:
    return pl.Series(_texts(column)).is_in(list(only.values)).fill_null(False)


def _texts(values: pl.Series) -> list[str | None]:
    return values.cast(pl.String).to_list()
