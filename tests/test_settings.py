from __future__ import annotations

from pathlib import Path

import pytest

from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.settings import Settings, load_settings


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_nothing() -> None:
    settings = load_settings()
    assert settings.models == () and settings.datasets == ()
    assert settings.store == (Path.cwd() / ".channelexplorer")


def test_flags_win_over_environment_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.toml", "port = 1000\nbatch_size = 7\nshard_size = 8")
    monkeypatch.setenv("CHANNELEXPLORER_PORT", "2000")
    monkeypatch.setenv("CHANNELEXPLORER_BATCH_SIZE", "9")
    settings = load_settings([file], flags={"port": 3000, "host": None})
    assert (settings.port, settings.batch_size, settings.shard_size, settings.host) == (
        3000,
        9,
        8,
        "127.0.0.1",
    )


def test_environment_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNELEXPLORER_PORT", "2000")
    monkeypatch.setenv("CHANNELEXPLORER_CONFIG", str(tmp_path / "missing.toml"))
    assert load_settings(environment=False).port == 8050


def test_files_of_the_environment_are_read_when_none_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "a.toml", "port = 1000")
    second = write(tmp_path / "b.toml", "batch_size = 3")
    monkeypatch.setenv("CHANNELEXPLORER_CONFIG", f"{first}:{second}")
    assert (load_settings().port, load_settings().batch_size) == (1000, 3)
    assert load_settings([second]).port == 8050


def test_models_of_several_files_are_joined_and_later_values_win(tmp_path: Path) -> None:
    first = write(tmp_path / "a.toml", 'port = 1\n[[models]]\nname = "a"\nsource = "timm:resnet18"')
    second = write(tmp_path / "b.toml", 'port = 2\n[[models]]\nname = "b"\nsource = "timm:resnet18"')
    settings = load_settings([first, second])
    assert [model.name for model in settings.models] == ["a", "b"]
    assert settings.port == 2


def test_paths_of_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = write(
        tmp_path / "deep" / "a.toml",
        """
        store = "results"
        [[models]]
        name = "m"
        source = "timm:resnet18"
        weights = "m.safetensors"
        [[models]]
        name = "r"
        source = "timm:resnet18"
        weights = "random"
        [[datasets]]
        name = "d"
        kind = "table"
        path = "d.csv"
        root = "/images"
        tree = "known.nwk"
        [[datasets]]
        name = "e"
        kind = "digits"
        tree = "(0,(1,7));"
        """,
    )
    settings = load_settings([file])
    folder = tmp_path / "deep"
    assert settings.store == folder / "results"
    assert settings.models[0].weights == str(folder / "m.safetensors")
    assert settings.models[1].weights == "random"
    assert settings.datasets[0].path == folder / "d.csv"
    # A tree that is written out is no path.
    assert settings.datasets[0].tree == str(folder / "known.nwk")
    assert settings.datasets[1].tree == "(0,(1,7));"
    assert settings.datasets[0].root == Path("/images")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1", "prot"),
        ('port = "many"', "port"),
        ("port = 70000", "port"),
        ('[[models]]\nname = "m"\nsource = "hub:m"', "models.0.source"),
        ('[[models]]\nname = "a/b"\nsource = "timm:x"', "models.0.name"),
        ('[[datasets]]\nname = "d"\nkind = "zip"', "datasets.0"),
        ('[[datasets]]\nname = "d"\nkind = "digits"\nclass_names = ["a", "a"]', "differ"),
        ('[[datasets]]\nname = "d"\nkind = "digits"\n[[datasets]]\nname = "d"\nkind = "digits"', "'d'"),
        ("port = ", "cannot be read"),
        ("models = 3", "models"),
        ('datasets = ["x"]', "datasets"),
        ("store = 3", "store"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings([write(tmp_path / "a.toml", text)])


def test_a_missing_or_unreadable_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no settings file"):
        load_settings([tmp_path / "missing.toml"])
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings([tmp_path])
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings([tmp_path / "bytes.toml"])


def test_a_wrong_variable_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNELEXPLORER_PORT", "many")
    with pytest.raises(SettingsError, match="port"):
        load_settings()
    monkeypatch.setenv("CHANNELEXPLORER_PORT", "8050")
    monkeypatch.setenv("CHANNELEXPLORER_MODELS", "not json")
    with pytest.raises(SettingsError, match="models"):
        load_settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 3  # type: ignore[misc]
