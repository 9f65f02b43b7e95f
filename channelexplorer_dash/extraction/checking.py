"""Whether the registered models can be built, and on which device: asked in a process of its own.

Reads ``{"models": [spec, …], "device": "auto"}`` from its input and writes one JSON object. Nothing is
downloaded: of weights from the hub it says whether they are on this machine.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from channelexplorer_dash.errors import ChannelExplorerError, ModelError
from channelexplorer_dash.extraction.shards import choose_device
from channelexplorer_dash.models.build import build, find_factory
from channelexplorer_dash.models.checkpoints import read_state
from channelexplorer_dash.models.pipelines import check_pipeline
from channelexplorer_dash.models.torchvision_shim import prepare_torchvision
from channelexplorer_dash.specs import ModelSpec

_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors")


def check_model(spec: ModelSpec) -> dict[str, Any]:
    """Return what a model is, in ``found``, and in ``missing`` what has to be downloaded for it.

    timm's architectures are built, with their checkpoint. A factory is found and not called, since it may
    download what it likes; of a pipeline the folder is looked at.

    Raises
    ------
    ModelError
        If it cannot be built.
    """
    kind, _, rest = spec.source.partition(":")
    if kind == "factory":
        find_factory(spec, rest)
        tensors = f", {len(read_state(spec.checkpoint))} tensors" if spec.checkpoint else ""
        return {"found": f"the factory is there{tensors}.", "missing": ""}
    if kind == "diffusers":
        check_pipeline(spec, rest)
        return {"found": f"a pipeline is in {rest}.", "missing": ""}
    missing = _not_here(spec, rest) if kind == "timm" else ""
    if missing and rest.startswith(("hf-hub:", "hf_hub:")):
        # Even its architecture is on the hub.
        return {"found": "not looked at.", "missing": missing}
    built = build(spec.model_copy(update={"weights": "random"}) if spec.weights == "hub" else spec)
    size = sum(parameter.numel() for parameter in built.module.parameters())
    shape = " × ".join(map(str, built.input_size))
    return {"found": f"{size / 1e6:,.2f} M parameters, takes {shape}.", "missing": missing}


def _not_here(spec: ModelSpec, name: str) -> str:
    """Return what of a model is on the hub alone; "" where all of it is on this machine."""
    import timm
    import torch
    from huggingface_hub import try_to_load_from_cache

    if name.startswith(("hf-hub:", "hf_hub:")):
        repository = name.partition(":")[2].partition("@")[0]
        here = isinstance(try_to_load_from_cache(repository, "config.json"), str)
        return "" if here else repository
    if spec.weights != "hub" or not timm.is_model(name.partition(".")[0]):
        return ""
    if not timm.models.is_model_pretrained(name):
        raise ModelError(
            f"timm has no pretrained weights of {name!r}. Give a checkpoint in `weights`, or 'random'."
        )
    config: Any = timm.get_pretrained_cfg(name)
    if config.hf_hub_id:
        found = (try_to_load_from_cache(config.hf_hub_id, file) for file in _WEIGHT_FILES)
        return "" if any(isinstance(path, str) for path in found) else str(config.hf_hub_id)
    # Some stand with a part of their digest.
    url = config.url if isinstance(config.url, str) else config.url[0]
    file = Path(urlsplit(url).path).name
    return "" if (Path(torch.hub.get_dir()) / "checkpoints" / file).is_file() else url


def check_device(wanted: str) -> dict[str, Any]:
    """Return the device that a setting leads to, by name; raise ModelError where it is not there."""
    import torch

    device = choose_device(wanted)
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"found": f"{device}; GPUs: {', '.join(names) or 'none'} (torch {torch.__version__})."}


def _answered(check: Any, given: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = check(given)
        return found
    except ChannelExplorerError as error:
        return {"problem": str(error)}
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}."}


def main() -> None:
    """Entry point of ``python -m channelexplorer_dash.extraction.checking``."""
    asked = json.load(sys.stdin)
    prepare_torchvision()
    # What libraries and factories print is no part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        models = [_answered(check_model, ModelSpec.model_validate(spec)) for spec in asked["models"]]
        answer = {"models": models, "device": _answered(check_device, asked["device"])}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
