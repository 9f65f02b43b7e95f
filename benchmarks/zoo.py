"""Every timm architecture family: layers, channel axes, dataflow graph, summaries against a reference.

Families are timm's modules (``timm.list_modules``). Of each, members are chosen by code: of those with the
smallest input that names hint to be small, the two with the fewest parameters, counted without memory (on the
meta device). Weights are random, images noise, inputs as small as the model takes.

A member passes when it has layers at all three granularities; the channels of every convolution, linear layer
and norm are as many as its own parameters say, on the axis on which these act; every module that ran is
reached in the dataflow graph, from the image to the output; and the summaries of every layer are those of a
float64 reference that reads the outputs through hooks of its own. A family passes when all its members do.
"""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import Claim

SUMMARIES = ("l2", "rms", "mean", "max_abs", "active_fraction")
SIZES = (64, 128)
MEMBERS, LOOKED_AT = 2, 4
SECOND_AT_MOST = 12e6
LARGE, SHALLOW = 60e6, 2
QUICK = 12
# Parts of names, from small to large: which members are worth counting.
_HINTS = ("atto", "femto", "pico", "nano", "xxs", "xx", "tiny", "mini", "xs", "small", "_s", "0", "1")


@dataclass(frozen=True)
class Member:
    """A model of a family, with its parameters (0 where they cannot be counted)."""

    family: str
    name: str
    parameters: int


def run(*, quick: bool) -> list[Claim]:
    """Try them all; ``quick`` a seeded dozen of families, one member each."""
    import torch

    from channelexplorer_dash.models.torchvision_shim import prepare_torchvision

    warnings.filterwarnings("ignore")
    prepare_torchvision()
    import timm

    torch.set_num_threads(1)
    families = timm.list_modules()
    if quick:
        chosen = np.random.default_rng(0).permutation(len(families))[:QUICK]
        families = [families[at] for at in sorted(chosen)]
    tried, passed, crashed = 0, 0, 0
    failed: list[tuple[str, str]] = []
    for family in families:
        faults = []
        for member in members(family, 1 if quick else MEMBERS):
            start = time.perf_counter()
            why, crash = verdict(member)
            tried += 1
            crashed += crash
            faults += [f"{member.name}: {reason}" for reason in why]
            said = "; ".join(why) or "ok"
            print(
                f"  {family:26} {member.name:44} {member.parameters / 1e6:6.1f} M "
                f"{time.perf_counter() - start:5.1f} s  {said}",
                flush=True,
            )
        passed += not faults
        failed += [(family, fault) for fault in faults]
    print(f"  {tried} models of {len(families)} families; what failed:" + ("" if failed else " nothing"))
    for family, fault in failed:
        print(f"    {family:26} {fault}")
    return [
        Claim("families of which every tried member passes, share", passed / len(families), 0.98, "higher"),
        Claim("models that end in an error nobody foresaw", crashed, 0, "lower"),
        Claim("models tried", tried, QUICK if quick else 60, "higher"),
    ]


def members(family: str, count: int) -> list[Member]:
    """Return the smallest members of a family, at most ``count``; further ones only where they are small."""
    import timm

    names = timm.list_models(module=family)
    # Members made for timm's own tests are smaller than any that somebody uses.
    names = [name for name in names if not name.startswith("test_")] or names
    sizes = {name: _default_size(name) for name in names}
    least = min(sizes.values())
    small = sorted((name for name in names if sizes[name] == least), key=lambda name: (_hint(name), name))
    counted = sorted(
        (Member(family, name, _parameters(name)) for name in small[:LOOKED_AT]),
        key=lambda member: (member.parameters or 10**12, member.name),
    )
    return counted[:1] + [member for member in counted[1:count] if 0 < member.parameters <= SECOND_AT_MOST]


def _hint(name: str) -> int:
    return next((at for at, hint in enumerate(_HINTS) if hint in name), len(_HINTS))


def _default_size(name: str) -> int:
    import timm

    config = timm.get_pretrained_cfg(name)
    return int(max(config.input_size)) if config is not None else 224


def _parameters(name: str) -> int:
    import timm
    import torch

    try:
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in timm.create_model(name).parameters())
    except Exception:
        # Some compute with their own values while they are built.
        return 0


def verdict(member: Member) -> tuple[list[str], bool]:
    """Return what is wrong with a member, and whether it ended in an error nobody foresaw."""
    from channelexplorer_dash.errors import ChannelExplorerError

    try:
        return _faults(member), False
    except ChannelExplorerError as error:
        return [str(error)[:200]], False
    except Exception as error:
        return [f"crash: {type(error).__name__}: {str(error)[:160]}"], True


