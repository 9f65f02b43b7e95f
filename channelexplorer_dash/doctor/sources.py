"""The registered datasets and models: can each be opened, and what is not as it should be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.generated import Drawn
from channelexplorer_dash.datasets.registry import open_dataset
from channelexplorer_dash.doctor.finding import Finding, counted
from channelexplorer_dash.errors import ChannelExplorerError, DatasetError
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.specs import DatasetSpec, is_inline_tree
from channelexplorer_dash.store import Store, digest

SAMPLED_IMAGES = 8
"""Images, spread over a dataset, that are decoded to see whether they can be."""

_CHECKING = "channelexplorer_dash.extraction.checking"
_MODEL_SECONDS = 600.0


def check_dataset(settings: Settings, spec: DatasetSpec) -> list[Finding]:
    """Open a dataset, and decode a few of its images."""
    what = f"dataset {spec.name}"
    try:
        with tempfile.TemporaryDirectory(prefix="channelexplorer-") as scratch:
            # What a model draws is looked for in a store; whether it was drawn yet plays no part.
            drawn = Drawn(Store(Path(scratch)), digest(spec.name)) if spec.kind == "generated" else None
            dataset = open_dataset(spec, settings.max_image_pixels, drawn)
    except ChannelExplorerError as error:
        return [Finding("problem", what, str(error))]
    size = f"{counted(len(dataset), 'image')}, {counted(len(dataset.class_names), 'class')}."
    found = [Finding("warning", what, note) for note in dataset.notes]
    if spec.kind != "generated":
        found += _undecoded(dataset, what)
    names = [model.name for model in settings.models]
    if spec.model and spec.model not in names:
        hint = f"Known: {', '.join(names) or 'none'}."
        found.append(Finding("warning", what, f"its model {spec.model!r} is not registered.", hint))
    if spec.tree and not is_inline_tree(spec.tree) and not Path(spec.tree).is_file():
        found.append(Finding("problem", what, f"there is no tree {spec.tree}.", "Check the path in `tree`."))
    return [Finding("ok", what, size), *found]


def _undecoded(dataset: Dataset, what: str) -> list[Finding]:
    """Say which of a few images cannot be decoded; that all of them cannot is a problem."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, SAMPLED_IMAGES).round().astype(int)).tolist()
    messages = []
    for row in rows:
        try:
            dataset.image(row)
        except DatasetError as error:
            messages.append(str(error))
    if not messages:
        return []
    found = f"{len(messages)} of {counted(len(rows), 'image')} cannot be decoded; the first: {messages[0]}"
    return [Finding("problem" if len(messages) == len(rows) else "warning", what, found)]


def check_models(settings: Settings) -> list[Finding]:
    """Build every model in a process of its own, which may import torch, and find the device."""
    asked = {
        "models": [spec.model_dump(mode="json") for spec in settings.models],
        "device": settings.device,
    }
    answer = _asked(asked)
    if isinstance(answer, str):
        hint = "Install ChannelExplorer again with -c constraints.txt, and look at its memory."
        return [Finding("problem", "models", f"torch or a model ended the process: {answer}", hint)]
    found = [
        _judged(f"model {spec.name}", said)
        for spec, said in zip(settings.models, answer["models"], strict=True)
    ]
    return [*found, _judged("device", answer["device"])]


def _asked(question: dict[str, Any]) -> dict[str, Any] | str:
    """Return the answer of the checking process, or the last that it said before it died."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", _CHECKING],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=_MODEL_SECONDS,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    except subprocess.TimeoutExpired:
        return f"no answer for {_MODEL_SECONDS:.0f} seconds."
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return f"exit status {done.returncode}. {last}".strip()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _judged(what: str, said: dict[str, Any]) -> Finding:
    if problem := said.get("problem"):
        return Finding("problem", what, problem)
    if missing := said.get("missing"):
        hint = "Without a connection to the hub, fetch them before, or give a checkpoint in `weights`."
        return Finding("warning", what, f"{said['found']} {missing} will be downloaded.", hint)
    return Finding("ok", what, said["found"])
