from __future__ import annotations

from typing import get_args

import pytest

from channelexplorer_dash.choices import Measure
from channelexplorer_dash.layouts.honesty import honesty_line
from channelexplorer_dash.layouts.layers_view import profile_rows, profile_status
from channelexplorer_dash.layouts.measures import (
    MEASURES,
    bar_scale,
    figure_text,
    measure_help,
    short_number,
)
from channelexplorer_dash.layouts.measures_panel import apart_note, measure_table
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.layers import LayerFigure, MeasureMatrix, Profile
from channelexplorer_dash.results.views import Honesty
from tests.figures.test_apart import coming_apart

LAYERS = tuple(Layer(name, i, ("block",), "Block", 8, (8, 4, 4), "nchw") for i, name in enumerate("abc"))


def rows(*values: float | None) -> tuple[LayerFigure, ...]:
    return tuple(LayerFigure(layer, value) for layer, value in zip(LAYERS, values, strict=True))


def test_every_measure_is_explained() -> None:
    assert set(MEASURES) == set(get_args(Measure))
    for measure, text in MEASURES.items():
        assert text.formula in str(measure_help(measure))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.954, "0.95"),
        (-0.31, "−0.31"),
        (12.34, "12"),
        (-412.0, "−412"),
        (4321.0, "4321"),
        (43210.0, "4e4"),
        (1e12, "1e12"),
    ],
)
def test_numbers_are_short(value: float | None, shown: str) -> None:
    assert short_number(value) == shown


def test_bars_start_at_0_whatever_the_sign() -> None:
    assert bar_scale("knn", [0.4]).span(0, 0.4) == {"left": "0.0%", "width": "40.0%"}
    assert bar_scale("gdv", [-0.4, -0.1]).span(0, -0.1) == {"left": "75.0%", "width": "25.0%"}
    assert bar_scale("silhouette", [-0.1, 0.3]).span(0, 0.3) == {"left": "25.0%", "width": "75.0%"}
    assert bar_scale("nc1", [0.0, 0.0]).span(0, 0)["width"] == "0.0%"
    # An interval that is wider than the range ends with it.
    assert bar_scale("knn", [0.9]).span(0.8, 1.2) == {"left": "80.0%", "width": "20.0%"}


def test_a_layer_without_a_measure_says_why() -> None:
    row = LayerFigure(LAYERS[0], None, why="NC1 compares classes.")
    assert figure_text("nc1", row) == "NC1 compares classes."
    assert "not known yet" in figure_text("nc1", LayerFigure(LAYERS[0], None))
    profile = Profile((row,), "nc1", 5, None, 10, 10, None)
    assert "NC1 compares classes." in str(profile_rows(profile))
    assert "known" not in str(profile_status(profile))


def test_columns_are_shaded_from_worst_to_best() -> None:
    figures: dict[Measure, tuple[LayerFigure, ...]] = {
        "knn": rows(0.2, 0.6, 1.0),
        "davies_bouldin": rows(4.0, None, 1.0),
        "hubness": rows(1.0, 2.0, 3.0),
    }
    text = str(measure_table(MeasureMatrix(LAYERS, figures, None)))
    assert text.count("is-shade-5") == 2
    assert text.count("is-shade-0") == 2 + 3
    assert "kNN ↑" in text and "DB ↓" in text and "'Hubs'" in text


def test_the_note_says_where_and_how_many() -> None:
    text = str(apart_note(coming_apart()))
    assert "cat and dog: nowhere; 0.50 at the end" in text
    assert "cat and tree: at a;" in text
    assert "The 3 of 5 classes" in text


def test_a_picture_that_lies_is_flagged() -> None:
    honest = Honesty((0.9, 0.92), (0.8, 0.82), 0.95, 100, "umap", ())
    text = str(honesty_line(honest))
    assert "0.90 / 0.92" in text and "0.95" in text and "misleads" not in text
    lying = Honesty((0.5, 0.92), (0.8, 0.82), None, 9, "pca", ("the classes are further apart",))
    text = str(honesty_line(lying))
    assert "misleads" in text and "further apart" in text and "–" in text
