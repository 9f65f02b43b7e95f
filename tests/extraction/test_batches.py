"""Batches keep the order of the images, leave out what cannot be read, and stay few."""

from __future__ import annotations

import threading

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch import Tensor

from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.batches import batches
from channelexplorer_dash.extraction.inputs import Read

BROKEN = 5


class Numbers:
    """Images of one pixel that holds the number of the image; one of them is broken."""

    def __init__(self, count: int) -> None:
        self.table = pl.DataFrame({"source": [f"file {i}" for i in range(count)]})
        self.name, self.digest, self.class_names, self.notes = "numbers", "", (), ()
        self.labels = np.zeros(count, np.int64)
        self.read: list[int] = []
        self.threads: set[int] = set()

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, image_id: int) -> Image.Image:
        self.read.append(image_id)
        self.threads.add(threading.get_ident())
        if image_id == BROKEN:
            raise DatasetError("broken")
        return Image.new("L", (1, 1), image_id)


def reading(dataset: Numbers) -> Read:
    return lambda number: torch.tensor(np.asarray(dataset.image(number)), dtype=torch.float32)[None]


@pytest.mark.parametrize("size", [1, 3, 4, 64])
@pytest.mark.parametrize("threads", [1, 3])
def test_every_image_once_in_order(monkeypatch: pytest.MonkeyPatch, size: int, threads: int) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    dataset = Numbers(20)
    found = list(batches(dataset, reading(dataset), range(2, 18), size))
    assert [len(b.image_ids) + len(b.left_out) for b in found] == [
        min(size, 16 - first) for first in range(0, 16, size)
    ]
    assert [i for b in found for i in b.image_ids] == [i for i in range(2, 18) if i != BROKEN]
    assert [entry for b in found for entry in b.left_out] == [(BROKEN, "file 5", "broken")]
    for batch in found:
        if batch.images is None:
            assert not batch.image_ids
        else:
            assert batch.images.flatten().tolist() == list(batch.image_ids)
    assert threading.get_ident() not in dataset.threads


def test_the_look_ahead_is_bounded_and_ends_with_the_iterator() -> None:
    dataset = Numbers(200)
    running = batches(dataset, reading(dataset), range(200), 10)
    next(running)
    running.close()
    assert len(dataset.read) <= 30


def test_other_errors_are_raised() -> None:
    def fail(_number: int) -> Tensor:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        next(batches(Numbers(3), fail, range(3), 2))