def _faults(member: Member) -> list[str]:
    built, described = _smallest(member)
    faults = [
        f"no layers of granularity {granularity}"
        for granularity in ("stage", "block", "leaf")
        if not described.at(granularity)
    ]
    outputs, others = _outputs(built, seed=0), _outputs(built, seed=1)
    # What does not change with the images is made from parameters alone, as a table of positions.
    seeing = {name for name, (_, output) in outputs.items() if not bool((output == others[name][1]).all())}
    faults += _layer_faults(built, described, outputs, seeing)
    faults += _axis_faults(described, outputs)
    faults += _graph_faults(described, outputs, seeing)
    return faults + _summary_faults(built, described, outputs)


def _smallest(member: Member) -> tuple[Any, Any]:
    """Build a model at the smallest size that it takes; a large one, where it can be, of two blocks."""
    import timm

    from channelexplorer_dash.errors import ModelError
    from channelexplorer_dash.extraction.layers import describe
    from channelexplorer_dash.models.build import build
    from channelexplorer_dash.specs import ModelSpec

    config = timm.get_pretrained_cfg(member.name)
    channels, default, _ = config.input_size if config is not None else (3, 224, 224)
    fixed = config is not None and config.fixed_input_size
    shallow = [{"depth": SHALLOW}, {}] if member.parameters > LARGE else [{}]
    tries = [
        (size, {**depth, **({"img_size": size} if fixed and size != default else {})})
        for depth in shallow
        for size in (*(size for size in SIZES if size < default), default)
    ]
    for size, options in tries:
        spec = ModelSpec(
            name="zoo",
            source=f"timm:{member.name}",
            options=options,
            preprocessing={"input_size": [channels, size, size]},
        )
        try:
            built = build(spec)
            _wake(built.module)
            return built, describe(built)
        except ModelError:
            if (size, options) == tries[-1]:
                raise
    raise AssertionError("the last try raises")


def _wake(module: Any) -> None:
    """Give values to parameters that begin at, or near, zero: branches behind them would tell nothing."""
    import torch

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim <= 1 or float(parameter.abs().max()) < 1e-3:
                parameter.copy_(parameter + 0.3 * torch.randn(parameter.shape, generator=generator))


def _outputs(built: Any, seed: int) -> dict[str, tuple[Any, Any]]:
    """Return (module, output) by layer name, outputs as they were when their module ended."""
    import torch

    from channelexplorer_dash.extraction.running import first_tensor

    calls: dict[str, int] = {}
    found: dict[str, tuple[Any, Any]] = {}
    handles = []
    for name, part in built.module.named_modules():

        def keep(module: Any, _arguments: Any, output: Any, name: str = name) -> None:
            calls[name] = calls.get(name, 0) + 1
            tensor = first_tensor(output)
            key = name if calls[name] == 1 else f"{name}#{calls[name]}"
            if tensor is not None:
                found[key] = (module, tensor.clone())

        handles.append(part.register_forward_hook(keep))
    with torch.inference_mode():
        built.module(noise(built, seed))
    for handle in handles:
        handle.remove()
    return found


def noise(built: Any, seed: int) -> Any:
    """Return two images of noise, the same for each seed."""
    import torch

    return torch.randn(2, *built.input_size, generator=torch.Generator().manual_seed(seed))


def own_axis(module: Any) -> tuple[int, int] | None:
    """Return (axis, channels) of a module's output from its own parameters, None where they say nothing."""
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.conv import _ConvNd

    if isinstance(module, _ConvNd):
        return 1, module.out_channels
    if isinstance(module, nn.Linear):
        return -1, module.out_features
    if isinstance(module, (_BatchNorm, nn.GroupNorm)):
        return 1, getattr(module, "num_features", getattr(module, "num_channels", 0))
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        first = re.search("2d", type(module).__name__) is not None
        return 1 if first else -1, module.normalized_shape[-1]
    return None


def reference_maps(module: Any, layer: Any, output: Any) -> Any:
    """Return a layer's output as float64 (B, C, positions), from the module's own axis where it has one.

    Positions of one image that are folded into the first axis (windows) are brought back beside each other;
    class and register tokens are left out.
    """
    own = own_axis(module)
    folds = len(output) // 2
    values = output.double().reshape(2, folds, *output.shape[1:])
    axis = own[0] if own else (1 if layer.layout in {"nchw", "dense"} else -1)
    if own and layer.channels != own[1] and layer.channels == output.shape[1]:
        # A linear layer that mixes positions, after a transposition: the channels stay where they were.
        axis = 1
    values = values.movedim(axis if axis < 0 else axis + 1, 1).flatten(2)
    return values[..., layer.prefix_tokens :].numpy()


