"""Moments come back from the store as they were."""

from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.core.moments import class_moments
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.store import Store, digest
from channelexplorer_dash.store.moments import publish_moments, read_moments


def test_moments_come_back_to_the_last_bit(tmp_path: Path) -> None:
    store, rows = Store(tmp_path), np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)
    moments = class_moments(rows, np.arange(60) % 4 * 5)
    publish_moments(store, digest("S"), moments)
    found = read_moments(store, digest("S"))
    for name, value in vars(moments).items():
        np.testing.assert_array_equal(getattr(found, name), value)
        assert getattr(found, name).dtype == value.dtype


def test_without_a_readable_image_it_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    publish_moments(store, digest("S"), class_moments(np.full((3, 2), np.nan, np.float32), np.arange(3)))
    with pytest.raises(DatasetError, match="could be read"):
        read_moments(store, digest("S"))
