"""Opening whatever a spec describes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.registry import open_dataset, register_object, resolve_object
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec
from tests.datasets.conftest import MAX_PIXELS, arrays_spec, folder_spec, table_spec


def test_every_kind(pets: Path) -> None:
    images = np.zeros((2, 4, 4), np.uint8)
    np.savez(pets / "a.npz", x=images, y=[0, 1])
    (pets / "t.csv").write_text("path,label\ncat/cat0.png,cat\n")
    token = register_object("mine", list(zip(images, [0, 1], strict=True)))
    specs = [
        folder_spec(pets),
        arrays_spec(pets / "a.npz"),
        table_spec(pets / "t.csv"),
        DatasetSpec(name="digits", kind="digits"),
        DatasetSpec(name="mine", kind="object", path=Path(token)),
    ]
    datasets = [open_dataset(spec, MAX_PIXELS) for spec in specs]
    assert [len(dataset) for dataset in datasets] == [6, 2, 1, 1797, 2]
    assert len({dataset.digest for dataset in datasets}) == 5
    for spec, dataset in zip(specs, datasets, strict=True):
        assert isinstance(dataset, Dataset)
        assert dataset.name == spec.name
        assert dataset.labels.dtype == np.int64
        assert len(dataset.table) == len(dataset) == len(dataset.labels)
        assert dataset.image(0).mode in {"L", "RGB"}


def test_a_dataset_of_ours_is_served_as_it_is(pets: Path) -> None:
    own = open_dataset(folder_spec(pets), MAX_PIXELS)
    spec = DatasetSpec(name="pets", kind="object", path=Path(register_object("pets", own)))
    assert open_dataset(spec, MAX_PIXELS) is own


def test_tokens() -> None:
    first, second = [(0, 0)], [(0, 0)]
    token = register_object("mine", first)
    assert register_object("mine", first) == token
    assert register_object("mine", second) != token
    assert register_object("other", first) != token
    assert resolve_object(token) is first
    with pytest.raises(DatasetError, match="in this process"):
        resolve_object("nothing#0")
    with pytest.raises(DatasetError, match="in this process"):
        open_dataset(DatasetSpec(name="mine", kind="object"), MAX_PIXELS)


@pytest.mark.parametrize("kind", ["folder", "arrays", "table"])
def test_without_a_path(kind: str) -> None:
    with pytest.raises(DatasetError, match="is given"):
        open_dataset(DatasetSpec.model_validate({"name": "x", "kind": kind}), MAX_PIXELS)
