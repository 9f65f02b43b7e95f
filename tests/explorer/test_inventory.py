"""What there is: a model's names follow the settings, whatever the store has of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.settings import load_settings
from tests.explorer.conftest import settled


def described(store: Path, names: tuple[str, ...] | None) -> ModelDescription:
    settings = load_settings(
        [demo_settings_file()], flags={"store": store, "engine": "inline"}, environment=False
    )
    spec = settings.models[0].model_copy(update={"class_names": names})
    explorer = Explorer(settings.model_copy(update={"models": (spec,)}))
    try:
        return settled(lambda: explorer.describe(spec.name))
    finally:
        explorer.close()


def test_names_are_those_of_the_settings_also_where_the_model_was_described_before(tmp_path: Path) -> None:
    first = described(tmp_path / "store", None)
    assert first.class_names == () and first.outputs == 10
    letters = tuple("abcdefghij")
    assert described(tmp_path / "store", letters).class_names == letters
    with pytest.raises(ModelError, match="10 outputs but 2 class names"):
        described(tmp_path / "store", ("a", "b"))
    assert described(tmp_path / "store", None) == first
