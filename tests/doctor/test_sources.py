"""Datasets and models, opened as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from channelexplorer_dash import Settings
from channelexplorer_dash.doctor.sources import check_dataset, check_models
from channelexplorer_dash.specs import DatasetSpec, ModelSpec


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for kind in ("a", "b"):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(tmp_path / "images" / kind / f"{number}.png")
    return tmp_path / "images"


def folder(path: Path, **changed: str) -> DatasetSpec:
    return DatasetSpec(name="d", kind="folder", path=path, **changed)  # type: ignore[arg-type]


def test_datasets_of_every_kind_of_the_demo_are_ok(settings: Settings) -> None:
    for spec in settings.datasets:
        (found,) = check_dataset(settings, spec)
        assert found.level == "ok" and "10 classes." in found.found
    assert not settings.store.exists()


def test_a_folder_is_counted_and_what_is_left_out_is_said(settings: Settings, images: Path) -> None:
    (found,) = check_dataset(settings, folder(images))
    assert (found.level, found.found) == ("ok", "6 images, 2 classes.")
    (images / "a" / "notes.doc").touch()
    found, note = check_dataset(settings, folder(images))
    assert (found.level, note.level) == ("ok", "warning") and "notes.doc" in note.found


def test_images_that_cannot_be_decoded_are_said(settings: Settings, images: Path) -> None:
    (images / "a" / "0.png").write_bytes(b"no image")
    _, some = check_dataset(settings, folder(images))
    assert some.level == "warning" and "1 of 6 images" in some.found and "0.png" in some.found
    for file in images.rglob("*.png"):
        file.write_bytes(b"no image")
    _, every = check_dataset(settings, folder(images))
    assert every.level == "problem" and "6 of 6" in every.found


@pytest.mark.parametrize("missing", ["nowhere", "images/a"])
def test_a_dataset_that_cannot_be_opened_is_a_problem(settings: Settings, images: Path, missing: str) -> None:
    (found,) = check_dataset(settings, folder(images.parent / missing))
    assert found.level == "problem" and missing in found.found


def test_a_model_or_tree_that_is_not_there_is_told(settings: Settings, images: Path) -> None:
    _, model, tree = check_dataset(settings, folder(images, model="resnet", tree="nowhere.nwk"))
    assert (model.level, tree.level) == ("warning", "problem")
    assert "digits-resnet" in model.hint and "nowhere.nwk" in tree.found


def test_models_are_looked_at_in_a_process_that_downloads_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    models = (
        settings.models[0],
        ModelSpec(name="hub", source="timm:resnet18", weights="hub"),
        ModelSpec(name="gone", source="timm:resnet18", weights=str(tmp_path / "gone.pt")),
    )
    found = check_models(settings.model_copy(update={"models": models, "device": "cuda:77"}))
    assert [(one.what, one.level) for one in found] == [
        ("model digits-resnet", "ok"),
        ("model hub", "warning"),
        ("model gone", "problem"),
        ("device", "problem"),
    ]
    assert "timm/resnet18.a1_in1k will be downloaded" in found[1].found and found[1].hint
    assert "gone.pt" in found[2].found and "cuda:77" in found[3].found
    assert not list((tmp_path / "hub").glob("**/*.safetensors"))


def test_a_model_that_ends_its_process_is_a_problem(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    spec = ModelSpec(name="m", source="factory:deadly:make")
    (found,) = check_models(settings.model_copy(update={"models": (spec,)}))
    assert found.level == "problem" and "exit status 3" in found.found
