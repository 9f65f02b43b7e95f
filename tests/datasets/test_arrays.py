"""npz and idx files."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from channelexplorer_dash.datasets.arrays import ArraysDataset
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.idx import read_idx, read_idx_header
from channelexplorer_dash.errors import DatasetError
from tests.datasets.conftest import MAX_PIXELS, arrays_spec

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = np.array([0, 0, 1, 1, 2, 2])


def npz(folder: Path, *, compressed: bool = False, **arrays: Any) -> Path:
    file = folder / "a.npz"
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file


def opened(path: Path, **rest: object) -> ArraysDataset:
    return ArraysDataset(arrays_spec(path, **rest), MAX_PIXELS)


def refusal(path: Path, **rest: object) -> str:
    with pytest.raises(DatasetError) as caught:
        opened(path, **rest)
    return str(caught.value)


def idx_bytes(array: np.ndarray, code: int = 0x08) -> bytes:
    header = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("x", "y"),
        ("X", "Y"),
        ("data", "target"),
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
    ],
)
def test_names_of_the_arrays(tmp_path: Path, images: str, labels: str, compressed: bool) -> None:
    dataset = opened(npz(tmp_path, compressed=compressed, **{images: GREY, labels: LABELS}))
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 6
    assert dataset.labels.tolist() == LABELS.tolist()
    assert dataset.class_names == ("0", "1", "2")
    for i in range(6):
        assert np.array_equal(np.asarray(dataset.image(i)), GREY[i])


def test_splits_are_joined(tmp_path: Path) -> None:
    file = npz(tmp_path, x_test=GREY[:2], y_test=LABELS[:2], x_train=GREY[2:], y_train=LABELS[2:])
    dataset = opened(file)
    assert dataset.table["split"].to_list() == ["train"] * 4 + ["test"] * 2
    assert dataset.table["source"].to_list() == [
        "train 0",
        "train 1",
        "train 2",
        "train 3",
        "test 0",
        "test 1",
    ]
    assert dataset.labels.tolist() == [1, 1, 2, 2, 0, 0]
    assert np.array_equal(np.asarray(dataset.image(0)), GREY[2])
    assert np.array_equal(np.asarray(dataset.image(5)), GREY[1])


@pytest.mark.parametrize(
    "images",
    [
        RGB,
        np.moveaxis(RGB, 3, 1),
        np.asfortranarray(RGB),
        RGB / 255,
        (RGB / 255).astype(np.float32),
        RGB.astype(np.int64),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_layouts_and_types(tmp_path: Path, images: np.ndarray, compressed: bool) -> None:
    dataset = opened(npz(tmp_path, compressed=compressed, x=images, y=LABELS))
    for i in range(6):
        assert dataset.image(i).mode == "RGB"
        assert np.array_equal(np.asarray(dataset.image(i)), RGB[i])


def test_one_channel(tmp_path: Path) -> None:
    for images in (GREY[:, None], GREY[..., None]):
        assert np.array_equal(np.asarray(opened(npz(tmp_path, x=images, y=LABELS)).image(3)), GREY[3])


def test_16_bit(tmp_path: Path) -> None:
    dataset = opened(npz(tmp_path, x=GREY.astype(np.uint16) * 257, y=LABELS))
    assert np.array_equal(np.asarray(dataset.image(3)), GREY[3])


def test_the_scale_is_that_of_all_images(tmp_path: Path) -> None:
    images = np.stack([np.full((4, 4), 0.5), np.full((4, 4), 100.0)])
    dataset = opened(npz(tmp_path, x=images, y=[0, 1]))
    assert np.asarray(dataset.image(0)).max() == 0
    assert np.asarray(dataset.image(1)).max() == 100


def test_class_names(tmp_path: Path) -> None:
    file = npz(tmp_path, x=GREY, y=LABELS, class_names=np.array(["a", "b", "c"]))
    assert opened(file).class_names == ("a", "b", "c")
    assert opened(file, class_names=("d", "e", "f")).class_names == ("d", "e", "f")
    assert "label 2 of row 4 has no class name" in refusal(file, class_names=("d", "e"))


def test_names_as_labels_and_columns_of_labels(tmp_path: Path) -> None:
    assert opened(npz(tmp_path, x=GREY, y=np.array(list("ccbbaa")))).class_names == ("a", "b", "c")
    assert opened(npz(tmp_path, x=GREY, y=LABELS[:, None])).labels.tolist() == LABELS.tolist()


def test_uncompressed_images_are_mapped(tmp_path: Path) -> None:
    dataset = opened(npz(tmp_path, x=GREY, y=LABELS))
    dataset.image(0)
    assert isinstance(dataset._read[0], np.memmap)


def test_digest(tmp_path: Path) -> None:
    before = opened(npz(tmp_path, x=GREY, y=LABELS)).digest
    assert opened(npz(tmp_path, x=GREY, y=LABELS)).digest == before
    other = GREY.copy()
    other[3, 2, 1] ^= 1
    assert opened(npz(tmp_path, x=other, y=LABELS)).digest != before
    assert opened(npz(tmp_path, x=GREY, y=LABELS[::-1])).digest != before


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GREY, "y": LABELS}, "holds pictures, y"),
        ({"x": GREY}, "Name the arrays images and labels"),
        ({"x": GREY, "y": LABELS[:5]}, "6 images have 5 labels"),
        ({"x": GREY, "y": np.int64(3)}, "6 images have 1 labels"),
        ({"x": GREY[0], "y": LABELS}, "5×7"),
        ({"x": RGB[..., :2], "y": LABELS}, "no axis of 1, 3 or 4 channels"),
        ({"x": GREY[:0], "y": LABELS[:0]}, "has no images"),
        ({"x": GREY[:, :0], "y": LABELS}, "no pixels"),
        ({"x": np.zeros((1, 2_000, 2_000), np.uint8), "y": [0]}, "2000 × 2000 pixels"),
        ({"x": GREY.astype(np.complex64), "y": LABELS}, "complex64"),
        ({"x": GREY, "y": np.eye(6)}, "one integer or name per image"),
        ({"x": GREY, "y": np.array(list("abcdef"), object)}, "Python objects"),
        ({"x_train": GREY, "y_train": LABELS, "x_test": RGB, "y_test": LABELS}, "differ in their layout"),
        (
            {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": np.array(list("abcdef"))},
            "type or shape",
        ),
        ({"x_train": GREY, "y_train": np.eye(6), "x_test": GREY, "y_test": np.eye(6, 5)}, "cannot be joined"),
        ({"x": GREY, "y": LABELS, "class_names": np.array(["a", "b", "b"])}, "two classes are called 'b'"),
    ],
)
def test_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    assert message in refusal(npz(tmp_path, **arrays))


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"\x80\x04N."])
def test_no_npz(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    assert "cannot be read as an .npz file" in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_npz(tmp_path: Path, compressed: bool) -> None:
    file = npz(tmp_path, compressed=compressed, x=GREY, y=LABELS)
    file.write_bytes(file.read_bytes()[:-40])
    assert "cannot be read as an .npz file" in refusal(file)


def test_damaged_values_of_a_compressed_npz_are_said_when_they_are_read(tmp_path: Path) -> None:
    file = npz(tmp_path, compressed=True, y=LABELS, x=RNG.integers(0, 256, (6, 40, 40), dtype=np.uint8))
    dataset_bytes = bytearray(file.read_bytes())
    middle = len(dataset_bytes) // 2
    dataset_bytes[middle : middle + 64] = bytes(64)
    file.write_bytes(dataset_bytes)
    dataset = opened(file)
    with pytest.raises(DatasetError, match=r"cannot be read as an \.npz file"):
        dataset.image(0)


def test_missing_files(tmp_path: Path) -> None:
    assert "there is no file of images" in refusal(tmp_path / "no.npz")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "images.idx").write_bytes(idx_bytes(GREY))
    assert "no file of labels" in refusal(tmp_path / "images.idx")


@pytest.mark.parametrize("packed", [False, True])
def test_idx(tmp_path: Path, packed: bool) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    pack = gzip.compress if packed else bytes
    images.write_bytes(pack(idx_bytes(GREY)))
    labels.write_bytes(pack(idx_bytes(LABELS.astype(np.uint8))))
    dataset = opened(images, labels=labels, class_names=("top", "dress", "boot"))
    assert dataset.class_names == ("top", "dress", "boot")
    assert dataset.labels.tolist() == LABELS.tolist()
    for i in range(6):
        assert np.array_equal(np.asarray(dataset.image(i)), GREY[i])
    labels.write_bytes(pack(idx_bytes(LABELS[::-1].astype(np.uint8))))
    assert opened(images, labels=labels).digest != dataset.digest


CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(data=st.data(), kind=st.sampled_from(sorted(CODES)), packed=st.booleans())
def test_idx_gives_back_what_was_written(
    tmp_path: Path, data: st.DataObject, kind: str, packed: bool
) -> None:
    array = data.draw(hnp.arrays(np.dtype(kind), hnp.array_shapes(min_side=0, max_dims=4)))
    file = tmp_path / "a.idx"
    content = idx_bytes(array, CODES[kind])
    file.write_bytes(gzip.compress(content, 1) if packed else content)
    assert read_idx_header(file)[0] == array.shape
    assert np.array_equal(read_idx(file), array, equal_nan=array.dtype.kind == "f")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("keep", [0, 3, 9, 16, 100])
def test_truncated_idx(tmp_path: Path, packed: bool, keep: int) -> None:
    content = idx_bytes(GREY)[:keep]
    (tmp_path / "images").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DatasetError, match=r"cut off|ends within its header|not in idx format"):
        read_idx(tmp_path / "images")


def test_truncated_gzip(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(gzip.compress(idx_bytes(GREY))[:-20])
    with pytest.raises(DatasetError, match=r"cannot be read|cut off"):
        read_idx(tmp_path / "images")


def test_an_idx_header_that_announces_terabytes_allocates_nothing(tmp_path: Path) -> None:
    huge = struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 1_000, 1_000)
    for content in (huge, gzip.compress(huge)):
        (tmp_path / "images").write_bytes(content)
        with pytest.raises(DatasetError, match="cut off"):
            read_idx(tmp_path / "images")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "pwned",))

    buffer = io.BytesIO()
    np.savez(buffer, x=GREY, y=np.array([Trap()] * 6, object))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    assert "Python objects" in refusal(tmp_path / "a.npz")
    assert not (tmp_path / "pwned").exists()
