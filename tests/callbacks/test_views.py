"""The callbacks of the views, the profile, the inspector, the jobs and the export, on the real demo."""

from __future__ import annotations

import base64
import csv
import html
import io
import re
from typing import Any

import numpy as np
import polars as pl
import pytest
from dash import Patch, no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.callbacks.export import to_csv
from channelexplorer_dash.core.newick import read_tree
from channelexplorer_dash.errors import SelectionError, UnknownNameError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.layouts.colours import colouring_of
from channelexplorer_dash.layouts.controls import LOOKS
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import ChannelMark, Grouping, Selection, View
from tests.callbacks.conftest import LAYER, Call, prop

CHANNEL = {"layer": LAYER, "channel": 5}


def part(view: str) -> dict[str, Any]:
    return ids.part(view, "version", LAYER)


@pytest.mark.parametrize("colour_by", ["class", "prediction", "correct", "confidence"])
def test_a_scatterplot_is_drawn_and_recoloured(
    call: Call, functions: Callbacks, computed: View, colour_by: str
) -> None:
    changed = ("key", colour_by, None, True, "pca", None, None, None, None, "off", "auto")
    page = (part("scatterplot"), computed.to_json())
    figure, legend, note, drawn = call(functions["draw_scatterplot"], *changed, None, *page)
    assert isinstance(figure, dict)
    assert note == "PCA"
    assert bool(legend) == (colour_by != "confidence")
    figure, *_, still = call(functions["draw_scatterplot"], *changed, drawn, *page)
    assert isinstance(figure, Patch)
    assert still == drawn
    # Whatever triggered it: positions that are not drawn are sent.
    figure, *_ = call(functions["draw_scatterplot"], *changed, "other positions", *page)
    assert isinstance(figure, dict)


def test_a_marked_channel_colours_the_points(explorer: Explorer, computed: View) -> None:
    sample = explorer.sample(computed)
    colouring = colouring_of(explorer, computed, sample, "class", CHANNEL)
    assert colouring.title == f"channel 5 of {LAYER}"
    assert colouring.values is not None and len(colouring.values) == len(sample.image_ids)


@pytest.mark.parametrize(("mode", "note"), [("images", "120 images"), ("classes", "10 classes")])
def test_a_matrix_is_drawn(call: Call, functions: Callbacks, computed: View, mode: str, note: str) -> None:
    shown = ("key", mode, "class", "key", "jaccard", part("jaccard"), computed.to_json())
    figure, said = call(functions["draw_jaccard"], *shown)
    assert isinstance(figure, dict)
    assert said == note


def test_the_hierarchy_is_drawn(call: Call, functions: Callbacks, computed: View) -> None:
    figure, note = call(functions["draw_hierarchy"], "key", "hierarchy", *hierarchy(computed))
    assert figure["layout"]["meta"]["view"] == "hierarchy"
    assert "10 leaves" in str(note)
    figure, note = call(functions["draw_hierarchy"], None, "hierarchy", *hierarchy(computed))
    assert figure is no_update
    assert "…" in note


def hierarchy(view: View) -> tuple[Any, ...]:
    return "auto", "jaccard", "classes", part("hierarchy"), view.to_json()


@pytest.mark.parametrize("name", ["newick", "json"])
def test_the_tree_is_downloaded_and_can_be_read_again(
    call: Call, functions: Callbacks, computed: View, name: str
) -> None:
    trigger = {prop(ids.part("hierarchy", name, LAYER), "n_clicks"): 1}
    clicks = (1, None) if name == "newick" else (None, 1)
    sent = call(functions["download_tree"], *clicks, *hierarchy(computed), triggered=trigger)
    tree = read_tree(sent["content"])
    assert sorted(tree.names[i] for i in np.flatnonzero(tree.is_leaf)) == [str(i) for i in range(10)]
    assert sent["filename"].startswith("digits-digits-resnet-layer4.0.")
    with pytest.raises(PreventUpdate):
        call(functions["download_tree"], None, None, *hierarchy(computed))


