from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from channelexplorer_dash.figures.channel import MOST_CLASSES, channel_figure
from channelexplorer_dash.figures.empty import empty_figure
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.channels import ChannelDetail
from tests.figures.conftest import LAYER
from tests.figures.wire import all_finite, decode, sent, trace


def test_every_class_has_its_shape_median_and_images(channel: ChannelDetail) -> None:
    figure = sent(channel_figure(channel))
    assert len([t for t in figure["data"] if t["name"].startswith("shape-")]) == 10
    medians = trace(figure, "medians")
    assert decode(medians["customdata"]).tolist() == list(range(10))
    expected = [np.median(channel.values[channel.sample.labels == c]) for c in range(10)]
    np.testing.assert_allclose(decode(medians["x"]), expected)
    assert figure["layout"]["yaxis"]["ticktext"] == list("0123456789")
    assert all_finite(figure)


def test_points_map_to_their_images(channel: ChannelDetail) -> None:
    points = trace(sent(channel_figure(channel)), "images")
    ids, x, y = (decode(points[key]) for key in ("customdata", "x", "y"))
    of = {int(i): (float(v), int(c)) for i, v, c in zip(
        channel.sample.image_ids, channel.values, channel.sample.labels, strict=True
    )}  # fmt: skip
    for image_id, value, position in zip(ids.tolist(), x.tolist(), y.tolist(), strict=True):
        assert of[image_id] == (value, round(position))
    largest = float(channel.values[channel.sample.labels == 4].max())
    assert largest in x[np.rint(y) == 4]


def test_of_many_classes_those_with_the_largest_means_are_shown() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(50), 30)
    values = (labels % 7 + rng.normal(size=1500) / 10).astype(np.float32)
    sample = Sample(np.arange(1500), labels, tuple(f"kind {i}" for i in range(50)))
    figure = sent(channel_figure(ChannelDetail(LAYER, 0, sample, values, np.arange(5))))
    shown = figure["layout"]["meta"]["classes"]
    means = [values[labels == label].mean() for label in shown]
    assert len(shown) == MOST_CLASSES and figure["layout"]["meta"]["of_classes"] == 50
    assert means == sorted(means, reverse=True)
    assert all(label % 7 >= 3 for label in shown)


def test_small_and_constant_classes_are_drawn() -> None:
    sample = Sample(np.arange(9), np.array([0, 0, 0, 1, 1, 1, 1, 1, 1]), ("few", "constant"))
    detail = ChannelDetail(LAYER, 0, sample, np.full(9, 2.5, np.float32), np.arange(2))
    figure = sent(channel_figure(detail))
    assert [t["name"] for t in figure["data"] if t["name"].startswith("shape-")] == ["shape-1"]
    assert len(decode(trace(figure, "images")["x"])) == 9
    assert all_finite(figure)


def test_values_that_are_not_finite_are_left_out(channel: ChannelDetail) -> None:
    values = channel.values.copy()
    values[::2] = np.nan
    assert all_finite(sent(channel_figure(replace(channel, values=values))))
    nothing = sent(channel_figure(replace(channel, values=np.full(1797, np.nan, np.float32))))
    assert nothing["layout"]["meta"]["view"] == "empty"


def test_a_large_sample_stays_small_on_the_wire() -> None:
    labels = np.sort(np.random.default_rng(0).integers(0, 20, 50_000))
    values = np.random.default_rng(1).random(50_000, dtype=np.float32)
    sample = Sample(np.arange(50_000), labels, tuple(f"kind {i}" for i in range(20)))
    detail = ChannelDetail(LAYER, 0, sample, values, np.arange(5))
    assert len(json.dumps(channel_figure(detail))) < 60_000


def test_an_empty_figure_says_what_to_do() -> None:
    message = "No images are left. Choose at least one class <in the Dataset View>."
    figure = sent(empty_figure(message))
    text = figure["layout"]["annotations"][0]["text"]
    assert "<in" not in text and "&lt;in" in text and "<br>" in text
    assert figure["layout"]["meta"] | {} == {**figure["layout"]["meta"], "view": "empty", "alt": message}
