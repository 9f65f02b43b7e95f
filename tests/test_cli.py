from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from channelexplorer_dash import cli, load_settings
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.server import progress

SMALL = ["--demo", "--model", "digits-resnet", "--dataset", "digits"]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHANNELEXPLORER_ENGINE", "inline")
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        status = cli.main(arguments)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


COMMANDS = ["", "serve", "compute", "report", "layers", "models", "datasets", "doctor", "gc"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_command_does(capsys: pytest.CaptureFixture[str], command: str) -> None:
    status, out, _ = run(capsys, *command.split(), "--help")
    assert status == 0
    assert "usage: channelexplorer" in out
    assert max(map(len, out.splitlines())) <= 110


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[1].startswith("channelexplorer 0.")


def test_the_demo_is_listed_where_nothing_is_declared(capsys: pytest.CaptureFixture[str]) -> None:
    assert "digits-resnet" in run(capsys, "models")[1]
    assert "digits" in run(capsys, "datasets")[1]


def test_models_and_datasets_of_flags_and_files_are_listed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text('[[datasets]]\nname = "table"\nkind = "table"\npath = "t.csv"')
    (tmp_path / "my photos").mkdir()
    flags = ["--model", "timm:resnet18", "--images", "my photos", "--config", "c.toml"]
    assert [line.split()[0] for line in run(capsys, "models", *flags)[1].splitlines()] == ["name", "resnet18"]
    listed = run(capsys, "datasets", *flags, "--demo")[1]
    assert [line.split("  ")[0] for line in listed.splitlines()] == [
        "name",
        "digits",
        "gan-digits",
        "diffusion-digits",
        "table",
        "my photos",
    ]
    assert str(tmp_path / "t.csv") in listed


def test_the_layers_of_a_model_are_listed_and_nothing_is_left_behind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, _ = run(capsys, "layers", "timm:resnet18")
    assert status == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["layer"] == ["kind", "channels", "shape", "granularity"]
    assert rows["layer3.0"][1:] == ["256", "256×14×14", "block"]
    stages = run(capsys, "layers", "timm:resnet18", "--granularity", "stage")[1]
    assert 3 < len(stages.splitlines()) < len(rows)
    assert list(tmp_path.iterdir()) == []


def test_layers_are_computed_once_and_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["compute", *SMALL, "--layers", "layer1.0", "layer4.0", "--summary", "l2", "rms"]
    status, out, err = run(capsys, *arguments)
    assert status == 0, err
    assert "l2, rms of 2 layers of digits-resnet on digits" in out and str(tmp_path) in out
    # What is published takes the place of what was there: a file of its own.
    kept = {path: path.stat().st_ino for path in tmp_path.rglob("*.npy")}
    assert len(kept) >= 4
    assert run(capsys, *arguments)[0] == 0
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*.npy")} == kept


def test_ctrl_c_cancels_the_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(progress, "time", SimpleNamespace(sleep=interrupted))
        status, _, err = run(capsys, "compute", *SMALL)
    assert status == 130
    assert "stays in the store" in err
    left = Explorer(load_settings([demo_settings_file()]))
    assert left.jobs() == ()
    left.close()


MISTAKES: dict[str, tuple[list[str], str]] = {
    "unknown layer": (["compute", *SMALL, "--layers", "layer9"], "There is no layer 'layer9'"),
    "unknown model": (["compute", "--demo", "--model", "resnet", "--dataset", "digits"], "There is no model"),
    "unknown dataset": (
        ["compute", "--demo", "--model", "digits-resnet", "--dataset", "digit"],
        "Did you mean 'digits' or",
    ),
    "unknown architecture": (["layers", "timm:resnet1800"], "resnet1800"),
    "unregistered model": (["layers", "nothing", "--demo"], "There is no model 'nothing'"),
    "no file": (["models", "--config", "missing.toml"], "There is no settings file"),
    "no folder": (["compute", "--model", "timm:resnet18", "--images", "missing"], "missing"),
    "empty folder": (["compute", "--model", "timm:resnet18", "--images", "empty"], "empty"),
    "no model": (["serve", "--images", "empty"], "No model is declared"),
    "no dataset": (["serve", "--model", "timm:resnet18"], "No dataset is declared"),
    "a port too high": (["serve", "--demo", "--port", "70000"], "port"),
    "an address not ours": (["serve", "--demo", "--host", "192.0.2.1"], "Cannot listen on 192.0.2.1"),
    "weights of nothing": (["models", "--weights", "w.pt"], "--weights goes with"),
    "which model": (["compute", "--demo", "--model", "timm:resnet18", "--dataset", "d"], "dataset"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    arguments, says = MISTAKES[name]
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert says in err and "Traceback" not in err
    assert out == ""


def test_a_missing_checkpoint_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for kind in ("a", "b"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / kind / "1.png")
    arguments: list[Any] = ["--model", "timm:resnet18", "--weights", "w.pt", "--images", "images"]
    status, _, err = run(capsys, "compute", *arguments)
    assert status == 2
    assert "w.pt" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["serve", "--model", "resnet18"], ["serve", "--workers", "0"], ["nothing"], []]
)
def test_argparse_explains_the_rest(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    status, _, err = run(capsys, *arguments)
    assert status == 2 and "usage:" in err