def test_points_are_coloured_by_cluster_once_they_are_found(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    while isinstance(explorer.clusters(computed, LAYER, Grouping("4")), Pending):
        pass
    changed = ("key", "cluster", None, True, "pca", None, None, "key", None, "off", "4")
    figure, legend, *_ = call(
        functions["draw_scatterplot"], *changed, None, part("scatterplot"), computed.to_json()
    )
    assert sum(x is None for x in figure["data"][1]["x"]) == 4
    assert "4 clusters · purity " in str(legend)
    assert str(legend).count("ce-legend-pick") == 4


def test_marked_images_come_first_in_the_heatmap(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    images = explorer.sample(computed).image_ids[[3, 50]].tolist()
    pair = {"layer": LAYER, "first": images[0], "second": images[1]}
    figure, note, waits = call(
        functions["draw_heatmap"],
        "key",
        0,
        "variance",
        encode_indices(images),
        pair,
        None,
        "zero",
        part("heatmap"),
        computed.to_json(),
        triggered={prop(part("heatmap"), "data"): "key"},
    )
    assert figure["layout"]["meta"]["image_ids"][:2] == images
    assert len(figure["layout"]["meta"]["shared"]) > 0
    assert "2 marked first" in note
    assert waits == 0


@pytest.mark.parametrize("name", ["draw_scatterplot", "draw_jaccard", "draw_heatmap"])
def test_a_view_without_a_version_stays_as_it_is(
    call: Call, functions: Callbacks, computed: View, name: str
) -> None:
    middle = {
        "draw_scatterplot": ("class", None, None, "pca", None, None, None, None, "off", "auto", None),
        "draw_jaccard": ("auto", "class", None, "jaccard"),
        "draw_heatmap": (None, "variance", None, None, None, "zero"),
    }[name]
    with pytest.raises(PreventUpdate):
        call(functions[name], None, *middle, part("jaccard"), computed.to_json())


def test_a_view_that_was_tampered_with(call: Call, functions: Callbacks) -> None:
    broken = {"model": 3, "per_class": "x"}
    with pytest.raises(SelectionError, match="Reload"):
        call(functions["draw_jaccard"], "key", "auto", "class", "key", "jaccard", part("jaccard"), broken)


def test_the_profile_tells_when_it_is_complete(call: Call, functions: Callbacks, computed: View) -> None:
    trigger = {prop(ids.part("profile", "tick", "all"), "data"): 1}
    rows, status, key, profiled, state = call(
        functions["show_profile"],
        1,
        "stage",
        "list",
        "knn",
        None,
        computed.to_json(),
        None,
        None,
        triggered=trigger,
    )
    assert len(rows) >= 4
    assert "chance 0.10" in str(status)
    assert (profiled, state["phase"]) == (True, "idle")
    again = call(
        functions["show_profile"],
        2,
        "stage",
        "list",
        "knn",
        None,
        computed.to_json(),
        key,
        state,
        triggered=trigger,
    )
    assert again[0] is no_update


def test_the_graph_stands_where_the_list_does(call: Call, functions: Callbacks, computed: View) -> None:
    shown, names = {}, {}
    for way in ("list", "graph"):
        trigger = {prop(ids.LAYERS_AS, "value"): way}
        rows, _, key, *_ = call(
            functions["show_profile"],
            1,
            "stage",
            way,
            "knn",
            None,
            computed.to_json(),
            shown.get("list"),
            None,
            triggered=trigger,
        )
        shown[way] = key
        parts = rows if way == "list" else rows[0].children
        names[way] = [part.id["panel"] for part in parts if getattr(part, "id", None)]
    assert shown["list"] != shown["graph"]
    assert names["graph"] == names["list"]


def test_the_gallery_shows_label_prediction_and_confidence(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    images = explorer.sample(computed).image_ids[:3].tolist()
    shown = str(call(functions["show_gallery"], encode_indices(images), None, True, None, computed.to_json()))
    assert "3 marked" in shown
    assert f"/channels/media/digits/{images[0]}?size=64" in shown
    assert "predicted 0" in shown
    assert "Nothing is marked" in str(
        call(functions["show_gallery"], "", None, True, None, computed.to_json())
    )


def test_an_image_that_does_not_exist(call: Call, functions: Callbacks, computed: View) -> None:
    with pytest.raises(UnknownNameError):
        call(functions["show_gallery"], encode_indices([10_000_000]), None, True, None, computed.to_json())


def test_the_channel_card(call: Call, functions: Callbacks, computed: View) -> None:
    card, waits = call(functions["show_channel"], CHANNEL, 0, computed.to_json())
    assert "Channel 5" in str(card)
    assert f"/channels/overlay/digits-resnet/digits/{LAYER}/5/" in str(card)
    assert waits == 0
    card, _ = call(functions["show_channel"], {"layer": LAYER, "channel": 999}, 0, computed.to_json())
    assert "there is no channel 999" in str(card)
    assert call(functions["show_channel"], None, 0, computed.to_json()) == ([], 0)


def test_the_pair_card(call: Call, functions: Callbacks, explorer: Explorer, computed: View) -> None:
    first, second = explorer.sample(computed).image_ids[[0, 100]].tolist()
    pair = {"layer": LAYER, "first": first, "second": second}
    card, _ = call(functions["show_pair"], pair, 0, computed.to_json())
    assert "Shared channels" in str(card)
    card, _ = call(functions["show_pair"], {**pair, "second": 10_000_000}, 0, computed.to_json())
    assert "not among those shown" in str(card)


def test_the_sample_is_shown(call: Call, functions: Callbacks, computed: View) -> None:
    thumbnails, notes = call(functions["show_sample"], computed.to_json(), True, None)
    assert 10 <= len(thumbnails) <= 24
    assert notes == []


def test_jobs_are_listed(call: Call, functions: Callbacks, computed: View) -> None:
    count, listed = call(functions["show_jobs"], 1)
    assert count == ""
    assert "Nothing is being computed" in str(listed)


def test_the_export_holds_the_marked_images(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    images = explorer.sample(computed).image_ids[:2].tolist()
    sent = call(functions["export_images"], 1, None, encode_indices(images), computed.to_json())
    rows = list(csv.DictReader(io.StringIO(sent["content"])))
    assert [int(row["image_id"]) for row in rows] == images
    assert rows[0]["prediction_name"] == "0"
    assert sent["filename"] == "digits-digits-resnet-marked.csv"
    everything = call(functions["export_images"], 1, None, "", computed.to_json())
    assert len(list(csv.DictReader(io.StringIO(everything["content"])))) == 120
    with pytest.raises(PreventUpdate):
        call(functions["export_images"], None, None, "", computed.to_json())


def test_images_are_exported_as_parquet(call: Call, functions: Callbacks, computed: View) -> None:
    triggered = {prop(ids.EXPORT_PARQUET, "n_clicks"): 1}
    sent = call(functions["export_images"], 1, 1, "", computed.to_json(), triggered=triggered)
    table = pl.read_parquet(io.BytesIO(base64.b64decode(sent["content"])))
    assert sent["filename"] == "digits-digits-resnet-all.parquet"
    assert len(table) == 120 and {"image_id", "label", "prediction_name"} <= set(table.columns)


def test_the_page_as_it_stands_is_exported_as_a_report(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    looks = {name: getattr(Selection(computed), name) for name in LOOKS} | {"projection": "pca"}
    images = encode_indices(explorer.sample(computed).image_ids[:3].tolist())
    asked: dict[str, Any] = {
        "looks": looks | {"granularity": "stage"},
        "marks": {"images": images, "channel": {"layer": LAYER, "channel": 3}, "pair": None},
        "view": computed.to_json(),
        "layers": [LAYER],
        "address": "https://lab.example/channels/?old=1",
    }
    sent = call(functions["export_report"], clicks=1, **asked)
    assert sent["filename"] == "digits-digits-resnet-report.html"
    written = sent["content"]
    assert f"<h2>{LAYER}</h2>" in written and "3 images are marked" in written
    (link,) = re.findall('<dd><a href="([^"]+)"', written)
    found = Selection.from_query(html.unescape(link).partition("?")[2], model="", dataset="")
    assert link.startswith("https://lab.example/channels/?model=")
    assert (found.view, found.layers, found.projection) == (computed, (LAYER,), "pca")
    assert len(found.marks.images) == 3 and found.marks.channel == ChannelMark(LAYER, 3)
    # What nobody has asked for stays uncomputed, and is named.
    before = explorer.jobs()
    other = call(functions["export_report"], clicks=1, **{**asked, "layers": [LAYER, "layer2.0"]})
    assert "layer2.0, Heatmap: not computed yet" in other["content"]
    assert explorer.jobs() == before
    with pytest.raises(PreventUpdate):
        call(functions["export_report"], clicks=None, **asked)


def test_an_address_that_is_none_becomes_no_link(call: Call, functions: Callbacks, computed: View) -> None:
    looks = {name: getattr(Selection(computed), name) for name in LOOKS}
    marks = {"images": "", "channel": None, "pair": None}
    common: dict[str, Any] = {"looks": looks, "marks": marks, "view": computed.to_json(), "layers": None}
    for address in ("javascript:alert(1)", None, "file:///etc/passwd"):
        sent = call(functions["export_report"], clicks=1, address=address, **common)
        assert "href=" not in sent["content"].partition("<body>")[2].partition("<script>")[0]


def test_an_export_holds_no_formulas() -> None:
    table = pl.DataFrame(
        {
            "source": ["a,b\n.png"],
            "label_name": ["=SUM(A1)"],
            "note": ["@x"],
            "=1+1": [2],
            "prediction": pl.Series([None], dtype=pl.Int64),
        }
    )
    (read,) = csv.DictReader(io.StringIO(to_csv(table)))
    assert read["'=1+1"] == "2"
    assert (read["label_name"], read["note"], read["source"], read["prediction"]) == (
        "'=SUM(A1)",
        "'@x",
        "a,b\n.png",
        "",
    )


def test_an_export_writes_columns_that_csv_has_no_form_for() -> None:
    table = pl.DataFrame(
        {
            "kind": pl.Series(["=1", "b"], dtype=pl.Categorical),
            "step": pl.Series(["@x", "y"], dtype=pl.Enum(["@x", "y"])),
            "box": [[1, 2], None],
            "raw": [b"ab", None],
            "=a": [1, 2],
            "'=a": [3, 4],
        }
    )
    first, second = csv.DictReader(io.StringIO(to_csv(table)))
    assert (first["kind"], first["step"], first["box"], first["raw"]) == ("'=1", "'@x", "[1, 2]", "b'ab'")
    assert (first["'=a"], first["'=a_"]) == ("1", "3")
    assert (second["box"], second["raw"]) == ("", "")