def _layer_faults(
    built: Any, described: Any, outputs: dict[str, tuple[Any, Any]], seeing: set[str]
) -> list[str]:
    """Return which modules with channels of their own are no layer, though they tell the images apart."""
    layers = {layer.name for layer in described.layers}
    # A norm with its activation inside shows as that activation, whose output is its own.
    outer = {name[:at] for name in outputs for at, letter in enumerate(name) if letter == "."}
    lost = [
        name
        for name, (module, output) in outputs.items()
        if name in seeing - layers - outer - {""}
        and own_axis(module) is not None
        and output.ndim >= 2
        and len(output) % 2 == 0
    ]
    faults = [f"no layer: {len(lost)} of {len(outputs)}: {', '.join(lost[:4])}"] if lost else []
    prefix = getattr(built.module, "num_prefix_tokens", 0)
    tokens = {layer.prefix_tokens for layer in described.layers if layer.layout == "tokens"}
    if prefix and tokens and prefix not in tokens:
        faults.append(f"{prefix} class and register tokens, found {sorted(tokens)}")
    return faults


def _axis_faults(described: Any, outputs: dict[str, tuple[Any, Any]]) -> list[str]:
    wrong = []
    # What a linear layer over positions may leave where it is: channels that others of the model write.
    written = {
        own[1]
        for module, _ in outputs.values()
        if (own := own_axis(module)) is not None and type(module).__name__ != "Linear"
    }
    for layer in described.at("leaf"):
        module, output = outputs[layer.name]
        own = own_axis(module)
        if own is None:
            continue
        axis, channels = own
        is_first = layer.layout in {"nchw", "dense"}
        right = layer.channels == channels and (output.ndim == 2 or (axis == 1) == is_first)
        # Mixes positions: as many outputs as there are positions, beside the channels on axis 1.
        is_linear = type(module).__name__ == "Linear" and output.ndim == 3
        mixes = is_linear and is_first and output.shape[1] in written and output.shape[-1] == channels
        if not right and not mixes:
            wrong.append(f"{layer.name} ({layer.kind} {tuple(output.shape)} as {layer.layout})")
    return [f"axis of {len(wrong)}: {', '.join(wrong[:3])}"] if wrong else []


def _graph_faults(described: Any, outputs: dict[str, tuple[Any, Any]], seeing: set[str]) -> list[str]:
    """Return what the graph lacks: leaves without a node, nodes off the way from the image, an output."""
    graph = described.dataflow
    nodes = graph.nodes
    reached = {0}
    for at, node in enumerate(nodes[1:], 1):
        if reached & set(node.sources):
            reached.add(at)
    calls = {node.name for node in nodes if not node.operation}
    leaves = {
        name
        for name, (module, _) in outputs.items()
        if name and next(module.parameters(recurse=False), None) is not None
    }
    covered = {name for node in nodes for name in node.inside} | calls
    lost = sorted(name for name in leaves if name not in covered)
    layers = {layer.name for layer in described.layers} & seeing
    adrift = [node.name for at, node in enumerate(nodes) if at not in reached and node.name in layers]
    faults = [f"graph: {problem}" for problem in graph.problems]
    faults += [f"graph lacks {len(lost)}: {', '.join(lost[:3])}"] if lost else []
    faults += [f"graph: {len(adrift)} without way from the image: {', '.join(adrift[:3])}"] if adrift else []
    return faults + ([] if set(graph.outputs) & reached else ["graph: no way to the output"])


def _summary_faults(built: Any, described: Any, outputs: dict[str, tuple[Any, Any]]) -> list[str]:
    from channelexplorer_dash.extraction.forward import run_batch

    layers = described.layers
    found = run_batch(built.module, noise(built, seed=0), layers, SUMMARIES, output=False).summaries
    wrong = []
    for layer in layers:
        module, output = outputs[layer.name]
        maps = reference_maps(module, layer, output)
        expected = _reference(maps, dense=layer.layout == "dense")
        scale = np.abs(maps).max() + 1e-30
        for name, values in expected.items():
            tolerance = 1e-6 if name == "active_fraction" else 1e-4 * scale
            got = found[layer.name][name]
            finite = np.isfinite(values)
            if got.shape != values.shape or not np.allclose(
                got[finite], values[finite], rtol=1e-4, atol=tolerance
            ):
                wrong.append(f"{layer.name} {name} {got.shape}")
                break
    return [f"summaries of {len(wrong)} of {len(layers)}: {', '.join(wrong[:3])}"] if wrong else []


def _reference(maps: Any, *, dense: bool) -> dict[str, Any]:
    positive = (maps > 0).mean(-1)
    if dense:
        # A dense output is its own summary.
        return {**dict.fromkeys(SUMMARIES, maps[..., 0]), "active_fraction": positive}
    squares = (maps**2).sum(-1)
    return {
        "l2": np.sqrt(squares),
        "rms": np.sqrt(squares / maps.shape[-1]),
        "mean": maps.mean(-1),
        "max_abs": np.abs(maps).max(-1),
        "active_fraction": positive,
    }
