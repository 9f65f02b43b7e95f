from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pytest

from channelexplorer_dash.errors import UnknownNameError
from channelexplorer_dash.explorer.images import KNOWN, check_images, image_rows, image_table


@dataclass
class Three:
    """Three images of two classes, with a further column that is called as one of ours."""

    name: str = "three"
    class_names: tuple[str, ...] = ("cat", "dog")
    labels: np.ndarray = field(default_factory=lambda: np.array([0, 1, 1]))
    digest: str = "x"
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "image_id": pl.Series([0, 1, 2], dtype=pl.UInt32),
                "label": pl.Series(self.labels, dtype=pl.Int32),
                "source": ["a.png", "b.png", "c.png"],
                "split": ["train", "test", None],
                "prediction": [7, 8, 9],
            }
        )

    def __len__(self) -> int:
        return 3

    def image(self, image_id: int) -> object:
        raise NotImplementedError


PREDICTED = (np.array([1, 1, -1]), np.array([0.75, 0.5, 0.0], np.float32))
IDS = np.array([2, 0, 1])


def test_what_is_known_stands_in_the_order_asked_for() -> None:
    rows = image_rows(Three(), IDS, PREDICTED, ("cat", "dog"), {})
    assert [row.image_id for row in rows] == [2, 0, 1]
    assert [row.label_name for row in rows] == ["dog", "cat", "dog"]
    assert [row.prediction_name for row in rows] == [None, "dog", "dog"]
    assert [row.confidence for row in rows] == [None, 0.75, 0.5]
    assert [row.correct for row in rows] == [None, False, True]
    assert rows[1].columns == {"split": "train", "prediction (dataset)": 7}


def test_outputs_of_other_classes_are_neither_right_nor_wrong() -> None:
    rows = image_rows(Three(), IDS, PREDICTED, ("tabby",), {})
    assert [row.prediction_name for row in rows] == [None, "1", "1"]
    assert [row.correct for row in rows] == [None, None, None]


def test_without_predictions_the_columns_are_there_and_empty() -> None:
    table = image_table(Three(), IDS, None, (), {})
    assert tuple(table.columns[: len(KNOWN)]) == KNOWN
    assert table["prediction"].null_count() == table["correct"].null_count() == 3


def test_no_images_are_an_empty_table() -> None:
    assert len(image_table(Three(), np.zeros(0, np.int64), PREDICTED, ("cat", "dog"), {})) == 0
    assert image_rows(Three(), np.zeros(0, np.int64), PREDICTED, (), {}) == ()


@pytest.mark.parametrize("wrong", [-1, 3])
def test_an_image_that_is_not_there_is_refused(wrong: int) -> None:
    with pytest.raises(UnknownNameError, match=f"no image {wrong}"):
        check_images(Three(), np.array([0, wrong]))
