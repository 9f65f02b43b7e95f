"""The whole command, as a person or a program runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from channelexplorer_dash import cli

FLAGS = ["--no-engine", "--store", "store"]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHANNELEXPLORER_PORT", "0")


def run(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    status = cli.main(["doctor", *FLAGS, *flags])
    return status, capsys.readouterr().out


def test_the_demo_is_well_and_nothing_is_changed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out = run(capsys)
    lines = out.splitlines()
    assert status == 0 and lines[-1].startswith("0 problems and ")
    assert {line.split()[0] for line in lines[:-1]} <= {"ok", "warning"}
    assert any(line.startswith("ok       model digits-resnet: ") for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_problems_are_counted_and_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = run(capsys, "--json", "--model", "timm:resnet1800", "--images", "nowhere")
    said = json.loads(out)
    wrong = [one["what"] for one in said["findings"] if one["level"] == "problem"]
    assert status == 1 and wrong == ["dataset nowhere", "model resnet1800"]
    assert said["counts"]["problem"] == 2 and sum(said["counts"].values()) == len(said["findings"])
    assert all(one.keys() == {"level", "what", "found", "hint"} for one in said["findings"])


def test_settings_that_cannot_be_read_end_the_examination(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text('store_quota = 3\nport = "many"\n')
    status, out = run(capsys, "--config", "c.toml")
    assert status == 1
    assert "unknown key 'store_quota'. Did you mean 'store_quota_gb'?" in out
    assert "not examined" in out and "store_quota_gb" in out and "dataset" not in out
    missing = run(capsys, "--config", "gone.toml")[1]
    assert missing.count("no settings file gone.toml") == 1
    # One line for each finding, whatever the message.
    assert {line.split()[0] for line in out.splitlines()[:-1]} == {"ok", "warning", "problem"}
