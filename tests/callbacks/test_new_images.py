"""Dropped images through the real callbacks: taken, placed, told about, removed."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

import pytest
from dash import no_update
from dash.exceptions import PreventUpdate
from PIL import Image

from channelexplorer_dash import ids
from channelexplorer_dash.callbacks import Callbacks
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.figures.new_images import new_image_arrows
from channelexplorer_dash.selection import View
from tests.callbacks.conftest import LAYER, Call, prop

NO_LATENT = ("0", 0, "all")
PART = ids.part("new", "placed", LAYER)


def sent(name: str, content: bytes) -> dict[str, str]:
    return {"name": name, "content": "data:;base64," + base64.b64encode(content).decode()}


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def take(call: Call, functions: Callbacks, files: Any) -> Any:
    triggered = {prop(ids.NEW_FILES, "data"): files}
    view = View("digits-resnet", "digits").to_json()
    return call(functions["take_new"], files, None, None, None, *NO_LATENT, view, triggered=triggered)


def test_a_dropped_image_is_taken_placed_and_told_about(
    call: Call, functions: Callbacks, explorer: Explorer, computed: View
) -> None:
    image = explorer.dataset("digits").image(5)
    taken, note = take(call, functions, {"files": [sent("five.png", png(image)), sent("b.txt", b"words")]})
    assert len(taken) == 1 and taken[0]["thumbnail"].startswith("data:image/webp;base64,")
    assert "b.txt is not an image" in str(note)
    deadline, ticks, placed = time.monotonic() + 60, 0, no_update
    while placed is no_update and time.monotonic() < deadline:
        placed, wanted = call(
            functions["place_new"], taken, "drawn", ticks, "pca", PART, None, computed.to_json()
        )
        ticks = wanted
        time.sleep(0.05)
    assert placed["layer"] == LAYER and len(placed["ways"]) == 1
    assert [arrow["text"] for arrow in new_image_arrows("pca", placed)] == ["<b>1</b>"]
    assert new_image_arrows("umap", placed) == [] and new_image_arrows("pca", None) == []
    content, hidden = call(functions["show_new"], taken, [placed], "pca", computed.to_json())
    text = str(content)
    assert not hidden and "five.png" in text and "predicted" in text
    assert "active channels" in text and f"{LAYER}:" in text
    triggered = {prop(ids.NEW_CLEAR, "n_clicks"): 1}
    view = computed.to_json()
    removed = call(functions["take_new"], None, 1, None, taken, *NO_LATENT, view, triggered=triggered)
    assert removed == ([], [])
    gone, _ = call(functions["place_new"], taken, "drawn", 0, "pca", PART, None, computed.to_json())
    assert "Drop it again" in gone["error"]
    content, _ = call(functions["show_new"], taken, [gone], "pca", computed.to_json())
    assert "Drop it again" in str(content)


def test_without_new_images_nothing_is_asked(call: Call, functions: Callbacks, computed: View) -> None:
    view = computed.to_json()
    assert call(functions["place_new"], [], "drawn", 3, "pca", PART, None, view) == (no_update, 3)
    assert call(functions["place_new"], None, "drawn", 3, "pca", PART, {"layer": 1}, view) == (None, 3)
    assert call(functions["show_new"], None, [], "pca", view) == ([], True)
    with pytest.raises(PreventUpdate):
        call(functions["place_new"], [{"key": "x"}], None, 0, "pca", PART, None, view)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"error": "too large"}, "too large"),
        ({"files": [sent("a.png", b"x")] * 7}, "7 files"),
        ({"files": [sent("a.png", b"x" * 5_100_000)]}, "5.1 MB; 5 MB"),
        ({"files": [{"name": "a", "content": "data:;base64,???"}]}, "cannot be read"),
        ({"files": 3}, "cannot be read"),
        ("files", "cannot be read"),
    ],
)
def test_what_cannot_be_taken_says_why(call: Call, functions: Callbacks, files: Any, said: str) -> None:
    taken, note = take(call, functions, files)
    assert taken is no_update and said in str(note)
