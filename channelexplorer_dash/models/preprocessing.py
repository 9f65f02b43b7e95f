"""From an image to a model's input: timm's evaluation transform, with the overrides of the spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from statistics import fmean
from typing import Any

from PIL import Image
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.specs import ModelSpec

_KEYS = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
_CROP_MODES = ("center", "squash", "border")
# What a model takes by its number of input channels.
_IMAGE_MODES = {1: "L", 3: "RGB"}


def resolve_preprocessing(module: nn.Module, spec: ModelSpec) -> dict[str, Any]:
    """Return the preprocessing of a model, JSON-able.

    The overrides of the spec come first, then what the model's own configuration says
    (``timm.data.resolve_model_data_config``), then 224 × 224 with ImageNet's mean and deviation.
    The number of channels is ``in_chans`` of the options, or what the first convolution of a module
    without a configuration takes; a model of one channel gets the mean over the
    colours as its mean and deviation.

    Raises
    ------
    ModelError
        If an override is unknown or not valid, or images of so many channels are not known.
    """
    from timm.data.config import resolve_model_data_config

    given = dict(spec.preprocessing)
    if unknown := sorted(set(given) - set(_KEYS)):
        raise ModelError(
            f"preprocessing of {spec.name!r}: {unknown[0]!r} is not known. Known: {', '.join(_KEYS)}."
        )
    found = resolve_model_data_config(module)
    merged = {key: given.get(key, found[key]) for key in _KEYS}
    if "input_size" in given:
        size = _size(given["input_size"], spec.name)
    else:
        size = _own_size(module, spec, found["input_size"])
    channels = size[0]
    if channels not in _IMAGE_MODES:
        raise ModelError(
            f"The model {spec.name!r} takes images of {channels} channels; only grey (1) and colour (3) are "
            "known. Set preprocessing.input_size = [channels, height, width] if that is not what it takes."
        )
    return {
        "input_size": list(size),
        "mean": _per_channel("mean", given.get("mean"), found["mean"], channels, spec.name),
        "std": _per_channel("std", given.get("std"), found["std"], channels, spec.name),
        "interpolation": _one_of("interpolation", merged["interpolation"], _INTERPOLATIONS, spec.name),
        "crop_pct": _share(merged["crop_pct"], spec.name),
        "crop_mode": _one_of("crop_mode", merged["crop_mode"], _CROP_MODES, spec.name),
    }


def make_transform(preprocessing: Mapping[str, Any]) -> Callable[[Image.Image], Tensor]:
    """Return the transform from an image to float32 (C, H, W), as timm evaluates its models."""
    from timm.data.transforms_factory import create_transform

    evaluate = create_transform(**preprocessing, is_training=False)
    mode = _IMAGE_MODES[preprocessing["input_size"][0]]

    def transform(image: Image.Image) -> Tensor:
        tensor: Tensor = evaluate(image.convert(mode))
        return tensor

    return transform


def _own_size(module: nn.Module, spec: ModelSpec, found: tuple[int, ...]) -> tuple[int, int, int]:
    channels, height, width = found
    if "in_chans" in spec.options:
        channels = int(spec.options["in_chans"])
    elif not hasattr(module, "pretrained_cfg"):
        first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
        channels = first.in_channels if first is not None else channels
    size = spec.options.get("img_size")
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
    return channels, height, width


def _size(given: Any, name: str) -> tuple[int, int, int]:
    try:
        channels, height, width = (int(value) for value in given)
    except (TypeError, ValueError):
        channels = height = width = 0
    if min(channels, height, width) < 1 or max(height, width) > 8192:
        raise ModelError(
            f"preprocessing of {name!r}: input_size must be [channels, height, width], as [3, 224, 224]; "
            f"it is {str(given)[:60]}."
        )
    return channels, height, width


def _per_channel(key: str, given: Any, own: Sequence[float], channels: int, name: str) -> list[float]:
    """Return one number for each channel: those that are given, or else the model's own."""
    # Of several channels one number is a slip, not all of them alike.
    said = [given] if channels == 1 and isinstance(given, int | float) else given
    try:
        values = [float(value) for value in (own if given is None else said)]
    except (TypeError, ValueError):
        values = []
    if channels == 1 and values:
        values = [fmean(values)]
    elif given is None and len(values) == 1:
        values *= channels
    usable = all(isfinite(value) and (key == "mean" or value > 0) for value in values)
    if len(values) != channels or not usable:
        kind = "positive numbers" if key == "std" else "numbers"
        example = ", ".join(["0.5"] * channels)
        raise ModelError(
            f"preprocessing of {name!r}: {key} must be a list of {channels} {kind}, one for each channel, as "
            f"[{example}]; it is {str(own if given is None else given)[:60]}."
        )
    return values


def _one_of(key: str, given: Any, known: tuple[str, ...], name: str) -> str:
    if given not in known:
        raise ModelError(
            f"preprocessing of {name!r}: {key} must be one of {', '.join(known)}; it is {given!r}."
        )
    return str(given)


def _share(given: Any, name: str) -> float:
    if not isinstance(given, (int, float)) or not 0 < given <= 1:
        raise ModelError(
            f"preprocessing of {name!r}: crop_pct must be above 0 and at most 1; it is {given!r}."
        )
    return float(given)
