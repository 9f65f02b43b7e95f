"""Class moments as a table of the store: one row a class, one list a column of numbers per channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from channelexplorer_dash.core.moments import ClassMoments
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.store import schema
from channelexplorer_dash.store.files import Store
from channelexplorer_dash.store.keys import moments_key


def publish_moments(store: Store, summary: str, moments: ClassMoments) -> None:
    """Publish the moments of a summary, whose key is given, beside it."""
    table = pl.DataFrame(
        {
            schema.LABEL: moments.classes,
            schema.COUNT: moments.counts,
            schema.MEAN: _listed(moments.mean),
            schema.M2: _listed(moments.m2),
            schema.MINIMUM: _listed(moments.minimum),
            schema.MAXIMUM: _listed(moments.maximum),
        }
    )
    store.publish_table(moments_key(summary), table, schema.CLASS_MOMENTS)


def read_moments(store: Store, summary: str) -> ClassMoments:
    """Return the moments of all images of a published summary.

    Raises
    ------
    VanishedError
        If the summary is not there (any more).
    DatasetError
        If none of its images could be read.
    """
    table = store.table(moments_key(summary))
    if not len(table):
        raise DatasetError("None of the images could be read. Mend the files, or choose another dataset.")

    def grid(column: str) -> npt.NDArray[Any]:
        return table[column].explode().to_numpy().reshape(len(table), -1)

    return ClassMoments(
        classes=table[schema.LABEL].to_numpy().astype(np.int64),
        counts=table[schema.COUNT].to_numpy(),
        mean=grid(schema.MEAN),
        m2=grid(schema.M2),
        minimum=grid(schema.MINIMUM),
        maximum=grid(schema.MAXIMUM),
    )


def _listed(values: npt.NDArray[Any]) -> pl.Series:
    """Return a matrix as a column of lists, one a row."""
    inner = pl.Float64 if values.dtype == np.float64 else pl.Float32
    return pl.Series(values, dtype=pl.Array(inner, values.shape[1])).cast(pl.List(inner))
