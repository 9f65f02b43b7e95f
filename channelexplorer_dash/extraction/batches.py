"""Batches of decoded images, made in other threads while the model runs on this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from channelexplorer_dash.datasets.base import SOURCE, Dataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.extraction.inputs import Read

# Batches that are decoded, or being decoded, beside the one that the model works on: one to go on with at
# once, one in the making.
_AHEAD = 2
# Decoding more than so many images at once does not keep any model busier.
_MOST_THREADS = 8


@dataclass(frozen=True)
class Batch:
    """Images for one forward pass.

    Attributes
    ----------
    image_ids
        Those that could be read, in order.
    images
        Their float32 (B, C, H, W), or None where none could be read.
    left_out
        Of each that could not: its id, its source, and why.
    """

    image_ids: tuple[int, ...]
    images: Tensor | None
    left_out: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class _Part:
    good: list[tuple[int, Tensor]]
    left_out: list[tuple[int, str, str]]


def batches(dataset: Dataset, read: Read, image_ids: Sequence[int], size: int) -> Iterator[Batch]:
    """Read images, batch by batch.

    As many threads as the model may use decode the parts of the next two batches; memory holds no more
    than three batches. Closing the iterator gives up what is not begun.

    Parameters
    ----------
    read
        Row number → float32 (C, H, W), as :func:`channelexplorer_dash.extraction.inputs.reader` gives it.
    size
        Images of a batch; the last one may have fewer.
    """
    threads = max(1, min(_MOST_THREADS, torch.get_num_threads(), size))
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    length = -(-size // threads)

    def begin(ids: Sequence[int]) -> list[Future[_Part]]:
        parts = [ids[first : first + length] for first in range(0, len(ids), length)]
        return [pool.submit(_decode, dataset, read, part) for part in parts]

    ahead: deque[list[Future[_Part]]] = deque()
    try:
        for first in range(0, len(image_ids), size):
            ahead.append(begin(image_ids[first : first + size]))
            if len(ahead) > _AHEAD:
                yield _joined(ahead.popleft())
        while ahead:
            yield _joined(ahead.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _joined(futures: list[Future[_Part]]) -> Batch:
    parts = [future.result() for future in futures]
    good = [pair for part in parts for pair in part.good]
    return Batch(
        image_ids=tuple(image_id for image_id, _ in good),
        images=torch.stack([image for _, image in good]) if good else None,
        left_out=tuple(entry for part in parts for entry in part.left_out),
    )


def _decode(dataset: Dataset, read: Read, image_ids: Sequence[int]) -> _Part:
    part = _Part([], [])
    for image_id in image_ids:
        try:
            part.good.append((image_id, read(image_id)))
        except DatasetError as error:
            part.left_out.append((image_id, str(dataset.table[SOURCE][image_id]), str(error)))
    return part
