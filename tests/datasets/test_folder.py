"""Image folders, well-kept and otherwise."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.folder import FolderDataset
from channelexplorer_dash.errors import DatasetError, UnknownNameError
from channelexplorer_dash.specs import DatasetSpec
from tests.datasets.conftest import MAX_PIXELS, folder_spec, photo


def opened(path: Path, **rest: object) -> FolderDataset:
    return FolderDataset(folder_spec(path, **rest), MAX_PIXELS)


def refusal(path: Path, **rest: object) -> str:
    with pytest.raises(DatasetError) as caught:
        opened(path, **rest)
    assert "'pets'" in str(caught.value), "the message names the dataset"
    return str(caught.value)


def sources(dataset: Dataset) -> list[str]:
    return dataset.table["source"].to_list()


def test_classes_and_images_are_in_the_order_of_their_names(pets: Path) -> None:
    dataset = opened(pets)
    assert isinstance(dataset, Dataset)
    assert dataset.class_names == ("axolotl", "cat", "dog")
    assert dataset.labels.tolist() == [0, 1, 1, 1, 2, 2]
    assert sources(dataset)[:2] == ["axolotl/axolotl0.png", "cat/cat0.png"]
    assert dataset.table.schema == {"image_id": pl.UInt32, "label": pl.Int32, "source": pl.String}
    assert dataset.table["image_id"].to_list() == list(range(6))
    assert dataset.table["label"].to_list() == dataset.labels.tolist()
    assert len(dataset) == 6
    assert list(dataset.notes) == []
    assert np.array_equal(np.asarray(dataset.image(2)), np.asarray(photo(seed=1)))
    assert dataset.image(np.int64(2)).size == (20, 12)


def test_labels_cannot_be_changed(pets: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        opened(pets).labels[0] = 1


@pytest.mark.parametrize("image_id", [-1, 6, 10**12])
def test_unknown_image(pets: Path, image_id: int) -> None:
    with pytest.raises(UnknownNameError, match="0 to 5"):
        opened(pets).image(image_id)


def test_hidden_files_are_passed_over_in_silence(pets: Path) -> None:
    (pets / ".git").mkdir()
    (pets / ".DS_Store").touch()
    photo().save(pets / "cat" / ".hidden.png")
    (pets / "cat" / ".cache").mkdir()
    photo().save(pets / "cat" / ".cache" / "x.png")
    assert len(opened(pets)) == 6
    assert not opened(pets).notes


def test_other_files_are_left_out_and_said(pets: Path) -> None:
    (pets / "cat" / "notes.txt").write_text("x")
    (pets / "cat" / "Thumbs.db").touch()
    (pets / "README").touch()
    photo().save(pets / "loose.png")
    dataset = opened(pets)
    assert len(dataset) == 6
    notes = "\n".join(dataset.notes)
    assert "cat/notes.txt" in notes
    assert "1 .txt" in notes
    assert "1 no suffix" in notes
    assert "outside of any class folder, left out: loose.png" in notes


def test_deeper_folders_belong_to_the_class_on_top(pets: Path) -> None:
    (pets / "cat" / "2024" / "june").mkdir(parents=True)
    photo().save(pets / "cat" / "2024" / "june" / "PHOTO.JPG")
    dataset = opened(pets)
    assert dataset.class_names == ("axolotl", "cat", "dog")
    assert dataset.labels[sources(dataset).index("cat/2024/june/PHOTO.JPG")] == 1


def test_links_leading_outside_are_refused(pets: Path, tmp_path: Path) -> None:
    photo().save(tmp_path / "secret.png")
    (tmp_path / "elsewhere").mkdir()
    photo().save(tmp_path / "elsewhere" / "x.png")
    (pets / "cat" / "out.png").symlink_to(tmp_path / "secret.png")
    (pets / "cat" / "broken.png").symlink_to(tmp_path / "nothing.png")
    (pets / "cat" / "sub").symlink_to(tmp_path / "elsewhere")
    (pets / "emu").symlink_to(tmp_path / "elsewhere")
    (pets / "cat" / "loop").symlink_to(pets)
    dataset = opened(pets)
    assert len(dataset) == 6
    notes = "\n".join(dataset.notes)
    assert "lead outside" in notes
    assert "cat/out.png" in notes
    assert "cat/broken.png" in notes
    assert "not followed" in notes
    assert "emu" in notes


def test_links_inside_are_followed(pets: Path) -> None:
    (pets / "cat" / "again.png").symlink_to(pets / "dog" / "dog0.png")
    dataset = opened(pets)
    assert dataset.image(sources(dataset).index("cat/again.png")).size == (20, 12)


def test_the_root_itself_may_be_a_link(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pets)
    dataset = opened(tmp_path / "link")
    assert dataset.digest == opened(pets).digest
    assert dataset.image(0).size == (20, 12)


def test_a_file_replaced_by_a_link_after_opening_is_not_served(pets: Path, tmp_path: Path) -> None:
    photo().save(tmp_path / "secret.png")
    dataset = opened(pets)
    (pets / "axolotl" / "axolotl0.png").unlink()
    (pets / "axolotl" / "axolotl0.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DatasetError, match=r"axolotl/axolotl0\.png .*leads outside"):
        dataset.image(0)
    (pets / "cat").rename(tmp_path / "moved")
    (pets / "cat").symlink_to(tmp_path / "moved")
    with pytest.raises(DatasetError, match="leads outside"):
        dataset.image(1)


def test_a_bad_file_among_good_ones_is_named(pets: Path) -> None:
    (pets / "cat" / "cat1.png").write_bytes((pets / "cat" / "cat1.png").read_bytes()[:60])
    dataset = opened(pets)
    with pytest.raises(DatasetError, match=r"^cat/cat1\.png \(image 2 of dataset 'pets'\)"):
        dataset.image(2)
    assert dataset.image(3).size == (20, 12)


def test_missing(tmp_path: Path) -> None:
    assert "there is no folder" in refusal(tmp_path / "nothing")


def test_no_path() -> None:
    with pytest.raises(DatasetError, match="no folder is given"):
        FolderDataset(DatasetSpec(name="pets", kind="folder"), MAX_PIXELS)


def test_file_instead_of_folder(tmp_path: Path) -> None:
    (tmp_path / "x.zip").touch()
    assert "is a file" in refusal(tmp_path / "x.zip")


def test_empty(tmp_path: Path) -> None:
    assert "is empty or holds no sub-folder" in refusal(tmp_path)


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.txt").touch()
    message = refusal(tmp_path)
    assert "no class folder" in message
    assert "cat/a.txt" in message


def test_images_without_class_folders(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.png")
    assert "one sub-folder per class" in refusal(tmp_path)


def test_empty_class_folder_is_left_out(pets: Path) -> None:
    (pets / "bear").mkdir()
    dataset = opened(pets)
    assert dataset.class_names == ("axolotl", "cat", "dog")
    assert "bear" in "\n".join(dataset.notes)


def test_one_class(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    for i in range(2):
        photo().save(tmp_path / "cat" / f"{i}.png")
    assert any("only one class, 'cat'" in note for note in opened(tmp_path).notes)


def test_one_image(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    photo().save(tmp_path / "cat" / "1.png")
    dataset = opened(tmp_path)
    assert len(dataset) == 1
    assert any("only one image" in note for note in dataset.notes)


def test_unreadable_folder_is_said(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidding(folder: Path) -> object:
        if folder.name == "dog":
            raise PermissionError(folder)
        return scandir(folder)

    # Permission bits do not hold back root, who runs the tests in containers.
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", forbidding)
    dataset = opened(pets)
    assert dataset.class_names == ("axolotl", "cat")
    assert "Not readable, left out: dog." in dataset.notes


def test_class_names_give_the_order(pets: Path) -> None:
    dataset = opened(pets, class_names=("dog", "cat", "emu", "axolotl"))
    assert dataset.labels.tolist() == [0, 0, 1, 1, 1, 3]
    assert dataset.class_names == ("dog", "cat", "emu", "axolotl")
    assert any("'emu'" in note for note in dataset.notes)


def test_class_names_as_titles(pets: Path) -> None:
    dataset = opened(pets, class_names=("Axolotl", "Cat", "Dog"))
    assert dataset.class_names == ("Axolotl", "Cat", "Dog")
    assert dataset.labels.tolist() == [0, 1, 1, 1, 2, 2]


def test_class_names_that_do_not_fit(pets: Path) -> None:
    assert "'axolotl' is not among them" in refusal(pets, class_names=("cat", "dog"))


def test_names_that_are_not_unicode(pets: Path) -> None:
    photo().save(tmp := pets / "cat" / "x.png")
    os.rename(os.fsencode(tmp), os.fsencode(pets / "cat") + b"/caf\xe9\n.png")  # noqa: PTH104 - bytes
    dataset = opened(pets)
    row = sources(dataset).index("cat/caf�\n.png")
    assert dataset.image(row).size == (20, 12)


def test_digest(pets: Path) -> None:
    before = opened(pets).digest
    assert opened(pets).digest == before
    assert opened(pets, class_names=("Axolotl", "Cat", "Dog")).digest == before
    assert opened(pets, class_names=("dog", "cat", "axolotl")).digest != before

    os.utime(pets / "cat" / "cat0.png", ns=(0, 12345))
    touched = opened(pets).digest
    assert touched != before
    (pets / "cat" / "cat0.png").rename(pets / "cat" / "cat9.png")
    renamed = opened(pets).digest
    assert renamed != touched
    (pets / "cat" / "cat9.png").unlink()
    assert opened(pets).digest not in {before, touched, renamed}


def test_fifty_thousand_files_open_quickly(tmp_path: Path) -> None:
    """The target is 50,000 images; a tenth of them keeps the test quick, the time bound is generous."""
    for k in range(10):
        folder = tmp_path / f"class{k}"
        folder.mkdir()
        for i in range(500):
            (folder / f"{i}.png").touch()
    start = time.perf_counter()
    dataset = opened(tmp_path)
    assert len(dataset) == 5_000
    assert time.perf_counter() - start < 3
