"""Build a model from its spec: the module in evaluation mode, its preprocessing, its class names."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.checkpoints import apply_state, read_state
from channelexplorer_dash.models.preprocessing import make_transform, resolve_preprocessing
from channelexplorer_dash.models.registry import resolve_object
from channelexplorer_dash.models.rows import Rows, rows_of
from channelexplorer_dash.models.torchvision_shim import prepare_torchvision
from channelexplorer_dash.models.unwrap import unwrapped
from channelexplorer_dash.specs import ModelSpec


@dataclass(frozen=True)
class BuiltModel:
    """A model that can run.

    Attributes
    ----------
    module
        In evaluation mode, on the CPU unless a registered module lies elsewhere.
    transform
        Image of any mode → float32 (C, H, W) of ``input_size``.
    preprocessing
        ``input_size``, ``mean``, ``std``, ``interpolation``, ``crop_pct``, ``crop_mode``, JSON-able.
    class_names
        Names of the outputs; empty where they are not known.
    rows
        What the model takes from a row of a generated dataset; None for a model of images alone.
    """

    spec: ModelSpec
    module: nn.Module
    transform: Callable[[Image.Image], Tensor]
    input_size: tuple[int, int, int]
    preprocessing: Mapping[str, Any]
    class_names: tuple[str, ...]
    rows: Rows | None = None


def build(spec: ModelSpec) -> BuiltModel:
    """Build a model.

    Random weights are drawn with ``spec.seed``; the random state of the process stays as it was.

    Raises
    ------
    ModelError
        If the architecture is unknown, its options are wrong, its weights cannot be had or do not fit,
        or its preprocessing is not valid.
    """
    prepare_torchvision()
    kind, _, rest = spec.source.partition(":")
    if kind == "timm":
        module = _from_timm(spec, rest)
    elif kind == "factory":
        module = unwrapped(_from_factory(spec, rest))
    elif kind == "diffusers":
        return _from_pipeline(spec, rest)
    else:
        module = unwrapped(resolve_object(rest).module)
    path = spec.checkpoint
    if path is not None:
        if kind == "object":
            raise ModelError(
                f"The model {spec.name!r} is registered with its weights: it takes no checkpoint."
            )
        apply_state(module, read_state(path), path, rest)
    module.eval()
    if spec.takes in {"latent", "state"}:
        return _of_rows(spec, module, rows_of(module, spec))
    preprocessing = resolve_preprocessing(module, spec)
    channels, height, width = preprocessing["input_size"]
    size = (channels, height, width)
    rows = rows_of(module, spec, size) if spec.takes == "image and class" else None
    return BuiltModel(
        spec=spec,
        module=module,
        transform=make_transform(preprocessing),
        input_size=rows.input_size if rows else size,
        preprocessing=preprocessing,
        class_names=_class_names(spec),
        rows=rows,
    )


def _of_rows(spec: ModelSpec, module: nn.Module, rows: Rows) -> BuiltModel:
    """Return a model that is called with latents or states: no image can be made its input."""

    def refuse(_image: Image.Image) -> Tensor:
        raise ModelError(
            f"The model {spec.name!r} starts from noise, not from images. Choose a generated dataset."
        )

    preprocessing = {"input_size": list(rows.input_size), "takes": spec.takes}
    return BuiltModel(spec, module, refuse, rows.input_size, preprocessing, (), rows)


def _from_pipeline(spec: ModelSpec, folder: str) -> BuiltModel:
    from channelexplorer_dash.models.pipelines import open_pipeline

    module, rows = open_pipeline(spec, folder)
    return _of_rows(spec, module, rows)


def _from_timm(spec: ModelSpec, name: str) -> nn.Module:
    import timm

    hub = spec.weights == "hub"
    on_hub = name.startswith(("hf-hub:", "hf_hub:"))
    if not on_hub and not timm.is_model(name.split(".")[0]):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "timm.list_models() names all."
        raise ModelError(f"timm has no model {name[:80]!r}. {hint}")
    try:
        module: nn.Module = _seeded(
            spec.seed, lambda: timm.create_model(name, pretrained=hub, **spec.options)
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        if hub or on_hub:
            raise ModelError(
                f"The weights of {name!r} could not be had from the hub ({reason}). Check the name and the "
                "connection, or give the path of a downloaded checkpoint in `weights`."
            ) from error
        raise ModelError(
            f"timm could not build {name!r} with the options {dict(spec.options)} ({reason}). Mend `options`."
        ) from error
    return module


def find_factory(spec: ModelSpec, target: str) -> Callable[..., Any]:
    """Return the function that ``<module>:<function>`` names; raise ModelError where there is none."""
    where, _, function = target.partition(":")
    if spec.weights == "hub":
        raise ModelError(
            f"The model {spec.name!r} comes from a factory, which has no hub weights: let the factory load "
            "them, or give the path of a checkpoint in `weights`."
        )
    try:
        factory: Callable[..., Any] = getattr(importlib.import_module(where), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"The factory {target!r} of the model {spec.name!r} cannot be imported: {error}. "
            "Write it as factory:<module>:<function>, with the module on the Python path."
        ) from error
    return factory


def _from_factory(spec: ModelSpec, target: str) -> nn.Module:
    factory = find_factory(spec, target)
    try:
        module = _seeded(spec.seed, lambda: factory(**spec.options))
    except Exception as error:
        raise ModelError(f"The factory {target!r} failed: {type(error).__name__}: {error}.") from error
    if not isinstance(module, nn.Module):
        raise ModelError(f"The factory {target!r} returned a {type(module).__name__}, not a torch.nn.Module.")
    return module


def _seeded(seed: int, make: Callable[[], Any]) -> Any:
    # Parameters are drawn on the CPU: only its generator needs to be forked.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _class_names(spec: ModelSpec) -> tuple[str, ...]:
    if spec.class_names != "imagenet":
        return spec.class_names or ()
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    return tuple(info.index_to_description(index) for index in range(info.num_classes()))
