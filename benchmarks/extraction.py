"""Images/s with five summaries of every layer, over the bare forward pass of the same model.

Both run the same batch on the same threads in the same memory format, in turn in one process; a figure is
the median of the ratios of neighbouring runs. The bare pass is also measured in torch's default memory
format and at its own best batch, so that no slow baseline wins a ratio. The naive loop keeps what every hook
sees and then takes the norm of each image and channel in double precision, as the original does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Claim
from channelexplorer_dash.choices import Granularity
from channelexplorer_dash.extraction.fitting import batch_size
from channelexplorer_dash.extraction.forward import run_batch, visit_layers
from channelexplorer_dash.extraction.layers import describe
from channelexplorer_dash.extraction.onepass import SUMMARIES
from channelexplorer_dash.extraction.running import as_input, place
from channelexplorer_dash.extraction.shards import choose_device
from channelexplorer_dash.models.build import BuiltModel, build
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import ModelSpec

RUNS = 7
IMAGES = 16
CASES: tuple[tuple[str, Granularity, float], ...] = (
    ("resnet50", "block", 0.95),
    ("mobilenetv2_100", "block", 0.95),
    ("vit_small_patch16_224", "block", 0.95),
    ("resnet50", "leaf", 0.85),
)
BATCHES = (1, 4, 16, 32)


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes five runs of few images and one batch."""
    device = torch.device(choose_device("auto"))
    threads = torch.get_num_threads()
    print(f"  on {device.type}, {threads} thread{'s' if threads > 1 else ''} of torch", flush=True)
    claims = []
    for name, granularity, goal in CASES[:2] if quick else CASES:
        built = build(ModelSpec(name=name, source=f"timm:{name}"))
        description = describe(built)
        taps = description.at(granularity)
        megabytes = int(Settings.model_fields["batch_memory_mb"].default)
        size = batch_size(description, device.type, megabytes)
        images = size if quick else max(size, IMAGES)
        module = place(built.module, device, built.input_size)
        batch = as_input(module, torch.randn(size, *built.input_size))
        passes = images // size

        def bare(module: nn.Module = module, batch: Tensor = batch, passes: int = passes) -> None:
            with torch.inference_mode():
                for _ in range(passes):
                    module(batch)

        def hooked(
            module: nn.Module = module,
            batch: Tensor = batch,
            taps: Sequence[Layer] = taps,
            passes: int = passes,
        ) -> None:
            for _ in range(passes):
                run_batch(module, batch, taps, SUMMARIES, output=True)

        ratio, rate_bare, rate_hooked = compare(bare, hooked, images, 5 if quick else RUNS)
        what = f"{name}, every {granularity} ({len(taps)} layers)"
        print(f"  {what}: batch {size}, {rate_hooked:.1f} images/s, bare {rate_bare:.1f}", flush=True)
        claims.append(Claim(f"{what}: images/s over the bare forward pass", ratio, goal, "higher"))
        if not quick:
            _beside(built, device, hooked, images)
        if granularity == "block" and name == "resnet50":
            seconds = min(timed(lambda: naive(module, batch[:1], taps)) for _ in range(2))  # noqa: B023
            print(f"    naive loop: {1 / seconds:.2f} images/s", flush=True)
            claims.append(
                Claim(
                    "resnet50, every block: times as fast as the naive loop",
                    rate_hooked * seconds,
                    1,
                    "higher",
                )
            )
    return claims


def timed(work: Callable[[], None]) -> float:
    """Return the seconds that some work takes, until the device has done it."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def compare(
    bare: Callable[[], None], hooked: Callable[[], None], images: int, runs: int
) -> tuple[float, float, float]:
    """Run both in turn, the first of each uncounted: median ratio of rates, and both median rates."""
    bare()
    hooked()
    pairs = []
    for number in range(runs):
        # Each goes first half of the time: what runs second finds a busier machine as often as the other.
        if number % 2:
            second = timed(hooked)
            pairs.append((timed(bare), second))
        else:
            pairs.append((timed(bare), timed(hooked)))
    rates = [images / median(seconds) for seconds in zip(*pairs, strict=True)]
    return median(one / other for one, other in pairs), rates[0], rates[1]


def naive(module: nn.Module, batch: Tensor, taps: Sequence[Layer]) -> None:
    """Keep every activation, then take the norm of each image and channel, one by one."""
    kept: list[Tensor] = []
    visit_layers(module, batch, taps, lambda _layer, output: kept.append(output.clone()), output=True)
    for output in kept:
        for image in output.cpu().numpy().astype(np.float64):
            for channel in image:
                np.linalg.norm(channel)


def _beside(built: BuiltModel, device: torch.device, hooked: Callable[[], None], images: int) -> None:
    """Print the hooked pass beside the bare one at other batches, and in torch's default format."""
    rate = images / median(timed(hooked) for _ in range(3))
    module = built.module
    formats = (("as placed", None), ("default format", torch.contiguous_format))
    for label, memory_format in formats:
        if memory_format is not None:
            module.to(memory_format=memory_format)  # type: ignore[call-overload]
        found = {}
        for size in BATCHES:
            batch = as_input(module, torch.randn(size, *built.input_size))
            with torch.inference_mode():
                module(batch)
                found[size] = size / median(timed(lambda: module(batch)) for _ in range(3))  # noqa: B023
        rates = ", ".join(f"batch {size} {value:.1f}" for size, value in found.items())
        print(
            f"    bare, {label}: {rates} images/s; hooked over the best {rate / max(found.values()):.2f}",
            flush=True,
        )
    print(f"    the device is {device}", flush=True)
