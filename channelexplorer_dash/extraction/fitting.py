"""How many images a forward pass takes: as many as the settings allow, fewer where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from torch import Tensor

from channelexplorer_dash.extraction.forward import BatchResult
from channelexplorer_dash.extraction.running import BatchTooLargeError
from channelexplorer_dash.models.description import ModelDescription

# An accelerator has no cache to stay inside of, but many units to keep busy.
_ACCELERATOR = 64
_MOST_IMAGES = 256


def batch_size(description: ModelDescription, device_type: str, megabytes: int) -> int:
    """Return the number of images of a batch, a power of two from 1 to 256.

    On a CPU a layer's output is read again, by the next layer and by the summaries, while it is still in the
    cache, if the batch is small; how small depends on the model's largest output. The same settings, model
    and kind of device give the same batches on every machine.

    Parameters
    ----------
    device_type
        As of ``torch.device``.
    megabytes
        What the largest output of a batch may take; on an accelerator 64 times as much.
    """
    largest = max(4 * prod(layer.shape) for layer in description.layers)
    allowed = megabytes * 2**20 * (1 if device_type == "cpu" else _ACCELERATOR) // largest
    return min(_MOST_IMAGES, 1 << max(0, allowed.bit_length() - 1))


class Fitting:
    """Runs batches; from the first that does not fit in memory on, in parts that do.

    Parameters
    ----------
    run
        One forward pass over float32 (B, C, H, W).
    """

    def __init__(self, run: Callable[[Tensor], BatchResult]) -> None:
        self._run = run
        self._most: int | None = None

    def __call__(self, images: Tensor) -> BatchResult:
        """Run a batch; raise BatchTooLargeError where not even one image fits."""
        while True:
            parts = images.split(self._most or len(images))
            try:
                return _joined([self._run(part) for part in parts])
            except BatchTooLargeError:
                if len(parts[0]) == 1:
                    raise
            # Only here, where the failed pass has let go of its memory.
            self._most = (len(parts[0]) + 1) // 2


def _joined(parts: Sequence[BatchResult]) -> BatchResult:
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    logits = [part.logits for part in parts if part.logits is not None]
    return BatchResult(
        summaries={
            layer: {name: np.concatenate([part.summaries[layer][name] for part in parts]) for name in values}
            for layer, values in first.summaries.items()
        },
        logits=np.concatenate(logits) if logits else None,
        non_finite={layer: sum(part.non_finite[layer] for part in parts) for layer in first.non_finite},
        non_finite_logits=sum(part.non_finite_logits for part in parts),
    )
