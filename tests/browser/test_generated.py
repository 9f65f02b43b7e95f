"""Generated datasets as a person uses them: drawn, explored, with trajectories and the timestep slider."""

from __future__ import annotations

import pytest

from channelexplorer_dash import ids
from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

LAYER = "mid_block"
QUERY = f"?model=digits-diffusion&dataset=diffusion-digits&projection=pca&layer={LAYER}&colour_by=timestep"
WAYS = "g => g.querySelector('.js-plotly-plot').data[2].x.filter(x => x === null).length"


def test_states_are_drawn_and_followed_from_noise_to_image(screen: Screen) -> None:
    screen.open(QUERY)
    graph = screen.part("scatterplot", "graph", LAYER)
    screen.eventually(lambda: graph.evaluate("g => g.querySelector('.js-plotly-plot').data.length"), 3)
    assert graph.evaluate(WAYS) == 0
    screen.page.locator(f"#{ids.TRAJECTORIES}").get_by_text("On", exact=True).click()
    screen.eventually(lambda: graph.evaluate(WAYS), 199)
    slider = screen.page.locator(f"#{ids.TIMESTEP}")
    slider.focus()
    for _ in range(10):
        screen.page.keyboard.press("ArrowRight")
    screen.eventually(screen.page.locator(f"#{ids.TIMESTEP_SHOWN}").inner_text, "0")
    # The last of the ten timesteps of each of the 200 trajectories.
    screen.eventually(lambda: screen.selection().marks.images, tuple(range(9, 2000, 10)))
    screen.settle()
    screen.page.locator(f"#{ids.MEASURES_OPEN}").click()
    screen.page.get_by_role("tab", name="Layers × timesteps").click()
    screen.page.locator(f"#{ids.APART_GRAPH} .heatmaplayer image").first.wait_for()
    assert "mid_block: timestep 999" in screen.page.locator(f"#{ids.APART_NOTE}").inner_text()
    screen.page.keyboard.press("Escape")
    screen.open(screen.query())
    assert screen.page.locator(f"#{ids.TRAJECTORIES} input[value=on]").is_checked()


def test_the_gan_is_explored_with_the_way_between_two_latents(screen: Screen) -> None:
    screen.open("?model=digits-gan&dataset=gan-digits&projection=pca&layer=blocks.1&trajectories=on")
    graph = screen.part("scatterplot", "graph", "blocks.1")
    # Ten ways of ten latents each, with nine gaps.
    screen.eventually(
        lambda: graph.evaluate("g => (g.querySelector('.js-plotly-plot').data[2] || {x: []}).x.length"), 109
    )
    assert not screen.page.locator(f"#{ids.TIMESTEP}").is_visible()
