"""Use case: which channels matter for a class, and what happens without them.

``python -m scripts.use_cases.contribution [digits|photos]`` scores the channels of a layer, ablates those
that tell one class best, looks for the channels that tell it from another, and draws these over images of
both. It prints what it finds and writes the picture of ``docs/use-case-contribution.md``.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from channelexplorer_dash.core.arrays import FloatArray, IntArray
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.contributions import Ablated, Groups
from channelexplorer_dash.results.answers import Answer, Ready
from channelexplorer_dash.results.channels import ContrastDetail
from channelexplorer_dash.selection import ChannelMark, View
from channelexplorer_dash.server.media import heat_png
from channelexplorer_dash.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
SHARE = 0.05
DRAWS = 3
NAMED = 6
SIDE, GAP = 84, 4
CHANNELS_DRAWN, IMAGES_DRAWN = 3, 4

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """What is looked at: a layer, the class that may lose, and the one that it is told from."""

    settings: Path
    view: View
    layer: str
    label: str
    other: str


@dataclass(frozen=True)
class Finding:
    """What was found; shares of right answers lost, of the class, of the other classes, and at random.

    ``random`` is what the class loses by as many random channels, the mean of a few draws.
    """

    channels: tuple[int, ...]
    lost: float
    lost_elsewhere: float
    random: float
    logit_change: float
    own_answers: bool
    contrast: ContrastDetail


CASES = {
    "digits": Case(demo_settings_file(), View("digits-resnet", "digits"), "layer3.0", "3", "8"),
    "photos": Case(
        ROOT / "data" / "photos.toml", View("efficientnet-lite0", "photos"), "bn2", "flowers", "fruit"
    ),
}


def find(explorer: Explorer, case: Case) -> Finding:
    """Return what the scorecard, the ablations and the contrast of two classes say."""
    view = case.view
    table = settled(lambda: explorer.scorecard(view, case.layer))
    label, other = (table.class_names.index(name) for name in (case.label, case.other))
    scores = table.class_auroc[:, np.flatnonzero(table.classes == label)[0]]
    count = int(np.ceil(SHARE * table.layer.channels))
    best = np.argsort(-scores, kind="stable")[:count]

    def lost(channels: IntArray) -> tuple[float, float, float, bool]:
        asked = Ablated(case.layer, tuple(channels.tolist()))
        detail = settled(lambda: explorer.ablation(view, asked))
        effect = detail.effect
        drops, own = effect.before - effect.after, effect.classes == label
        logit = float(effect.logit_change[own][0])
        return float(drops[own][0]), float(drops[~own].mean()), logit, detail.own_answers

    generator = np.random.default_rng(0)
    draws = [generator.permutation(table.layer.channels)[:count] for _ in range(DRAWS)]
    named, elsewhere, logit, own_answers = lost(best)
    sample = explorer.sample(view)
    groups = [tuple(sample.image_ids[sample.labels == one].tolist()) for one in (label, other)]
    return Finding(
        channels=tuple(best.tolist()),
        lost=named,
        lost_elsewhere=elsewhere,
        random=float(np.mean([lost(draw)[0] for draw in draws])),
        logit_change=logit,
        own_answers=own_answers,
        contrast=settled(lambda: explorer.contrast(view, Groups(case.layer, *groups))),
    )


def settled(ask: Callable[[], Answer[T]]) -> T:
    """Ask until the answer is there."""
    while True:
        answer = ask()
        if isinstance(answer, Ready):
            return answer.value
        time.sleep(0.1)


def picture(explorer: Explorer, case: Case, detail: ContrastDetail) -> Image.Image:
    """Return typical images of both groups, a row for each of the first channels laid over them."""
    first = detail.image_ids[detail.first][:IMAGES_DRAWN]
    second = detail.image_ids[~detail.first][::-1][:IMAGES_DRAWN]
    images, channels = [*first.tolist(), *second.tolist()], detail.channels[:CHANNELS_DRAWN].tolist()
    step = SIDE + GAP
    width = step * len(images) + 3 * GAP
    drawn = Image.new("RGB", (width, step * (len(channels) + 1) - GAP), "white")
    dataset = explorer.dataset(case.view.dataset)
    for row, channel in enumerate([None, *channels]):
        maps = [None if channel is None else _map(explorer, case, channel, image) for image in images]
        largest = max((float(one.max()) for one in maps if one is not None), default=0.0)
        for column, (image, values) in enumerate(zip(images, maps, strict=True)):
            tile = dataset.image(image).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            if values is not None:
                opened = Image.open(io.BytesIO(heat_png(values / np.float32(largest or 1.0))))
                heat = opened.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
                tile.paste(heat, (0, 0), heat)
            drawn.paste(tile, (column * step + (3 * GAP if column >= len(first) else 0), row * step))
    return drawn


def _map(explorer: Explorer, case: Case, channel: int, image: int) -> FloatArray:
    mark = ChannelMark(case.layer, channel)
    return np.maximum(settled(lambda: explorer.overlay(case.view, mark, image)), np.float32(0))


def main(names: list[str]) -> int:
    """Look at the cases that are named, or at the digits; return the exit status."""
    for name in names or ["digits"]:
        case = CASES[name]
        if not case.settings.exists():
            print(f"Run `make {name}` first.", file=sys.stderr)
            return 2
        flags = {"store": ROOT / "data" / "use-cases", "engine": "inline"}
        explorer = Explorer(load_settings([case.settings], flags=flags))
        try:
            report(name, case, find(explorer, case), explorer)
        finally:
            explorer.close()
    return 0


def report(name: str, case: Case, found: Finding, explorer: Explorer) -> None:
    """Print a finding and write its picture."""
    kept = "its own answers" if found.own_answers else "right answers"
    named = ", ".join(map(str, found.channels[:NAMED]))
    more = "" if len(found.channels) <= NAMED else f" and {len(found.channels) - NAMED} more"
    print(f"{name}, {case.layer}: without the channels {named}{more}, chosen for {case.label},")
    print(f"  {case.label} loses {100 * found.lost:.1f} % of {kept}, its logit {found.logit_change:+.2f};")
    print(f"  the other classes lose {100 * found.lost_elsewhere:.1f} %;")
    print(f"  as many random channels cost {case.label} {100 * found.random:.1f} %.")
    detail = found.contrast
    print(
        f"  {case.label} and {case.other} are told apart by the channels {tuple(detail.channels.tolist())}: "
        f"held-out AUC {detail.auc:.3f} ± {detail.standard_error:.3f}"
    )
    target = ROOT / "docs" / "images" / f"contribution-{name}.png"
    picture(explorer, case, detail).quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"  {target.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
