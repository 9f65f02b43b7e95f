"""The report: one file that asks nobody for anything, whatever stands in the names of its dataset."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from channelexplorer_dash import cli, load_settings
from channelexplorer_dash.choices import Measure
from channelexplorer_dash.demo import demo_settings_file
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.desk import only_looking
from channelexplorer_dash.layouts.report_content import gather, telling_layers
from channelexplorer_dash.layouts.report_file import report_html
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.layers import LayerFigure, Profile
from channelexplorer_dash.selection import Selection, View
from tests.hostile import CLASSES, FILE, IMAGES, hostile_arguments

DEMO = ["report", "--demo", "--model", "digits-resnet", "--dataset", "digits"]


class Read(HTMLParser):
    """The elements of a document, and the texts outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)
        elif self._inside != "style":
            self.text += data

    @property
    def json(self) -> list[Any]:
        return [json.loads(text) for attributes, text in self.scripts if "type" in attributes]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANNELEXPLORER_ENGINE", "inline")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the report of a dataset with names that want to be markup."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CHANNELEXPLORER_ENGINE", "inline")
        assert cli.main(hostile_arguments(folder)) == 0
    assert sorted(path.name for path in folder.glob("*report*")) == ["report.html"], (
        "nothing is left beside it"
    )
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(document: str) -> Read:
    return Read(document)


def test_names_that_want_to_be_markup_are_text(read: Read) -> None:
    allowed = {"html", "head", "meta", "title", "style", "script", "body", "main", "header", "section"}
    allowed |= {"h1", "h2", "h3", "p", "dl", "dt", "dd", "a", "div", "span", "article", "details", "summary"}
    allowed |= {"table", "thead", "tbody", "tr", "th", "td", "img", "ul", "li", "code"}
    for tag, attributes in read.elements:
        assert tag in allowed
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert tag != "img" or (attributes["src"] or "").startswith("data:image/webp;base64,")
    for name in CLASSES:
        assert name in read.text
    assert any(FILE.format(f"{label}-0") in read.text for label in range(3))
    assert "</title><script>window.stolen=2</script>" in read.text


def test_names_that_want_to_be_markup_end_no_script(read: Read) -> None:
    assert [sorted(attributes) for attributes, _ in read.scripts].count([]) == 3, "theme, plotly.js, drawing"
    for attributes, text in read.scripts:
        assert not attributes or (attributes["type"] == "application/json" and "<" not in text)
    (sample,) = (found for found in read.json if "names" in found)
    assert sample["names"] == sorted(CLASSES)


def test_nothing_is_fetched(read: Read, document: str) -> None:
    addresses = [
        value or ""
        for _, attributes in read.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}
    ]
    outside = [address for address in addresses if not address.startswith("data:")]
    assert outside == [
        "http://127.0.0.1:8050/?model=digits-resnet&dataset=hostile&layer="
        + "&layer=".join(Selection.from_query(outside[0].partition("?")[2], model="", dataset="").layers)
    ]
    styles = "".join(re.findall(r"<style>(.*?)</style>", document, re.DOTALL))
    assert not re.findall(r"@import|url\((?!\s*[\"']?data:)", styles)


