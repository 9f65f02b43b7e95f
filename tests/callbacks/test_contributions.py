"""Ablation, what tells groups apart, and the scorecard, called as the page calls them."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from dash import no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.callbacks.contributions import group_of
from channelexplorer_dash.callbacks.scorecard import asked_next, look
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.layouts.contributions import CLOSE, LINE
from channelexplorer_dash.layouts.scorecard import ANY
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import LAYER, Call, prop

ASKED = {"layer": LAYER, "column": "f", "falling": True, "page": 0}
NO_FILTER = (ANY, False, None)
PLAIN = ("zero", None)
"""What channels are set to, and what was measured last."""


def settled(ask: Callable[[], tuple[Any, Any]]) -> Any:
    """Ask as the status line does until nothing is under way; return the card."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        card, state = ask()
        if state["phase"] != "busy":
            assert state["phase"] == "idle", state
            return card
        time.sleep(0.05)
    raise AssertionError("The answer never came.")


def test_a_click_on_ablate_says_what_is_ablated(call: Call, functions: Callbacks) -> None:
    button = ids.part("ablate", "pair-mean", f"{LAYER}:{encode_indices([3, 5, 6])}")
    trigger = {prop(button, "n_clicks"): 1}
    asked = call(functions["ask_ablation"], [1], triggered=trigger)
    assert asked == {"layer": LAYER, "channels": encode_indices([3, 5, 6]), "fill": "mean"}
    close = {prop(ids.part("ablate", CLOSE, LINE), "n_clicks"): 1}
    assert call(functions["ask_ablation"], [1], triggered=close) is None
    with pytest.raises(PreventUpdate):
        call(functions["ask_ablation"], [None], triggered={prop(button, "n_clicks"): None})


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_an_ablation_shows_accuracy_logits_and_answers(
    call: Call, functions: Callbacks, computed: View, fill: str
) -> None:
    asked = {"layer": LAYER, "channels": encode_indices(range(20)), "fill": fill}
    card = settled(lambda: call(functions["show_ablation"], asked, None, None, None, computed.to_json()))
    text = str(card)
    assert "Without 20 channels" in text
    assert "on 120 images" in text
    assert "Accuracy" in text and "95 % interval" in text
    assert "'view': 'confusion'" in text


def test_what_cannot_be_ablated_is_said_on_the_line(call: Call, functions: Callbacks, computed: View) -> None:
    for channels, message in (([999], "there is no channel 999"), ([], "No channel is chosen")):
        asked = {"layer": LAYER, "channels": encode_indices(channels), "fill": "zero"}
        card, state = call(functions["show_ablation"], asked, None, None, None, computed.to_json())
        assert (card, state["phase"]) == ([], "failed")
        assert message in state["label"]
    card, state = call(functions["show_ablation"], None, None, None, None, computed.to_json())
    assert (card, state["phase"]) == ([], "idle")


def test_cancelling_is_told_by_the_line(call: Call, functions: Callbacks, computed: View) -> None:
    control = {"action": "cancel", "key": "0" * 40}
    trigger = {prop(ids.JOB_CONTROL, "data"): control}
    state = {"phase": "busy", "key": "0" * 40}
    asked = {"layer": LAYER, "channels": encode_indices([1]), "fill": "zero"}
    card, after = call(
        functions["show_ablation"], asked, None, control, state, computed.to_json(), triggered=trigger
    )
    assert (card, after["phase"]) == (no_update, "cancelled")


