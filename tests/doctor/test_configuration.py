"""Settings files, variables, and what they let others do."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelexplorer_dash import Settings
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.doctor.configuration import (
    check_declared,
    check_environment,
    check_exposure,
    check_file,
    settings_files,
)


def test_files_come_from_the_command_line_or_else_the_environment() -> None:
    environment = {"CHANNELEXPLORER_CONFIG": "a.toml:b.toml"}
    assert settings_files([], environment) == [Path("a.toml"), Path("b.toml")]
    assert settings_files([Path("c.toml")], environment) == [Path("c.toml")]
    assert settings_files([], {}) == []


def test_a_good_file_is_ok() -> None:
    (found,) = check_file(demo_settings_file())
    assert found.level == "ok"


def test_every_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        'store_quota = 3\nstore = "s"\n[[models]]\nname = "m"\nsource = "timm:resnet18"\nweight = "w.pt"\n'
        '[[datasets]]\nname = "d"\nkind = "digits"\nzzzz = 1\n'
    )
    found = check_file(file)
    assert [(one.level, one.found, one.hint) for one in found] == [
        ("problem", "unknown key 'store_quota'.", "Did you mean 'store_quota_gb'?"),
        ("problem", "unknown key 'models.weight'.", "Did you mean 'weights'?"),
        ("problem", "unknown key 'datasets.zzzz'.", "Remove it."),
    ]


@pytest.mark.parametrize(
    ("text", "said"), [(None, "no settings file"), ("a = ", "cannot be read"), ("models = 3", "[[models]]")]
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "c.toml"
    if text is not None:
        file.write_text(text)
    (found,) = check_file(file)
    assert found.level == "problem" and said in found.found


def test_a_file_that_everybody_may_write_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("port = 1\n")
    file.chmod(0o646)
    (found,) = check_file(file)
    assert found.level == "problem" and "chmod o-w" in found.hint


def test_a_variable_that_is_no_setting_is_told() -> None:
    assert check_environment({"CHANNELEXPLORER_PORT": "1", "CHANNELEXPLORER_CONFIG": "a"}).level == "ok"
    found = check_environment({"CHANNELEXPLORER_PROT": "1"})
    assert found.level == "warning" and "CHANNELEXPLORER_PROT" in found.found and "_PORT" in found.hint


def test_a_model_and_a_dataset_are_needed(settings: Settings) -> None:
    assert check_declared(settings).level == "ok"
    assert check_declared(settings.model_copy(update={"datasets": ()})).level == "problem"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"host": "0.0.0.0"}, "no login"),
        ({"host": "explorer.example.org"}, "no login"),
        ({"engine": "tcp://10.0.0.5:8786"}, "runs any code"),
        ({"engine": "inline"}, "within the web process"),
    ],
)
def test_settings_that_open_the_server_are_warned_of(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    (found,) = check_exposure(Settings(store=tmp_path / "store", **changed))
    assert found.level == "warning" and said in found.found and found.hint


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_alone_is_safe(tmp_path: Path, host: str) -> None:
    settings = Settings(store=tmp_path, host=host, engine="tcp://127.0.0.1:8786")
    assert [one.level for one in check_exposure(settings)] == ["ok"]


def test_a_store_or_an_engine_that_others_may_use_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "engine" / "scheduler.json"
    file.parent.mkdir()
    file.write_text("{}")
    file.chmod(0o600)
    assert [one.level for one in check_exposure(Settings(store=tmp_path))] == ["ok"]
    file.chmod(0o644)
    tmp_path.chmod(0o777)
    found = check_exposure(Settings(store=tmp_path))
    assert [one.level for one in found] == ["problem", "problem"]
    assert "results" in found[0].found and "engine" in found[1].found
