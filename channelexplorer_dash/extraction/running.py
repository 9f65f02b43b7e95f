"""What every forward pass here shares: its input, its outputs, and having the module to itself."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError

_guard = threading.Lock()
_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()


def first_tensor(value: object) -> Tensor | None:
    """Return the first tensor of a module's output, looking into tuples, lists and mappings in order."""
    if isinstance(value, Tensor):
        return value
    parts = (
        value.values() if isinstance(value, Mapping) else value if isinstance(value, (tuple, list)) else ()
    )
    return next((tensor for part in parts if (tensor := first_tensor(part)) is not None), None)


def as_input(module: nn.Module, batch: Tensor) -> Tensor:
    """Return ``batch`` on the device and in the floating type of the module's first parameter."""
    weights = next((p for p in module.parameters() if p.is_floating_point()), None)
    return batch if weights is None else batch.to(weights.device, weights.dtype)


@contextmanager
def exclusive(module: nn.Module) -> Iterator[None]:
    """Hold a module alone, without gradients: hooks of one thread must not see another thread's pass."""
    with _guard:
        lock = _locks.setdefault(module, threading.RLock())
    with lock, torch.inference_mode():
        yield


def forward_error(error: Exception, batch: Tensor) -> ModelError:
    """Return the error to show when the forward pass itself fails."""
    size = "×".join(str(n) for n in batch.shape[1:])
    reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    if isinstance(error, torch.OutOfMemoryError):
        return ModelError(
            f"A batch of {len(batch)} images of {size} does not fit in memory: lower batch_size."
        )
    return ModelError(
        f"The model failed on images of {size} ({reason}). If it takes another size, set "
        "preprocessing.input_size = [channels, height, width]."
    )
