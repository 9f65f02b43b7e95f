from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelexplorer_dash import selection as s
from channelexplorer_dash.errors import SelectionError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Module paths as torch allows them: anything but an empty name.
LAYERS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
INDEX = st.integers(0, 100_000)


def views() -> st.SearchStrategy[s.View]:
    return st.builds(
        s.View,
        model=st.just("m"),
        dataset=st.just("d"),
        summary=st.sampled_from(get_args(s.Summary)),
        normalisation=st.sampled_from(get_args(s.Normalisation)),
        classes=st.none() | st.sets(st.integers(0, 2000), min_size=1).map(lambda c: tuple(sorted(c))),
        per_class=st.integers(0, 10_000),
        seed=st.integers(-5, 2**40),
        top_fraction=st.floats(0.001, 1.0),
        only=st.lists(
            st.builds(s.Only, TEXTS, st.sets(TEXTS, min_size=1, max_size=3).map(tuple)),
            max_size=3,
            unique_by=lambda one: one.column,
        ).map(tuple),
    )


def marks() -> st.SearchStrategy[s.Marks]:
    return st.builds(
        s.Marks,
        images=st.sets(INDEX, max_size=30).map(lambda i: tuple(sorted(i))),
        channel=st.none() | st.builds(s.ChannelMark, LAYERS, INDEX),
        pair=st.none() | st.builds(s.PairMark, LAYERS, INDEX, INDEX),
    )


def selections() -> st.SearchStrategy[s.Selection]:
    return st.builds(
        s.Selection,
        view=views(),
        layers=st.lists(LAYERS, max_size=s.MAX_PANELS, unique=True).map(tuple),
        granularity=st.sampled_from(get_args(s.Granularity)),
        colour_by=st.sampled_from(("class", "prediction", "split")),
        projection=st.sampled_from(get_args(s.Projection)),
        jaccard=st.sampled_from(get_args(s.JaccardMode)),
        order=st.sampled_from(get_args(s.JaccardOrder)),
        sorting=st.sampled_from(get_args(s.Sorting)),
        show=st.sampled_from(get_args(s.Show)),
        beside=st.just("") | LAYERS,
        ablate=st.sampled_from(("", "layer1.0:zero:r3.0")),
        contrast=st.sampled_from(("", "layer1.0:r3.1:r9.0")),
        marks=marks(),
    )


@given(selections())
def test_a_link_restores_the_selection(selection: s.Selection) -> None:
    query = selection.to_query()
    assert s.Selection.from_query(query, model="other", dataset="other") == selection


@given(views())
def test_a_view_comes_back_from_json(view: s.View) -> None:
    assert s.View.from_json(view.to_json()) == view


@given(marks())
def test_marks_come_back_from_json(mark: s.Marks) -> None:
    assert s.Marks.from_json(mark.to_json()) == mark


@given(JSON)
def test_any_json_is_read_or_refused(data: Any) -> None:
    for read in (s.View.from_json, s.Marks.from_json):
        try:
            read(data)
        except SelectionError as error:
            assert str(error)


@given(
    st.dictionaries(
        st.sampled_from(("model", "dataset", "summary", "classes", "per_class", "seed", "top_fraction")), JSON
    )
)
def test_any_state_of_the_right_names_is_read_or_refused(data: dict[str, Any]) -> None:
    try:
        s.View.from_json({"model": "m", "dataset": "d", **data})
    except SelectionError as error:
        assert str(error)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                (
                    "model",
                    "summary",
                    "classes",
                    "per_class",
                    "seed",
                    "top_fraction",
                    "layer",
                    "images",
                    "channel",
                    "pair",
                    "projection",
                    "sorting",
                    "unknown",
                )
            ),
            st.text(max_size=12)
            | st.integers().map(str)
            | st.sampled_from(("a:1", "a:1:2", "nan", "1e999", "-1")),
        ),
        max_size=6,
    )
)
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    query = "?" + urlencode(pairs, errors="replace")
    try:
        selection = s.Selection.from_query(query, model="m", dataset="d")
    except SelectionError as error:
        assert str(error)
        return
    assert s.Selection.from_query(selection.to_query(), model="m", dataset="d") == selection


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?x=" + "a" * 10_000, "10,003 characters"),
        ("?" + "&".join(f"a{i}=1" for i in range(200)), "too many parameters"),
        ("?summary=l3", "l3"),
        ("?per_class=many", "number"),
        ("?per_class=" + "9" * 5_000, "number"),
        ("?top_fraction=nan", "active share"),
        ("?top_fraction=2", "active share"),
        ("?classes=q", "cannot be read"),
        ("?only=seed", "No seed is chosen"),
        ("?only=:1", "No column is chosen"),
        ("?only=seed:1&only=seed:2", "filtered twice"),
        ("?channel=layer", "channel or pair"),
        ("?pair=layer:1", "channel or pair"),
        ("?" + "&".join(f"layer=l{i}" for i in range(5)), "At most 4"),
    ],
)
def test_what_is_wrong_with_a_link_is_said(query: str, says: str) -> None:
    with pytest.raises(SelectionError, match=says):
        s.Selection.from_query(query, model="m", dataset="d")


def test_a_changed_view_drops_marks_and_a_changed_model_the_panels() -> None:
    old = s.Selection(s.View("m", "d"), layers=("a",), marks=s.Marks(images=(1,)))
    assert old.with_view(summary="rms").layers == ("a",)
    assert old.with_view(summary="rms").marks == s.Marks()
    assert old.with_view(model="n").layers == ()
    asked = replace(old, ablate="a:zero:r1.0", contrast="a:r1.0:")
    assert asked.with_view(summary="rms") == old.with_view(summary="rms")