def test_only_the_report_s_own_scripts_may_run(read: Read) -> None:
    (policy,) = (
        attributes["content"] or ""
        for tag, attributes in read.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy and "connect-src" not in policy
    known = set(re.findall("'sha256-([^']+)'", policy))
    run = [text for attributes, text in read.scripts if not attributes]
    assert known == {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}


def test_every_layer_has_its_views_and_every_figure_can_be_read(read: Read) -> None:
    figures = [found["figure"] for found in read.json if "figure" in found]
    views = [figure["layout"]["meta"]["view"] for figure in figures]
    layers = len(views) // 4
    assert 2 <= layers <= 3
    assert views == ["scatterplot", "jaccard-images", "hierarchy", "heatmap"] * layers
    names = [found["config"]["toImageButtonOptions"]["filename"] for found in read.json if "config" in found]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[\w.-]+", name) for name in names)
    assert "Depth profile" in read.text and "Scorecard" in read.text and "Labels to review" in read.text
    assert f"{3 * IMAGES} (all)" in read.text
    assert "Not in this report" not in read.text


def test_a_link_says_what_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = "https://lab.example/channels/?model=digits-resnet&dataset=digits&per_class=5&classes=r1.2"
    looks = "&layer=layer3.0&projection=pca&sorting=f&colour_by=prediction&measure=gdv&images=r1.1"
    output, store = tmp_path / "a.html", tmp_path / "store"
    status = cli.main(["report", "--demo", "--store", str(store), "--link", link + looks, "-o", str(output)])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    assert "digits-resnet on digits, layers layer3.0" in captured.out
    read = Read(output.read_text(encoding="utf-8"))
    (href,) = (attributes["href"] for tag, attributes in read.elements if tag == "a")
    assert href and href.startswith("https://lab.example/channels/?model=digits-resnet&dataset=digits")
    asked = Selection.from_query(link.partition("?")[2] + looks, model="", dataset="")
    assert Selection.from_query(href.partition("?")[2], model="", dataset="") == asked
    assert "Generalised discrimination value" in read.text
    scatter = next(found["figure"] for found in read.json if "figure" in found)
    assert scatter["layout"]["meta"]["method"] == "pca"
    assert "Labels to review" not in read.text, "nobody ranked them"


def test_a_query_alone_leads_to_where_the_page_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--link", "?per_class=4&projection=pca", "--layers", "fc", "--store", str(tmp_path / "store")]
    assert cli.main([*DEMO, *asked, "-o", str(tmp_path / "a.html")]) == 0, capsys.readouterr().err
    read = Read((tmp_path / "a.html").read_text(encoding="utf-8"))
    (href,) = (attributes["href"] for tag, attributes in read.elements if tag == "a")
    assert href and href.startswith("http://127.0.0.1:8050/?model=digits-resnet&dataset=digits&per_class=4")


MISTAKES: dict[str, tuple[list[str], str]] = {
    "unknown layer": ([*DEMO, "--layers", "layer9", "-o", "a.html"], "There is no layer 'layer9'"),
    "too many": ([*DEMO, "--layers", *"abcde", "-o", "a.html"], "at most 4 layers"),
    "unknown model": (
        ["report", "--demo", "--model", "x", "--dataset", "digits", "-o", "a.html"],
        "no model",
    ),
    "no folder": ([*DEMO, "-o", "missing/a.html"], "There is no folder missing"),
    "a folder": ([*DEMO, "-o", "."], "is a folder"),
    "no query": ([*DEMO, "--link", "https://lab.example/", "-o", "a.html"], "--link has no query"),
    "bad link": ([*DEMO, "--link", "?projection=nine", "-o", "a.html"], "There is no projection 'nine'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_before_anything_is_computed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, said = MISTAKES[name]
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html"))


def test_what_is_not_there_is_named_and_nothing_is_computed(tmp_path: Path) -> None:
    explorer = Explorer(load_settings([demo_settings_file()], flags={"store": tmp_path, "engine": "inline"}))
    selection = Selection(View("digits-resnet", "digits", per_class=5), ("layer4.0",))
    with only_looking():
        report = gather(explorer, selection, lambda ask: ask(), rank_labels=False)
    assert explorer.jobs() == ()
    explorer.close()
    assert report.missing[0] == "Model: not computed yet"
    read = Read(report_html(report))
    assert "Not in this report" in read.text and "Depth profile: not computed yet" in read.text


def profile(measure: Measure, *values: float | None) -> Profile:
    layers = [Layer(f"l{i}", i, ("block",), "X", 4, (4,), "dense") for i in range(len(values))]
    rows = tuple(LayerFigure(layer, value) for layer, value in zip(layers, values, strict=True))
    return Profile(rows, measure, 5, None, 10, 10, None)


def test_the_layers_that_tell_most_are_the_best_the_middle_and_the_last() -> None:
    assert telling_layers(profile("knn", 0.1, 0.9, 0.5, 0.9, 0.6))[0] == ("l1", "l2", "l4")
    # Of the generalised discrimination value, the lowest is best.
    layers, said = telling_layers(profile("gdv", -0.9, -0.1, None, -0.2))
    assert layers == ("l0", "l2", "l3")
    assert said.startswith("l0, the best by Generalised discrimination value")
    assert telling_layers(profile("hubness", 3.0, 0.0, 1.0))[0] == ("l1", "l2")
    assert telling_layers(profile("knn", None))[0] == ("l0",)
