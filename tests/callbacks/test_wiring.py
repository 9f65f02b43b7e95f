"""How the callbacks hang together: ids that exist, one owner for each output, no literal ids."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.callbacks.side import asked_halves
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.page import page
from channelexplorer_dash.layouts.shell import shell
from channelexplorer_dash.layouts.side_page import halves, side_page
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import Selection, View
from tests.callbacks.conftest import LAYER, OTHER

ROOT = Path(__file__).resolve().parents[2]
PLAIN_IDS = {value for name, value in vars(ids).items() if name.isupper() and isinstance(value, str)}
WILDCARDS = (["ALL"], ["MATCH"])
URLS = Urls("/channels/")


@pytest.fixture
def known(explorer: Explorer, computed: View) -> list[Any]:
    return ids_of(shell(), page(explorer, Selection(computed, (LAYER,)), URLS))


@pytest.fixture(scope="module")
def known_side(two: Explorer) -> list[Any]:
    """Return the ids of the page with two models side by side, which takes the place of the other."""
    selection = Selection(View("digits-resnet", "digits", per_class=12), (LAYER,), compare=OTHER, show="side")
    deadline = time.monotonic() + 120
    while isinstance(found := asked_halves(two, selection), Pending):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return ids_of(shell(), side_page(two, selection, URLS), halves(*found.value, URLS))


def ids_of(*trees: Any) -> list[Any]:
    found = [getattr(one, "id", None) for tree in trees for one in components(tree)]
    return [one for one in found if one is not None]


def components(tree: Any) -> Iterator[Component]:
    if isinstance(tree, Component):
        yield tree
        yield from components(getattr(tree, "children", None))
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from components(item)


def dependencies(app: Dash) -> Iterator[tuple[str, Any]]:
    for output, entry in app.callback_map.items():
        for dependency in (*entry["inputs"], *entry["state"], *outputs_of(output)):
            text = dependency["id"]
            yield dependency["property"], json.loads(text) if text.startswith("{") else text


def outputs_of(key: str) -> list[dict[str, str]]:
    names = key.removeprefix("..").removesuffix("..").split("...") if key.startswith("..") else [key]
    # A dot within a name that is JSON is written with a backslash; the property stands after the last dot.
    split = [name.rpartition(".") for name in names]
    return [{"id": component.replace("\\.", "."), "property": prop} for component, _, prop in split]


def test_every_plain_id_is_in_a_layout(
    app: Dash, functions: Callbacks, known: list[Any], known_side: list[Any]
) -> None:
    assert functions
    wanted = {component for _, component in dependencies(app) if isinstance(component, str)}
    assert wanted <= {one for one in (*known, *known_side) if isinstance(one, str)}


def test_every_plain_id_of_the_layouts_is_declared(known: list[Any], known_side: list[Any]) -> None:
    assert {one for one in (*known, *known_side) if isinstance(one, str)} <= PLAIN_IDS


def test_ids_are_unique(known: list[Any], known_side: list[Any]) -> None:
    for layout in (known, known_side):
        texts = [json.dumps(one, sort_keys=True) for one in layout]
        assert len(texts) == len(set(texts))


def test_pattern_ids_have_the_same_keys(
    app: Dash, functions: Callbacks, known: list[Any], known_side: list[Any]
) -> None:
    patterns = [component for _, component in dependencies(app) if isinstance(component, dict)]
    assert patterns
    for one in [*patterns, *(one for one in (*known, *known_side) if isinstance(one, dict))]:
        assert set(one) == {"view", "part", "panel"}


def test_patterns_name_parts_that_exist(
    app: Dash, functions: Callbacks, known: list[Any], known_side: list[Any]
) -> None:
    # Parts of the inspector's cards, of the profile's rows and of the scorecard come with the answers.
    later = {("layers", "row"), ("ablate", "*")}
    later |= {("scorecard", "sort"), ("scorecard", "turn")}
    there = {(one["view"], one["part"]) for one in (*known, *known_side) if isinstance(one, dict)}
    for _, component in dependencies(app):
        if not isinstance(component, dict):
            continue
        view, part = ("*" if component[key] in WILDCARDS else component[key] for key in ("view", "part"))
        found = any(view in {"*", v} and part in {"*", p} for v, p in there)
        assert found or (view, part) in later, component


def test_every_output_has_one_owner(app: Dash, functions: Callbacks) -> None:
    assert not [key for key in app.callback_map if "@" in key]
    outputs = [output for key in app.callback_map for output in outputs_of(key)]
    for one, other in itertools.combinations(outputs, 2):
        assert not (one["property"] == other["property"] and overlap(one["id"], other["id"])), (one, other)


def overlap(one: str, other: str) -> bool:
    if not (one.startswith("{") and other.startswith("{")):
        return one == other
    first, second = json.loads(one), json.loads(other)
    return all(
        first[key] == second[key] or first[key] in WILDCARDS or second[key] in WILDCARDS for key in first
    )


def test_no_literal_ids_outside_ids() -> None:
    literal = re.compile(r"""(?:\bid=|\b(?:Input|Output|State)\()\s*f?["'{]""")
    for folder in (ROOT / "callbacks", ROOT / "channelexplorer_dash" / "layouts"):
        for file in folder.glob("*.py"):
            assert not literal.findall(file.read_text(encoding="utf-8")), file


def test_callbacks_are_registered_with_the_app_and_never_globally() -> None:
    for file in (ROOT / "callbacks").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"^\s*@callback\b|import .*\bcallback\b|\bclientside_callback\(", text.replace(
            "app.clientside_callback(", ""), re.MULTILINE), file  # fmt: skip
