"""The embedded digits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits as reference

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.digits import DigitsDataset, held_out, load_digits
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

FIRST_HELD_OUT = [7, 15, 18, 20, 25, 36, 44, 46, 57, 61, 63, 69]


def test_they_are_scikit_learns() -> None:
    images, labels = load_digits()
    theirs = reference()
    assert np.array_equal(labels, theirs.target)
    assert np.array_equal(images, np.rint(theirs.images * 255 / 16))
    assert images.dtype == np.uint8


def test_dataset() -> None:
    dataset = DigitsDataset(DatasetSpec(name="digits", kind="digits"))
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 1797
    assert dataset.class_names == tuple("0123456789")
    assert dataset.table.columns == ["image_id", "label", "source", "split"]
    assert dataset.image(1796).mode == "L"
    assert dataset.image(1796).size == (8, 8)
    assert np.array_equal(np.asarray(dataset.image(7)), load_digits()[0][7])
    assert not dataset.notes
    assert DigitsDataset(DatasetSpec(name="other", kind="digits")).digest == dataset.digest


def test_the_split_is_stratified_and_never_changes() -> None:
    dataset = DigitsDataset(DatasetSpec(name="digits", kind="digits"))
    test = (dataset.table["split"] == "test").to_numpy()
    assert test.sum() == 359
    for digit in range(10):
        assert abs(test[dataset.labels == digit].mean() - 0.2) < 0.01
    # Committed checkpoints were trained on the rest: these rows must stay held out.
    assert np.flatnonzero(test)[:12].tolist() == FIRST_HELD_OUT
    assert not np.array_equal(test, held_out(dataset.labels, seed=1))


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DatasetError, match="pip install scikit-learn"):
        load_digits()


def test_scikit_learn_and_torch_stay_unimported() -> None:
    code = (
        "import sys\n"
        "from channelexplorer_dash.datasets import registry, thumbnails\n"
        "from channelexplorer_dash.specs import DatasetSpec\n"
        "digits = registry.open_dataset(DatasetSpec(name='digits', kind='digits'), 10**6)\n"
        "thumbnails.thumbnail(digits, 0, 64)\n"
        "assert not {'torch', 'sklearn', 'scipy', 'torchvision', 'dash'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