def test_a_group_is_kept_and_told_from_another(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    sample = explorer.sample(computed)
    threes = encode_indices(sample.image_ids[sample.labels == 3].tolist())
    kept, said, first, second = call(functions["keep_group"], 1, threes)
    assert (kept, first, second) == (threes, "kept", "marked")
    assert said.startswith("12 images are kept")
    with pytest.raises(SelectionError, match="No image is marked"):
        call(functions["keep_group"], 1, "")
    groups = call(functions["ask_contrast"], 1, LAYER, "kept", "class:8", "", kept, computed.to_json())
    card = settled(lambda: call(functions["show_contrast"], groups, None, None, None, computed.to_json()))
    text = str(card)
    assert "held-out AUC" in text and "A: 12 images, B: 12 images" in text
    assert f"/channels/overlay/digits-resnet/digits/{LAYER}/" in text
    assert "'view': 'ablate'" in text


def test_groups_that_cannot_be_compared(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    sample = explorer.sample(computed)
    assert group_of(sample, "rest", "", "") == ()
    assert len(group_of(sample, "class:2", "", "")) == 12
    for name, message in (("marked", "No image is marked"), ("kept", "kept as group A"), ("x", "Choose")):
        with pytest.raises(SelectionError, match=message):
            group_of(sample, name, "", "")
    two = sample.image_ids[:2].tolist()
    for first, second, message in (
        (two, [], "at least 3 images: the first has 2"),
        (two, two, "2 images are in both groups"),
        ([10**6], [], "not among those shown"),
    ):
        groups = {"layer": LAYER, "first": encode_indices(first), "second": encode_indices(second)}
        deadline = time.monotonic() + 60
        state: Any = {"phase": "busy"}
        while state["phase"] == "busy" and time.monotonic() < deadline:
            _, state = call(functions["show_contrast"], groups, None, None, None, computed.to_json())
        assert message in state["label"]


def test_the_layers_that_are_open_are_offered(call: Call, functions: Callbacks) -> None:
    options, value = call(functions["offer_layers"], ["a", LAYER])
    assert ([option["value"] for option in options], value) == (["a", LAYER], LAYER)
    assert call(functions["offer_layers"], []) == ([], "")


def test_a_click_sorts_turns_or_opens_the_scorecard() -> None:
    opened = asked_next(None, "table", LAYER)
    assert opened == ASKED
    turned = asked_next(opened, "turn", "next")
    assert turned["page"] == 1
    by_channel = asked_next(turned, "sort", "channel")
    assert (by_channel["column"], by_channel["falling"], by_channel["page"]) == ("channel", False, 0)
    assert asked_next(by_channel, "sort", "channel")["falling"] is True
    assert asked_next(by_channel, "sort", "auroc")["falling"] is True


def test_the_scorecard_is_drawn_filtered_and_exported(
    call: Call, functions: Callbacks, computed: View
) -> None:
    deadline = time.monotonic() + 60
    shown: Any = None
    while time.monotonic() < deadline:
        shown, waits = call(
            functions["show_scorecard"], ASKED, 0, *NO_FILTER, None, *PLAIN, computed.to_json()
        )
        if not waits:
            break
    text = str(shown)
    assert "64 of 64 channels" in text and "page 1 of 3" in text
    mark = {"layer": LAYER, "channel": 5}
    by_number = {**ASKED, "column": "channel", "falling": False}
    marked, _ = call(functions["show_scorecard"], by_number, 0, *NO_FILTER, mark, *PLAIN, computed.to_json())
    assert str(marked).count("is-marked") == 1
    filtered, _ = call(
        functions["show_scorecard"], ASKED, 0, "3", True, None, None, *PLAIN, computed.to_json()
    )
    assert "class AUC" in str(filtered) and "64 of 64" not in str(filtered)

    sent = call(functions["export_scorecard"], 1, ASKED, "3", False, None, "zero", computed.to_json())
    rows = list(csv.DictReader(io.StringIO(sent["content"])))
    assert sent["filename"] == f"scorecard-{LAYER}.csv"
    assert len(rows) == 64
    values = [float(row["f"]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert {"class_auroc", "class_frequency", "edge_weight", "best_class"} <= set(rows[0])
    assert call(functions["show_scorecard"], None, 0, *NO_FILTER, None, *PLAIN, computed.to_json()) == ([], 0)
    missing, _ = call(
        functions["show_scorecard"],
        {**ASKED, "layer": "nothing"},
        0,
        *NO_FILTER,
        None,
        *PLAIN,
        computed.to_json(),
    )
    assert "nothing" in str(missing)


def test_the_effect_of_every_channel_becomes_a_column(
    call: Call, functions: Callbacks, computed: View
) -> None:
    def shown(label: Any = ANY, fill: str = "zero", least: Any = None, **changed: Any) -> str:
        asked = {**ASKED, **changed}
        table, _ = call(
            functions["show_scorecard"], asked, 0, label, False, least, None, fill, None, computed.to_json()
        )
        return str(table)

    settled_table = time.monotonic() + 60
    while "64 of 64 channels" not in shown() and time.monotonic() < settled_table:
        time.sleep(0.05)
    assert "are not measured yet" in shown() and "once for each of 64 channels, on 120 images" in shown()
    assert "accuracy lost" not in shown()
    with pytest.raises(PreventUpdate):
        call(functions["ask_effects"], None, ASKED, "zero")
    asked = call(functions["ask_effects"], 1, ASKED, "zero")
    assert asked == {"layer": LAYER, "fill": "zero"}
    settled(lambda: call(functions["measure_effects"], asked, None, None, None, computed.to_json()))
    assert "set to zero, measured on 120 images." in shown() and "accuracy lost" in shown()
    assert "12 of them of this class" in shown("3")
    assert "are not measured yet" in shown(fill="mean")

    there = {prop(ids.EFFECTS_THERE, "data"): "key"}
    drawn = (None, "key", "zero", ids.part("heatmap", "version", LAYER), computed.to_json())
    figure, _, _ = call(functions["draw_heatmap"], "key", 0, "effect", "", *drawn, triggered=there)
    assert "channels sorted by effect" in figure["layout"]["meta"]["alt"]
    with pytest.raises(PreventUpdate):
        call(functions["draw_heatmap"], "key", 0, "variance", "", *drawn, triggered=there)
    by_mean = (None, "key", "mean", *drawn[3:])
    figure, *_ = call(functions["draw_heatmap"], "key", 0, "effect", "", *by_mean, triggered=there)
    assert figure["layout"]["meta"]["view"] == "empty"
    assert "set to its mean, is not measured yet" in figure["layout"]["meta"]["alt"]

    def exported(label: str) -> list[float]:
        by_effect = {**ASKED, "column": "effect"}
        sent = call(
            functions["export_scorecard"], 1, by_effect, label, False, None, "zero", computed.to_json()
        )
        rows = list(csv.DictReader(io.StringIO(sent["content"])))
        assert all("accuracy_lost" in row for row in rows)
        return [float(row["effect"]) for row in rows]

    overall, of_three = exported(ANY), exported("3")
    assert overall == sorted(overall, reverse=True) and of_three == sorted(of_three, reverse=True)
    assert of_three[0] > overall[0] > 0
    assert "10 of 64 channels" in shown(column="effect", least=str((overall[9] + overall[10]) / 2))
    broken = {**asked, "fill": "one"}
    _, state = call(functions["measure_effects"], broken, None, None, None, computed.to_json())
    assert state["phase"] == "failed" and "to zero or to its mean" in state["label"]


def test_a_filter_that_cannot_be_read() -> None:
    with pytest.raises(SelectionError, match="filter"):
        look(ASKED, "three", False, None)
    assert look(ASKED, "3", True, "0.5").least == 0.5


@pytest.mark.parametrize("sorting", ["f", "eta_squared", "mutual_information", "selectivity", "auroc"])
def test_the_heatmap_is_sorted_by_every_column(
    call: Call, functions: Callbacks, computed: View, sorting: str
) -> None:
    drawn = ids.part("heatmap", "version", LAYER)
    figure: Any = no_update
    ticks = 0
    while figure is no_update:
        figure, _, ticks = call(
            functions["draw_heatmap"],
            "key",
            ticks,
            sorting,
            "",
            None,
            None,
            "zero",
            drawn,
            computed.to_json(),
        )
        assert ticks < 1000
    bars = next(trace for trace in figure["data"] if trace["name"] == "statistic")
    assert bars["y"] == [str(channel) for channel in figure["layout"]["meta"]["channels"]]
