from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from channelexplorer_dash.figures.heatmap import SCORES, heatmap_figure
from channelexplorer_dash.figures.theme import DIVERGING, class_colours
from channelexplorer_dash.results.views import Heatmap
from tests.figures.wire import all_finite, decode, sent, trace


def test_cells_map_to_channels_and_images(heatmap: Heatmap) -> None:
    figure = sent(heatmap_figure(heatmap))
    meta, cells = figure["layout"]["meta"], trace(figure, "matrix")
    assert [int(name) for name in cells["y"]] == heatmap.channels.tolist() == meta["channels"]
    assert figure["layout"]["yaxis"]["type"] == "category"
    assert figure["layout"]["yaxis"]["categoryarray"] == cells["y"]
    assert meta["image_ids"] == heatmap.sample.image_ids.tolist()
    levels = decode(cells["z"])
    assert levels.dtype == np.uint8 and levels.shape == (40, 300)
    assert np.corrcoef(levels.ravel(), heatmap.values.ravel())[0, 1] > 0.999
    assert "40 of 64 channels" in meta["alt"] and "300 of 1,797 images" in meta["alt"]
    assert all_finite(figure)


def test_bars_show_the_statistic_of_their_row(heatmap: Heatmap) -> None:
    bars = trace(sent(heatmap_figure(heatmap)), "statistic")
    assert [int(name) for name in bars["y"]] == heatmap.channels.tolist()
    np.testing.assert_allclose(decode(bars["x"]), heatmap.statistic, rtol=1e-6)


def test_unsorted_channels_have_no_bars(heatmap: Heatmap) -> None:
    figure = sent(heatmap_figure(replace(heatmap, sorting="none")))
    assert "statistic" not in [t["name"] for t in figure["data"]]


def test_a_statistic_that_is_not_finite_has_no_length(heatmap: Heatmap) -> None:
    statistic = np.where(np.arange(40) == 3, np.nan, heatmap.statistic)
    figure = sent(heatmap_figure(replace(heatmap, statistic=statistic)))
    assert decode(trace(figure, "statistic")["x"])[3] == 0
    assert all_finite(figure)


def test_a_line_follows_the_marked_images(heatmap: Heatmap) -> None:
    figure = sent(heatmap_figure(heatmap))
    assert trace(figure, "marked-edge")["x"] == [2.5, 2.5] and figure["layout"]["meta"]["marked"] == 3
    for marked in (0, 300):
        assert trace(sent(heatmap_figure(replace(heatmap, marked=marked))), "marked-edge")["x"] == []


def test_shared_and_marked_channels_have_symbols_and_an_outline(heatmap: Heatmap) -> None:
    plain = sent(heatmap_figure(heatmap))
    assert [int(c) for c in trace(plain, "symbols")["y"]] == heatmap.channels[[3, 9]].tolist()
    assert not plain["layout"].get("shapes")
    figure = sent(heatmap_figure(heatmap, int(heatmap.channels[20])))
    assert [int(c) for c in trace(figure, "symbols")["y"]] == heatmap.channels[[3, 9, 20]].tolist()
    (outline,) = figure["layout"]["shapes"]
    assert outline["y0"] < 20 < outline["y1"] and outline["y1"] - outline["y0"] < 1.5
    assert not sent(heatmap_figure(heatmap, 9999))["layout"].get("shapes")


def test_values_below_zero_diverge_around_zero(heatmap: Heatmap) -> None:
    values = heatmap.values - heatmap.values.mean(axis=1, keepdims=True)
    cells = trace(sent(heatmap_figure(replace(heatmap, values=values))), "matrix")
    assert [tuple(stop) for stop in cells["colorscale"]] == DIVERGING
    ticks = dict(zip(cells["colorbar"]["ticktext"], cells["colorbar"]["tickvals"], strict=True))
    assert abs(ticks["0"] - 127.5) < 1e-9


def test_values_that_are_not_finite_never_reach_the_page(heatmap: Heatmap) -> None:
    values = heatmap.values.copy()
    values[0, :3] = np.nan, np.inf, -np.inf
    assert all_finite(sent(heatmap_figure(replace(heatmap, values=values))))


def test_one_channel_of_one_image_is_drawn(heatmap: Heatmap) -> None:
    sample = replace(heatmap.sample, image_ids=heatmap.sample.image_ids[:1], labels=heatmap.sample.labels[:1])
    small = replace(
        heatmap,
        sample=sample,
        channels=np.array([5]),
        values=np.zeros((1, 1), np.float32),
        statistic=np.zeros(1),
        marked=0,
    )
    assert all_finite(sent(heatmap_figure(small)))


def test_256_channels_of_300_images_take_under_125_kilobytes(heatmap: Heatmap) -> None:
    values = np.random.default_rng(0).random((256, 300), dtype=np.float32)
    large = replace(heatmap, channels=np.arange(256), values=values, statistic=np.ones(256), of_channels=256)
    assert len(json.dumps(heatmap_figure(large))) < 125_000


def test_columns_of_the_scorecard_stand_beside_the_matrix(heatmap: Heatmap) -> None:
    rows = len(heatmap.channels)
    scores = {name: np.linspace(0, 2, rows) for name in (*SCORES, "f")}
    best = np.arange(rows) % 3 * 4
    figure = sent(heatmap_figure(replace(heatmap, scores=scores, best_class=best)))
    columns = decode(trace(figure, "scores")["z"])
    assert columns.shape == (rows, len(SCORES))
    assert (columns[0].max(), columns[-1].min()) == (0, 255)
    strip = trace(figure, "best-class")
    assert decode(strip["z"])[:4, 0].tolist() == [0, 1, 2, 0]
    colours = class_colours(10)
    assert [step[1] for step in strip["colorscale"]][::2] == [colours[0], colours[4], colours[8]]
    assert figure["layout"]["meta"]["best"] == best.tolist()
    assert figure["layout"]["meta"]["scores"] == [[title, 2.0] for title in SCORES.values()]
    plain = sent(heatmap_figure(heatmap))
    assert figure["layout"]["xaxis"]["domain"][1] < plain["layout"]["xaxis"]["domain"][1]
    assert not [one for one in plain["data"] if one["name"] in {"scores", "best-class"}]
    assert all_finite(figure)


def test_an_infinite_statistic_has_the_longest_bar(heatmap: Heatmap) -> None:
    statistic = np.array([np.inf, *np.linspace(9, 1, len(heatmap.channels) - 1)])
    bars = decode(
        trace(sent(heatmap_figure(replace(heatmap, statistic=statistic, sorting="f"))), "statistic")["x"]
    )
    assert (bars[0], bars[1]) == (9, 9)
