"""Read a checkpoint as tensors and nothing else, and put it into a model that fits it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError

_TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
_NESTED = ("state_dict", "model_state_dict", "model")
# What DistributedDataParallel and torch.compile put before every name.
_WRAPPERS = ("module.", "_orig_mod.")
_SHOWN = 4


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint, on the CPU.

    Parameters
    ----------
    path
        ``.safetensors``, or ``.pt``, ``.pth``, ``.bin`` or ``.ckpt`` as ``torch.save`` writes it, loaded with
        ``weights_only=True`` so that no code in the file runs. The tensors may lie under ``state_dict``,
        ``model_state_dict`` or ``model``; the prefixes ``module.`` and ``_orig_mod.`` are taken off.

    Raises
    ------
    ModelError
        If the file is missing, of another kind, damaged, or holds more than tensors.
    """
    if not path.is_file():
        raise ModelError(f"There is no checkpoint {path}. Check the path in `weights`.")
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        content = _read_safetensors(path)
    elif suffix in _TORCH_SUFFIXES:
        content = _read_torch(path)
    else:
        raise ModelError(
            f"The checkpoint {path} must end in .safetensors, {', '.join(_TORCH_SUFFIXES)}. "
            "Save the model's state_dict() in one of these."
        )
    return _without_wrappers(_unnest(content, path))


def apply_state(module: nn.Module, state: Mapping[str, Tensor], path: Path, architecture: str) -> None:
    """Load ``state`` into ``module``; every parameter and buffer must be there, in its shape.

    ``num_batches_tracked`` may be missing: it has no part in evaluation.

    Raises
    ------
    ModelError
        Naming a few of the keys that are missing, unexpected or of another shape.
    """
    own = module.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    reshaped = [key for key in own if key in state and own[key].shape != state[key].shape]
    if missing or unexpected or reshaped:
        shapes = [f"{key} {_shape(state[key])} for {_shape(own[key])}" for key in reshaped]
        lists = (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
        raise ModelError(
            f"The checkpoint {path} does not fit {architecture}: "
            + "; ".join(f"{what}: {_few(keys)}" for what, keys in lists if keys)
            + f". {_advice(module, own, state, missing, unexpected, reshaped)}"
        )
    # strict=False only lets num_batches_tracked stay away: all else was compared above.
    module.load_state_dict(dict(state), strict=False)


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"The checkpoint {path} is damaged or is not safetensors: {error}. Save it again."
        ) from error


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"The checkpoint {path} holds more than tensors, or is damaged, and was not loaded, since Python "
            "objects in a file can run any code. Load it where you trust it, and save its state_dict() "
            "alone, best as .safetensors."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The checkpoint {path} cannot be read as a torch file ({reason}). "
            "Save it again with torch.save(model.state_dict(), path)."
        ) from error


def _unnest(content: object, path: Path) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _NESTED if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise ModelError(f"The checkpoint {path} holds no state_dict: save model.state_dict().")
    odd = next((key for key, value in content.items() if not isinstance(value, Tensor)), None)
    if odd is not None:
        raise ModelError(
            f"The checkpoint {path} holds {odd!r}, which is not a tensor, beside or instead of a state_dict. "
            "Save model.state_dict() alone."
        )
    return {str(key): value for key, value in content.items()}


def _without_wrappers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while wrapper := next((w for w in _WRAPPERS if all(key.startswith(w) for key in state)), None):
        state = {key.removeprefix(wrapper): value for key, value in state.items()}
    return state


def _advice(
    module: nn.Module,
    own: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    missing: list[str],
    unexpected: list[str],
    reshaped: list[str],
) -> str:
    if reshaped and not missing and not unexpected and set(reshaped) <= _classifier_keys(module):
        count = state[reshaped[0]].shape[0]
        return f"Only the classifier differs: set num_classes = {count} in the model's options."
    if not own.keys() & state.keys():
        return "None of its names are known: it belongs to another architecture. Check `source`."
    return "Check that `source` and `options` (such as num_classes, in_chans) are those it was trained with."


def _classifier_keys(module: nn.Module) -> set[str]:
    config = getattr(module, "pretrained_cfg", None)
    names = (config.get("classifier") if isinstance(config, Mapping) else None) or ()
    names = (names,) if isinstance(names, str) else names
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def _few(keys: Iterable[str]) -> str:
    found = list(keys)
    rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + rest


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
