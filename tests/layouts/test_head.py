from __future__ import annotations

from channelexplorer_dash import ids
from channelexplorer_dash.layouts.head import head_figures
from channelexplorer_dash.layouts.measures_panel import measures_panel
from channelexplorer_dash.results.layers import HeadCollapse, HeadFigure

FIGURES = {
    "nc3": HeadFigure(0.5894, 0.5801, 0.5988, ""),
    "nc4": HeadFigure(None, None, None, "S holds NaN or infinity."),
}


def test_the_section_stands_in_the_panel_of_all_measures_and_is_explained() -> None:
    text = str(measures_panel())
    assert ids.HEAD_SECTION in text and ids.HEAD in text
    assert "Papyan, Han and Donoho 2020" in text and "Help on Neural collapse at the head" in text


def test_a_figure_has_its_interval_and_one_that_is_not_there_says_why() -> None:
    text = str(head_figures(HeadCollapse("fc", 512, 10, FIGURES, 5000, 60000)))
    assert "0.589" in text and "95 % interval 0.580 to 0.599" in text
    assert "–" in text and "S holds NaN or infinity." in text
    assert "Of fc, 512 inputs: 10 classes, 5,000 of 60,000 images." in text


def test_an_interval_that_is_not_known_is_left_out() -> None:
    figures = {"nc3": HeadFigure(0.25, None, None, "")}
    text = str(head_figures(HeadCollapse("fc", 8, 2, figures, 2, 2)))
    assert "0.250" in text and "95 %" not in text and "2 classes, 2 images." in text


def test_a_model_without_a_head_says_why() -> None:
    text = str(head_figures(HeadCollapse(why="Not defined for this model: it has no head.")))
    assert "it has no head" in text and "NC3" not in text
