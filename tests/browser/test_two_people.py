"""Two people at once: neither sees anything of the other's, whichever worker answers."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.indices import encode_indices
from tests.browser.conftest import Open
from tests.browser.drawing import clear_lasso
from tests.browser.screen import Screen
from tests.browser.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

CALLBACKS = "/_dash-update-component"
LOW, HIGH = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)


def query(classes: tuple[int, ...], layers: tuple[str, ...], **more: str) -> str:
    pairs = [("classes", encode_indices(classes)), ("per_class", "12"), ("projection", "pca"), *more.items()]
    return f"?{urlencode([*pairs, *(('layer', layer) for layer in layers)])}"


def workers(server: Server, name: str) -> set[int]:
    """Return the processes that answered a browser's callbacks."""
    return {line.worker for line in server.answered() if (line.browser, line.path) == (name, CALLBACKS)}


def test_two_browsers_share_nothing(browse: Open, server: Server, labels: dict[int, int]) -> None:
    ada, ben = browse(user_agent="ada"), browse(user_agent="ben")
    ada.go(query(LOW, ("layer2.0", "layer4.0")))
    ben.go(query(HIGH, ("layer3.0",), sorting="pairwise"))
    ada.settle()
    ben.settle()
    lasso = clear_lasso(ada.points("layer4.0"))
    ada.drag(lasso.corners)
    preview = ben.page.locator(f"#{ids.DATASET_IMAGES} .ce-image").first
    preview.click()
    (image,) = ben.eventually(ben.gallery, lambda found: len(found) == 1)
    assert labels[image] in HIGH and {labels[one] for one in lasso.images} <= set(LOW)
    ada.eventually(ada.marked, ada.expected_marks(lasso.images, labels))
    ben.eventually(ben.marked, ben.expected_marks([image], labels))

    ada.part("layers", "row", "layer3.0").click()
    ben.click_cell("heatmap", "layer3.0", 3, 2)
    ada.eventually(ada.panels, ["layer2.0", "layer4.0", "layer3.0"])
    channel = ben.eventually(lambda: ben.selection().marks.channel, lambda found: found is not None)
    assert channel is not None and channel.layer == "layer3.0"
    ada.settle()

    # What each sees is what each did, and no more.
    expect_alone(ada, LOW, ada.panels(), lasso.images, labels)
    expect_alone(ben, HIGH, ["layer3.0"], [image], labels)
    assert ada.selection().marks.channel is None
    assert ada.figure("scatterplot", "layer3.0")["bar"] is None
    assert ben.eventually(lambda: ben.figure("scatterplot", "layer3.0")["bar"], lambda bar: bar is not None)
    ada.page.keyboard.press("Escape")
    ada.eventually(ada.marked, ada.expected_marks([], labels))
    assert ben.marked() == ben.expected_marks([image], labels)
    assert ben.selection().marks.channel == channel

    # Both workers had a part in it, for both.
    controls = (ada, "ada"), (ben, "ben")
    for turn in range(40):
        if all(len(workers(server, name)) == 2 for _, name in controls):
            break
        for person, _ in controls:
            person.page.locator(f"#{ids.SORTING}").select_option(("none", "variance")[turn % 2])
            person.settle()
    assert workers(server, "ada") == workers(server, "ben")
    assert len(workers(server, "ada")) == 2
    expect_alone(ben, HIGH, ["layer3.0"], [image], labels)


def expect_alone(
    person: Screen, classes: tuple[int, ...], panels: list[str], images: list[int], labels: dict[int, int]
) -> None:
    person.eventually(person.marked, person.expected_marks(images, labels))
    selection = person.selection()
    assert selection.view.classes == classes
    assert list(selection.layers) == person.panels() == panels
    for layer in panels:
        assert {labels[one] for one in person.points(layer)["images"]} == set(classes)
    chosen = person.page.locator(f"#{ids.CLASSES} input:checked")
    assert chosen.count() == len(classes)
