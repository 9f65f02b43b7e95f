"""Datasets of the caller's own process, with real torch ones among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.datasets.objects import ObjectDataset
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec
from tests.datasets.conftest import MAX_PIXELS, photo

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = [0, 0, 1, 1, 2, 2]


def opened(items: object, **rest: object) -> ObjectDataset:
    spec = DatasetSpec.model_validate({"name": "mine", "kind": "object", "path": "mine#0", **rest})
    return ObjectDataset(spec, items, MAX_PIXELS)


def refusal(items: object) -> str:
    with pytest.raises(DatasetError) as caught:
        opened(items)
    assert "'mine'" in str(caught.value), "the message names the dataset"
    return str(caught.value)


class Counted(torch.utils.data.Dataset):  # type: ignore[misc]
    """As people write them; counts how often an item is read."""

    def __init__(self, count: int = 300, **attributes: Any) -> None:
        self.count, self.reads = count, 0
        vars(self).update(attributes)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, int]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        self.reads += 1
        return torch.full((1, 4, 4), index / 1_000), index % 3


@pytest.mark.parametrize(
    "convert",
    [
        Image.fromarray,
        lambda x: x,
        lambda x: np.moveaxis(x, 2, 0),
        lambda x: x / 255,
        lambda x: (x / 255).astype(np.float32),
        lambda x: x.astype(np.float32),
        lambda x: x.astype(np.uint16) * 257,
        lambda x: torch.from_numpy(x).permute(2, 0, 1),
        lambda x: torch.from_numpy(x).permute(2, 0, 1) / 255,
        lambda x: torch.from_numpy(x).permute(2, 0, 1).double().div(255).requires_grad_(),
        torch.from_numpy,
    ],
)
def test_images_of_every_form(convert: Any) -> None:
    dataset = opened([(convert(pixels), label) for pixels, label in zip(PIXELS, LABELS, strict=True)])
    assert isinstance(dataset, Dataset)
    assert dataset.labels.tolist() == LABELS
    for i in range(6):
        assert dataset.image(i).mode == "RGB"
        assert np.array_equal(np.asarray(dataset.image(i)), PIXELS[i])


@pytest.mark.parametrize(
    "convert", [lambda x: x, lambda x: torch.from_numpy(x.copy())[None], lambda x: x[..., None]]
)
def test_grey(convert: Any) -> None:
    dataset = opened([(convert(pixels[..., 0]), 0) for pixels in PIXELS])
    assert dataset.image(2).mode == "L"
    assert np.array_equal(np.asarray(dataset.image(2)), PIXELS[2, :, :, 0])


def test_odd_pil_images() -> None:
    dataset = opened([(photo().convert("CMYK"), 0), (photo().convert("RGBA"), 1), (photo().convert("1"), 1)])
    assert [dataset.image(i).mode for i in range(3)] == ["RGB", "RGB", "L"]


@pytest.mark.parametrize(
    "label", [1, 1.0, np.int64(1), np.array(1), torch.tensor(1), torch.tensor([1]), True]
)
def test_labels_of_every_form(label: Any) -> None:
    assert opened([(PIXELS[0], 0), (PIXELS[1], label)]).labels.tolist() == [0, 1]


def test_named_labels() -> None:
    dataset = opened([(PIXELS[0], "dog"), (PIXELS[1], "cat")])
    assert dataset.class_names == ("cat", "dog")


def test_known_labels_spare_reading_every_item() -> None:
    items = Counted(targets=[i % 3 for i in range(300)], classes=["a", "b", "c"])
    dataset = opened(items)
    assert items.reads < 70
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.labels.tolist() == [i % 3 for i in range(300)]


def test_known_labels_that_are_not_what_items_say_are_not_used() -> None:
    items = Counted(targets=torch.zeros(300, dtype=torch.long))
    assert opened(items).labels.tolist() == [i % 3 for i in range(300)]


def test_torch_wrappers() -> None:
    base = Counted(targets=[i % 3 for i in range(300)], classes=["a", "b", "c"])
    subset = torch.utils.data.Subset(base, list(range(5, 295)))
    dataset = opened(torch.utils.data.ConcatDataset([subset, base]))
    assert base.reads < 70
    assert dataset.class_names == ("a", "b", "c")
    assert dataset.labels.tolist() == [i % 3 for i in range(5, 295)] + [i % 3 for i in range(300)]
    assert np.asarray(dataset.image(0))[0, 0] == round(5 / 1_000 * 255)

    tensors = torch.utils.data.TensorDataset(
        torch.from_numpy(PIXELS).permute(0, 3, 1, 2), torch.tensor(LABELS)
    )
    assert opened(tensors).labels.tolist() == LABELS


def test_class_names_of_the_spec_win() -> None:
    assert opened(Counted(classes=["a", "b", "c"]), class_names=("x", "y", "z")).class_names == (
        "x",
        "y",
        "z",
    )


@pytest.mark.parametrize("classes", [["a"], "abc", [1, 2, 3], None, ["a", "a", "b"]])
def test_classes_that_do_not_fit_are_not_used(classes: Any) -> None:
    assert opened(Counted(classes=classes)).class_names == ("0", "1", "2")


def test_digest() -> None:
    items = [(pixels, label) for pixels, label in zip(PIXELS, LABELS, strict=True)]
    before = opened(items).digest
    assert opened(list(items)).digest == before
    assert opened([(255 - items[0][0], 0), *items[1:]]).digest != before
    assert opened([(items[0][0], 1), *items[1:]]).digest != before
    assert opened(items[::-1]).digest != before
    assert opened(items, name="other").digest != before


def test_random_transforms_are_said() -> None:
    class Random(Counted):
        def __getitem__(self, index: int) -> tuple[Any, int]:
            return RNG.integers(0, 256, (4, 4), dtype=np.uint8), 0

    assert any("random transforms" in note for note in opened(Random()).notes)


def test_normalised_images_are_refused_with_a_way_out() -> None:
    message = refusal([(torch.linspace(-2.1, 2.6, 48).reshape(3, 4, 4), 0)])
    assert "-2.1 to 2.6" in message
    assert "leave normalisation out" in message


class Broken(Counted):
    def __getitem__(self, index: int) -> tuple[Any, int]:
        raise RuntimeError("no such shard")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "has no images"),
        (iter([(PIXELS[0], 0)]), "has no length"),
        (3, "has no length"),
        ([PIXELS[0]], "must be (image, label)"),
        ([(PIXELS[0],)], "must be (image, label)"),
        ([("cat.png", 0)], "image of type str"),
        ([(PIXELS[0].astype(complex), 0)], "complex128"),
        ([(PIXELS, 0)], "6×5×7×3"),
        ([(PIXELS[0], None)], "has the label"),
        ([(PIXELS[0], torch.tensor([0, 1]))], "has the label"),
        ([(PIXELS[0], 0.5)], "has the label '0.5'"),
        ([(np.zeros((2_000, 2_000), np.uint8), 0)], "too large: 2000 × 2000"),
        ([(Image.new("L", (2_000, 2_000)), 0)], "too large: 2000 × 2000"),
        (Broken(), "RuntimeError: no such shard"),
    ],
)
def test_refused(items: object, message: str) -> None:
    assert message in refusal(items)


def test_a_truncated_file_behind_a_pil_image(tmp_path: Path) -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8))
    noise.save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:2_000])
    assert "item 0 cannot be decoded" in refusal([(Image.open(tmp_path / "a.jpg"), 0)])
