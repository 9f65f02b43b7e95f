"""Keys of plans are content addresses: results stay found only as long as they stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.extraction.plan import Ablation, Effects, Extraction, ModelRun, plan_from_json
from channelexplorer_dash.settings import load_settings
from channelexplorer_dash.store import digest

SETTINGS = load_settings([demo_settings_file()], environment=False)
IDENTITY = {"source": "timm:resnet10t", "options": {"channels": [8, 16]}, "seed": None}
COMMON: dict[str, Any] = {
    "model": SETTINGS.models[0],
    "identity": IDENTITY,
    "dataset": SETTINGS.datasets[0],
    "dataset_digest": "0123",
    "images": 40,
    "shard_size": 16,
    "batch_size": 8,
    "batch_memory_mb": 32,
    "precision": "float32",
    "device": "cpu",
    "max_image_pixels": 10**6,
}
RUNS: dict[str, tuple[ModelRun, dict[str, Any]]] = {
    "extraction": (
        Extraction(**COMMON, layers=("a", "b"), summaries=("l2", "mean"), output=True),
        {"layers": ["a", "b"], "summaries": ["l2", "mean"], "output": True},
    ),
    "ablation": (
        Ablation(**COMMON, sample="s", layer="b", channels=(1, 2), values=(0.0, 1.5)),
        {"sample": "s", "layer": "b", "channels": [1, 2], "values": [0.0, 1.5]},
    ),
    "effects": (
        Effects(**COMMON, sample="s", layer="b", means="m", targets=(1, -1)),
        {"sample": "s", "layer": "b", "means": "m", "targets": [1, -1]},
    ),
}


@pytest.mark.parametrize("kind", RUNS)
def test_the_key_of_a_run_is_what_it_was_in_earlier_stores(kind: str) -> None:
    run, asked = RUNS[kind]
    # Written out, since whatever is added to it, or taken away, makes every stored result unfindable.
    common = {"what": kind, "model": IDENTITY, "dataset": "0123", "dtype": "float32"}
    assert run.key == digest({**common, **asked})
    other = replace(run, precision="bfloat16")
    assert other.key == digest({**common, **asked, "dtype": "bfloat16"}) != run.key


@pytest.mark.parametrize("kind", RUNS)
def test_how_a_run_is_done_is_no_part_of_its_key(kind: str) -> None:
    run, _ = RUNS[kind]
    changed = {
        "shard_size": 3,
        "batch_size": 1,
        "batch_memory_mb": 1,
        "device": "cuda",
        "max_image_pixels": 9,
    }
    assert replace(run, **changed).key == run.key  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", RUNS)
def test_the_job_board_gives_back_the_same_run(kind: str) -> None:
    run, _ = RUNS[kind]
    again = plan_from_json(json.loads(json.dumps(run.to_json())))
    assert again == run and again.key == run.key and again.label == run.label


def test_a_run_is_cut_into_shards() -> None:
    run, _ = RUNS["ablation"]
    assert run.shards == [(0, 16), (16, 32), (32, 40)] and list(run.starts) == [0, 16, 32]
    assert run.covers == (run.key,)
    extraction, _ = RUNS["extraction"]
    # Every layer's summaries, and the predictions; not the plan itself.
    assert len(set(extraction.covers)) == 5 and extraction.key not in extraction.covers
