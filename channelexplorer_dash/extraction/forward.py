"""One forward pass that reduces every tapped layer on the way and keeps no activation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from channelexplorer_dash.core.arrays import FloatArray
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.extraction.reduce import reduce_activation
from channelexplorer_dash.extraction.running import (
    as_input,
    exclusive,
    first_tensor,
    forward_error,
    out_of_memory,
)
from channelexplorer_dash.models.description import Layer


@dataclass(frozen=True)
class BatchResult:
    """What one batch gives.

    Attributes
    ----------
    summaries
        layer name → summary → float32 (B, C), finite everywhere.
    logits
        float32 (B, K); NaN throughout the row of an image whose largest logit is not finite. None where they
        were not asked for, or the output is not (B, K).
    non_finite
        layer name → how many of its B · C maps held, or summed to, NaN or infinity; their summaries are 0.
    non_finite_logits
        For how many images the largest logit is not finite, so that there is no prediction.
    """

    summaries: Mapping[str, Mapping[str, FloatArray]]
    logits: FloatArray | None
    non_finite: Mapping[str, int]
    non_finite_logits: int = 0


class _Stop(BaseException):
    """Ends a forward pass once every tap is served; no ``except Exception`` of a model can swallow it."""


def run_batch(
    module: nn.Module,
    batch: Tensor,
    taps: Sequence[Layer],
    summaries: Sequence[str],
    output: bool,
    precision: str = "float32",
) -> BatchResult:
    """Run the model as far as its deepest tap and reduce every tapped layer on the way.

    Each output is reduced inside its hook, before any later in-place operation can change it.

    Parameters
    ----------
    module
        In evaluation mode.
    batch
        float32 (B, C, H, W); moved to the device and floating type of the module.
    taps
        Layers of the model's description.
    summaries
        Names of :data:`channelexplorer_dash.choices.Summary`.
    output
        Whether to run to the end and return the logits.
    precision
        ``float32``, or ``bfloat16`` for automatic mixed precision.

    Raises
    ------
    BatchTooLargeError
        If the batch does not fit in memory.
    ModelError
        If the forward pass fails, or does not reach a tapped layer.
    UnknownNameError
        If a summary is unknown.
    """
    reduced: dict[str, Tensor] = {}

    def visit(layer: Layer, activation: Tensor) -> None:
        reduced[layer.name] = reduce_activation(activation, layer, summaries)

    result = visit_layers(module, batch, taps, visit, output=output, precision=precision)
    found: dict[str, Mapping[str, FloatArray]] = {}
    non_finite: dict[str, int] = {}
    for name, tensor in reduced.items():
        # Copied to the host only now: a copy in each hook would make the device wait for it.
        values = tensor.cpu().numpy()
        bad = np.isnan(values[:1]).any(axis=0)
        non_finite[name] = int(bad.sum())
        if non_finite[name]:
            values = np.where(bad, np.float32(0), values)
        found[name] = dict(zip(summaries, values, strict=True))
    logits, bad_logits = _logits(result, len(batch))
    return BatchResult(summaries=found, logits=logits, non_finite=non_finite, non_finite_logits=bad_logits)


def visit_layers(
    module: nn.Module,
    batch: Tensor,
    taps: Sequence[Layer],
    visit: Callable[[Layer, Tensor], None],
    *,
    output: bool = False,
    precision: str = "float32",
) -> Any:
    """Call ``visit`` with each tapped layer's output the moment it is there; stop after the last of them.

    The tensor belongs to the running model: reduce or copy it before returning.

    Returns
    -------
    Any
        The model's output with ``output``, else None.

    Raises
    ------
    ModelError
        If the forward pass fails, or ends without a tapped layer.
    """
    waiting: dict[str, dict[int, Layer]] = defaultdict(dict)
    for tap in taps:
        name, number = split_name(tap.name)
        waiting[name][number] = tap
    open_taps = {tap.name for tap in taps}
    if not open_taps and not output:
        return None
    parts: dict[str, nn.Module] = {}
    for name in waiting:
        try:
            # Looking through all modules for them takes a noticeable part of a small model's pass.
            parts[name] = module.get_submodule(name)
        except AttributeError as error:
            raise _unreached([name]) from error
    calls: Counter[str] = Counter()
    failure: list[Exception] = []

    def hook_for(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _args: Any, result: Any) -> None:
            calls[name] += 1
            layer = waiting[name].get(calls[name])
            tensor = first_tensor(result)
            if layer is None or tensor is None:
                return
            try:
                visit(layer, tensor)
            except Exception as error:
                failure.append(error)
                raise _Stop from error
            open_taps.discard(layer.name)
            if not open_taps and not output:
                raise _Stop

        return hook

    returned: Any = None
    handles = []
    with exclusive(module):
        try:
            handles = [parts[name].register_forward_hook(hook_for(name)) for name in waiting]
            batch = as_input(module, batch)
            with torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                returned = module(batch)
        except _Stop:
            pass
        except Exception as error:
            raise forward_error(error, batch) from error
        finally:
            for handle in handles:
                handle.remove()
    if failure:
        raise forward_error(failure[0], batch) if out_of_memory(failure[0]) else failure[0]
    if open_taps:
        raise _unreached(sorted(open_taps))
    return returned


def split_name(name: str) -> tuple[str, int]:
    """Split a layer's name into the module's path and the number of its call, from 1."""
    path, _, number = name.partition("#")
    return path, int(number or 1)


def _unreached(names: Sequence[str]) -> ModelError:
    return ModelError(
        f"The model did not run the layer {names[0]!r}. Read the model's layers again and choose one of them."
    )


def _logits(result: Any, images: int) -> tuple[FloatArray | None, int]:
    tensor = first_tensor(result)
    if tensor is None or tensor.ndim != 2 or len(tensor) != images or not tensor.is_floating_point():
        return None, 0
    if not tensor.shape[1]:
        return None, 0
    logits: FloatArray = tensor.float().cpu().numpy()
    # NaN anywhere in a row makes its maximum so; a class that is ruled out, by -inf, does not.
    bad = ~np.isfinite(logits.max(axis=1))
    return np.where(bad[:, None], np.float32(np.nan), logits), int(bad.sum())
