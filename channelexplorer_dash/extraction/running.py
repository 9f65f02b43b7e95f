"""What every forward pass here shares: its input, its outputs, and having the module to itself."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError

# How allocators without an exception of their own say that memory is short (a CPU's, Apple's devices').
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory")


class BatchTooLargeError(ModelError):
    """A batch did not fit in memory; fewer images may."""


_guard = threading.Lock()
_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_placed: weakref.WeakSet[nn.Module] = weakref.WeakSet()


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


def out_of_memory(error: Exception) -> bool:
    """Say whether an error means that the memory of a device did not suffice."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )


def place(module: nn.Module, device: torch.device, size: tuple[int, int, int]) -> nn.Module:
    """Move a module to a device, in the memory format in which it runs fastest there.

    Modules with 2-D convolutions run faster with their channels innermost, on CPUs and on GPUs. One that
    cannot (it takes a ``view`` of an output, say) keeps them outermost; one black image shows it.

    Parameters
    ----------
    size
        (C, H, W) of an image.
    """
    module = module.to(device)
    if device.type == "mps" or not any(isinstance(part, nn.Conv2d) for part in module.modules()):
        return module
    with _guard:
        if module in _placed:
            return module
        _placed.add(module)
    # A parameter that is moved in inference mode could never be trained again.
    with exclusive(module), torch.inference_mode(False), torch.no_grad():
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        try:
            module(as_input(module, torch.zeros(1, *size)))
        except RuntimeError:
            module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return module


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
    if out_of_memory(error):
        return BatchTooLargeError(
            f"A batch of {len(batch)} images of {size} does not fit in memory: lower batch_size."
        )
    if isinstance(error, TypeError) and "required positional argument" in str(error):
        return ModelError(
            f"The model asks for more than the images ({reason}). It is called with the batch of images "
            "alone: give the other arguments of `forward` defaults, or register a module that passes them on."
        )
    return ModelError(
        f"The model failed on images of {size} ({reason}). If it takes another size, set "
        "preprocessing.input_size = [channels, height, width]."
    )
