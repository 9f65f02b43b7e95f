from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from channelexplorer_dash import figures
from channelexplorer_dash.figures import palette, theme
from tests.figures.vision import VISIONS, ciede2000, lab, least_difference, luminance


def test_ciede2000_agrees_with_the_published_pairs() -> None:
    # Sharma, Wu, Dalal 2005, table 1, pairs 1, 7, 13 and 25.
    one = np.array([[50, 2.6772, -79.7751], [50, 0, 0], [50, 2.5, 0], [60.2574, -34.0099, 36.2677]])
    other = np.array([[50, 0, -82.7485], [50, -1, 2], [50, 0, -2.5], [60.4626, -34.1751, 39.4387]])
    np.testing.assert_allclose(ciede2000(one, other), [2.0425, 2.3669, 4.3065, 1.2644], atol=1e-4)


@pytest.mark.parametrize("count", range(2, 11))
@pytest.mark.parametrize("vision", VISIONS)
def test_up_to_ten_classes_are_told_apart_by_everybody(count: int, vision: str) -> None:
    assert least_difference(theme.class_colours(count), vision) > (20 if vision == "normal" else 13)


@pytest.mark.parametrize(("count", "least"), [(20, 7.0), (100, 2.0)])
def test_further_classes_stay_apart(count: int, least: float) -> None:
    for vision in ("normal", "protanopia", "deuteranopia"):
        assert least_difference(theme.class_colours(count), vision) > least


def test_a_thousand_classes_have_a_colour_each() -> None:
    colours = theme.class_colours(1000)
    assert len(set(colours)) == 1000
    assert theme.UNKNOWN not in colours
    assert colours == theme.class_colours(1000)


def test_the_colour_of_a_class_does_not_depend_on_their_number() -> None:
    assert theme.class_colours(300)[:37] == theme.class_colours(37)


def test_more_classes_than_colours_start_over() -> None:
    colours = theme.class_colours(6000)
    assert len(colours) == 6000
    first_again = colours.index(colours[0], 1)
    assert first_again > 1500
    assert colours[first_again + 5] == colours[5]


@pytest.mark.parametrize("background", ["#ffffff", "#15181d"])
def test_class_colours_and_point_colours_stand_out_on_both_themes(background: str) -> None:
    behind = luminance([background])[0]
    colours = [*theme.class_colours(10), theme.CORRECT, theme.WRONG, theme.UNKNOWN, theme.TEXT]
    ahead = luminance([*colours, *(colour for _, colour in theme.POINTS)])
    contrast = (np.maximum(ahead, behind) + 0.05) / (np.minimum(ahead, behind) + 0.05)
    assert contrast.min() > 1.5
    assert contrast[len(colours) - 1] > 3.5, "text falls short where the page's CSS is not there"


@pytest.mark.parametrize("scale", [theme.SEQUENTIAL, theme.POINTS])
@pytest.mark.parametrize("vision", VISIONS)
def test_sequential_scales_get_lighter_for_everybody(scale: theme.ColourScale, vision: str) -> None:
    lightness = lab([colour for _, colour in scale], vision)[:, 0]
    assert (np.diff(lightness) > 0).all()


def test_the_diverging_scale_is_lightest_and_grey_in_its_middle() -> None:
    points = lab([colour for _, colour in theme.DIVERGING], "normal")
    assert points[:, 0].argmax() == len(points) // 2
    assert np.hypot(*points[len(points) // 2, 1:]) < 4


def test_steps_give_every_code_its_colour() -> None:
    colours = theme.class_colours(1000)
    scale = theme.steps(colours)
    at = np.array([position for position, _ in scale])
    assert at[0] == 0.0 and at[-1] == 1.0
    assert (np.diff(at) >= 0).all()
    for code in (0, 1, 499, 999):
        share = (code + 0.5) / 1000
        right = int(np.searchsorted(at, share))
        assert scale[right][1] == scale[right - 1][1] == colours[code]


def test_hex_survives_the_way_there_and_back() -> None:
    colours = ("#000000", "#ffffff", "#2080f1", "#0a0b0c")
    assert palette.to_hex(palette.from_hex(colours)) == colours


def test_no_other_module_names_a_colour() -> None:
    for file in Path(figures.__file__).parent.glob("*.py"):
        if file.name != "theme.py":
            assert not re.search(r"[\"']#[0-9a-fA-F]{3,8}[\"']|rgba?\(", file.read_text(encoding="utf-8")), (
                file
            )
