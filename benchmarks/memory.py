"""Peak memory of an extraction over many images, less that over few: resnet50, every leaf layer.

Each extraction is ``channelexplorer compute`` in a fresh process with the inline engine: decoding, the
forward pass, shards and merging, everything in one process, whose peak resident set is read at its end. The
images are small ones of noise, which the model's own preprocessing enlarges to 224 × 224.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.harness import Claim

FEW, MANY = 200, 2000
QUICK_FEW, QUICK_MANY = 64, 512
QUICK_SIZE = 32
GOAL = 100.0

CHILD = """
import resource, sys
from channelexplorer_dash.cli import main
status = main(["compute", "--config", sys.argv[1], "--granularity", "leaf"])
print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
sys.exit(status)
"""

CONFIG = """
store = "store"
engine = "inline"

[[models]]
name = "resnet50"
source = "timm:resnet50"
preprocessing = {{ input_size = [3, {size}, {size}] }}

[[datasets]]
name = "noise"
kind = "arrays"
path = "noise.npz"
"""


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes fewer and smaller images."""
    few, many, size = (QUICK_FEW, QUICK_MANY, QUICK_SIZE) if quick else (FEW, MANY, 224)
    # Several times, in turn: how much a size differs from itself says what a difference means.
    runs = [(peak(few, size), peak(many, size)) for _ in range(1 if quick else 3)]
    small, large = zip(*runs, strict=True)
    what = f"MB more at peak for {many:,} images than for {few:,} (resnet50, every leaf layer, {size} px)"
    return [Claim(what, median(large) - median(small), GOAL, "lower")]


def peak(images: int, size: int) -> float:
    """Compute every leaf layer in a fresh process; return its largest resident set, MB."""
    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
        np.savez(folder / "noise.npz", images=noise, labels=np.arange(images) % 10)
        (folder / "settings.toml").write_text(CONFIG.format(size=size), encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "-c", CHILD, str(folder / "settings.toml")],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found = next(float(line.split()[1]) for line in ended.stdout.splitlines() if line.startswith("PEAK"))
    print(f"  {images:,} images: {found:.0f} MB", flush=True)
    return found
