"""New latents through the real callbacks: asked for, placed, told about, removed."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
from dash import no_update
from dash.exceptions import PreventUpdate

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.new_images import new_image_arrows
from channelexplorer_dash.layouts.page import latent_choices
from channelexplorer_dash.results.answers import Pending
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import Call, prop
from tests.callbacks.test_new_images import sent

STATES = View("digits-diffusion", "diffusion-digits")
BLOCK = "mid_block"
PART = ids.part("new", "placed", BLOCK)


@pytest.fixture(scope="module")
def drawn(explorer: Explorer) -> View:
    deadline = time.monotonic() + 120
    while isinstance(explorer.drawn(STATES.dataset), Pending) and time.monotonic() < deadline:
        time.sleep(0.1)
    return STATES


def take(call: Call, functions: Callbacks, held: Any, *asked: Any, files: Any = None) -> Any:
    by = prop(ids.NEW_FILES, "data") if files else prop(ids.LATENT_PLACE, "n_clicks")
    view = STATES.to_json()
    return call(functions["take_new"], files, None, 1, held, *asked, view, triggered={by: files or 1})


def place(call: Call, functions: Callbacks, new: Any, view: View) -> Any:
    deadline, ticks, placed = time.monotonic() + 120, 0, no_update
    while placed is no_update and time.monotonic() < deadline:
        placed, ticks = call(functions["place_new"], new, "drawn", ticks, "pca", PART, None, view.to_json())
        time.sleep(0.05)
    return placed


def test_a_latent_is_placed_and_told_about(call: Call, functions: Callbacks, drawn: View) -> None:
    new, note = take(call, functions, None, "4", 1000, "all")
    assert note == [] and len(new) == 1
    waiting, hidden = call(functions["show_new"], new, [None], "pca", drawn.to_json())
    assert "being placed" in str(waiting) and not hidden
    placed = place(call, functions, new, drawn)
    assert placed["layer"] == BLOCK and [len(way) for way in placed["ways"]] == [10]
    arrows = new_image_arrows("pca", placed)
    assert [arrow["text"] for arrow in arrows] == [""] * 9 + ["<b>1</b>"]
    assert [(arrow["ax"], arrow["ay"]) for arrow in arrows[1:9]] == [
        (arrow["x"], arrow["y"]) for arrow in arrows[:8]
    ]
    cards, hidden = call(functions["show_new"], new, [placed], "pca", drawn.to_json())
    text = str(cards)
    assert not hidden and "4, seed 1000" in text and "drawn as 4" in text and "data:image/webp" in text
    assert "predicted 4 at " in text and "off on average" in text
    # A second one joins it; the same one does not.
    more, _ = take(call, functions, new, "5", 1000, "444")
    assert len(more) == 2 and take(call, functions, more, "5", 1000, "444")[0] == more
    cards, _ = call(
        functions["show_new"], more, [place(call, functions, more, drawn)], "pca", drawn.to_json()
    )
    assert "drawn as 5, timestep 444" in str(cards)
    # What is of states is nothing for a model of images, and the other way round.
    other = View("digits-resnet", "digits").to_json()
    assert call(functions["show_new"], more, [], "pca", other) == ([], True)
    assert call(functions["show_new"], [{"key": "x"}], [], "pca", drawn.to_json()) == ([], True)


def test_a_file_is_a_latent_too(call: Call, functions: Callbacks, explorer: Explorer, drawn: View) -> None:
    buffer = io.BytesIO()
    np.save(buffer, explorer.dataset("diffusion-digits").values(5))  # type: ignore[attr-defined]
    files = {"files": [sent("state.npy", buffer.getvalue())]}
    # Its noise needs no seed.
    new, note = take(call, functions, None, "0", None, "444", files=files)
    assert note == [] and new[0]["latent"]["name"] == "state.npy" and new[0]["latent"]["timestep"] == 444
    cards, _ = call(functions["show_new"], new, [place(call, functions, new, drawn)], "pca", drawn.to_json())
    assert "state.npy" in str(cards)
    triggered = {prop(ids.NEW_CLEAR, "n_clicks"): 1}
    gone = call(
        functions["take_new"], None, 1, None, new, "0", 20, "all", drawn.to_json(), triggered=triggered
    )
    assert gone == ([], [])
    again = call(functions["place_new"], new, "drawn", 0, "pca", PART, None, drawn.to_json())
    assert "Drop it again" in again[0]["error"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("4", 3, "all"), "already"),
        (("4", None, "all"), "whole numbers"),
        (("12", 100, "all"), "no class 12"),
        (("4", 100, "5"), "timestep 5"),
    ],
)
def test_what_cannot_be_placed_says_why(
    call: Call, functions: Callbacks, drawn: View, asked: tuple[Any, ...], said: str
) -> None:
    new, note = take(call, functions, None, *asked)
    assert new is no_update and said in str(note)


def test_wrong_files_and_too_many_latents_say_why(call: Call, functions: Callbacks, drawn: View) -> None:
    files = {"files": [sent("five.txt", b"words")]}
    assert "five.txt cannot be read as .npy" in str(take(call, functions, None, "0", 20, "all", files=files))
    held: Any = None
    for seed in range(20, 26):
        held, _ = take(call, functions, held, "0", seed, "all")
    new, note = take(call, functions, held, "0", 26, "all")
    assert new is no_update and "At most 6" in str(note)
    with pytest.raises(PreventUpdate):
        call(functions["take_new"], None, None, None, None, "0", 0, "all", drawn.to_json(), triggered={})


def test_the_choices_are_those_of_the_dataset(explorer: Explorer, drawn: View) -> None:
    choices = latent_choices(explorer, drawn)
    assert choices is not None
    assert (choices.seed, choices.timesteps[0], choices.timesteps[-1]) == (20, 999, 0)
    assert latent_choices(explorer, View("digits-resnet", "diffusion-digits")) is None
