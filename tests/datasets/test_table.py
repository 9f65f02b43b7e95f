"""Tables of paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.table import TableDataset
from channelexplorer_dash.errors import DatasetError
from tests.datasets.conftest import MAX_PIXELS, photo, table_spec

PATHS = ["cat/cat0.png", "dog/dog1.png", "axolotl/axolotl0.png"]


def written(folder: Path, name: str = "t.csv", **columns: Any) -> Path:
    rows = pl.DataFrame(columns)
    (rows.write_csv if name.endswith("csv") else rows.write_parquet)(folder / name)
    return folder / name


def opened(path: Path, **rest: object) -> TableDataset:
    return TableDataset(table_spec(path, **rest), MAX_PIXELS)


def refusal(path: Path, **rest: object) -> str:
    with pytest.raises(DatasetError) as caught:
        opened(path, **rest)
    assert "'table'" in str(caught.value), "the message names the dataset"
    return str(caught.value)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_paths_labels_and_further_columns(pets: Path, name: str) -> None:
    dataset = opened(written(pets, name, path=PATHS, label=["cat", "dog", "axolotl"], age=[3, 4, 5]))
    assert isinstance(dataset, Dataset)
    assert dataset.class_names == ("axolotl", "cat", "dog")
    assert dataset.labels.tolist() == [1, 2, 0]
    assert dataset.table.columns == ["image_id", "label", "source", "age"]
    assert dataset.table["source"].to_list() == PATHS
    assert dataset.table["age"].to_list() == [3, 4, 5]
    assert dataset.image(1).size == (20, 12)
    assert not dataset.notes


def test_integer_labels(pets: Path) -> None:
    file = written(pets, path=PATHS, label=[7, 3, 7])
    assert opened(file).labels.tolist() == [1, 0, 1]
    assert opened(file).class_names == ("3", "7")
    named = opened(file, class_names=tuple("abcdefgh"))
    assert named.labels.tolist() == [7, 3, 7]


def test_categorical_labels_and_other_column_names(pets: Path) -> None:
    kinds = pl.Series(["b", "a", "b"], dtype=pl.Categorical)
    file = written(pets, "t.parquet", file=PATHS, kind=kinds, label=[1.5, 2.5, 3.5], source=["x", "y", "z"])
    dataset = opened(file, path_column="file", label_column="kind")
    assert dataset.class_names == ("a", "b")
    assert dataset.table.columns == ["image_id", "label", "source", "label (table)", "source (table)"]


def test_root(pets: Path, tmp_path: Path) -> None:
    file = written(tmp_path, path=PATHS, label=[0, 1, 2])
    assert "looked for in" in refusal(file)
    assert len(opened(file, root=pets)) == 3
    assert "there is no folder" in refusal(file, root=tmp_path / "nothing")


def test_missing_files_are_left_out_and_named(pets: Path) -> None:
    dataset = opened(written(pets, path=[*PATHS, "cat/gone.png", "cat"], label=list("abcde"), age=range(5)))
    assert len(dataset) == 3
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.table["age"].to_list() == [0, 1, 2]
    assert any("2 rows" in note and "cat/gone.png" in note for note in dataset.notes)


def test_many_missing_files_make_a_short_note(pets: Path) -> None:
    gone = [f"cat/{i}.png" for i in range(1_000)]
    dataset = opened(written(pets, path=[*PATHS, *gone], label=["a"] * 1_003))
    assert any("and 980 more" in note and len(note) < 500 for note in dataset.notes)


def test_all_missing(pets: Path) -> None:
    message = refusal(written(pets, path=["x.png", "y.png"], label=[0, 1]))
    assert "none of the 2 files exists (x.png, y.png)" in message
    assert "Set root" in message


def test_rows_without_path_or_label(pets: Path) -> None:
    dataset = opened(written(pets, path=[*PATHS, None, PATHS[0]], label=["a", "b", None, "a", "b"]))
    assert len(dataset) == 3
    assert any("2 rows without path or label" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "outside", ["../secret.png", "cat/../../secret.png", "/etc/passwd", "..", "{tmp}/secret.png"]
)
def test_paths_leading_outside_are_refused(pets: Path, tmp_path: Path, outside: str) -> None:
    photo().save(tmp_path / "secret.png")
    file = written(pets, path=[*PATHS, outside.format(tmp=tmp_path)], label=list("abcd"))
    message = refusal(file)
    assert "lead outside" in message
    assert "Set root" in message


def test_a_root_that_contains_them_allows_them(pets: Path, tmp_path: Path) -> None:
    photo().save(tmp_path / "other.png")
    paths = ["pets/cat/../dog/dog1.png", str(tmp_path / "other.png")]
    dataset = opened(written(pets, path=paths, label=[0, 1]), root=tmp_path)
    assert dataset.table["source"].to_list() == ["pets/dog/dog1.png", "other.png"]
    assert dataset.image(0).size == dataset.image(1).size == (20, 12)


def test_absolute_paths_below_a_root_that_is_a_link(pets: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pets)
    file = written(tmp_path, path=[str(tmp_path / "link" / path) for path in PATHS], label=list("abc"))
    dataset = opened(file, root=tmp_path / "link")
    assert dataset.table["source"].to_list() == PATHS


def test_links_leading_outside_are_refused(pets: Path, tmp_path: Path) -> None:
    photo().save(tmp_path / "secret.png")
    (pets / "cat" / "out.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "elsewhere").mkdir()
    photo().save(tmp_path / "elsewhere" / "x.png")
    (pets / "sub").symlink_to(tmp_path / "elsewhere")
    for path in ("cat/out.png", "sub/x.png"):
        assert "lead outside" in refusal(written(pets, path=[*PATHS, path], label=list("abcd")))


def test_links_inside_are_followed(pets: Path) -> None:
    (pets / "again.png").symlink_to(pets / "dog" / "dog0.png")
    assert opened(written(pets, path=["again.png"], label=["a"])).image(0).size == (20, 12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    parts=st.lists(st.sampled_from(["..", ".", "", "cat", "dog", "cat0.png", "secret.png", "/"]), max_size=6)
)
def test_no_path_ever_serves_a_file_outside(pets: Path, parts: list[str]) -> None:
    photo(3, 3).save(pets.parent / "secret.png")
    try:
        dataset = opened(written(pets, path=["/".join(parts), PATHS[0]], label=["a", "b"]))
    except DatasetError:
        return
    assert all(dataset.image(row).size == (20, 12) for row in range(len(dataset)))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"file": PATHS, "label": [0, 1, 2]},
            "no column 'path' for the path. It has file, label: set path_column",
        ),
        ({"path": PATHS, "kind": [0, 1, 2]}, "no column 'label' for the label"),
        ({"path": PATHS, "label": [0.5, 1, 2]}, "not a whole number"),
        ({"path": pl.Series([], dtype=pl.String), "label": pl.Series([], dtype=pl.Int64)}, "has no images"),
        ({"path": [None], "label": ["a"]}, "has no images"),
    ],
)
def test_refused(pets: Path, columns: dict[str, Any], message: str) -> None:
    assert message in refusal(written(pets, **columns))


def test_unusable_files(pets: Path) -> None:
    assert "there is no table" in refusal(pets / "no.csv")
    assert "is a folder" in refusal(pets)
    for name, content, message in [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"path,label\n\xff\xfe\xe9,1\n", "cannot be read"),
        ("t.csv", b"path,label\na.png,1,2,3\n", "cannot be read"),
        ("t.parquet", b"hello", "cannot be read"),
        ("t.xlsx", b"hello", "neither .csv nor .parquet"),
    ]:
        (pets / name).write_bytes(content)
        assert message in refusal(pets / name)
    assert "does not hold text" in refusal(written(pets, "t.parquet", path=[1, 2], label=[1, 2]))


@pytest.mark.parametrize("name", ["t[1].csv", "t[1].parquet", "*.csv"])
def test_names_of_tables_are_no_patterns(pets: Path, name: str) -> None:
    written(pets, "t1.csv", path=PATHS[:1], label=["a"])
    assert len(opened(written(pets, name, path=PATHS, label=list("abc")))) == 3


def test_a_file_as_root(pets: Path) -> None:
    file = written(pets, path=PATHS, label=list("abc"))
    assert "Give as root the folder" in refusal(file, root=file)


def test_paths_that_look_like_numbers(pets: Path) -> None:
    photo().save(pets / "007", "PNG")
    dataset = opened(written(pets, path=["007"], label=["a"]))
    assert dataset.table["source"].to_list() == ["007"]


def test_digest(pets: Path) -> None:
    first = opened(written(pets, path=PATHS, label=list("abc")))
    assert opened(written(pets, "t.parquet", path=PATHS, label=list("abc"))).digest == first.digest
    assert opened(written(pets, path=PATHS, label=list("acb"))).digest != first.digest
    assert opened(written(pets, path=PATHS[::-1], label=list("abc"))).digest != first.digest
    photo(30, 30).save(pets / PATHS[0])
    assert opened(written(pets, path=PATHS, label=list("abc"))).digest != first.digest
