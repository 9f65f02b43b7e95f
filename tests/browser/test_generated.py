"""Generated datasets as a person uses them: drawn, explored, with trajectories and the timestep slider."""

from __future__ import annotations

import pytest

from channelexplorer_dash import ids
from channelexplorer_dash.selection import Only
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


def test_a_new_latent_is_placed_and_a_few_timesteps_are_chosen(screen: Screen) -> None:
    screen.open(QUERY)
    page = screen.page
    graph = screen.graph("scatterplot", LAYER)
    screen.settle()
    page.locator(f"#{ids.LATENT_CLASS}").select_option("4")
    page.locator(f"#{ids.LATENT_SEED}").fill("3")
    page.locator(f"#{ids.LATENT_PLACE}").click()
    page.locator(f"#{ids.NEW_NOTE}", has_text="The seed 3 is in diffusion-digits already").wait_for()
    page.locator(f"#{ids.LATENT_SEED}").fill("1000")
    page.locator(f"#{ids.LATENT_PLACE}").click()
    page.locator(".ce-latent-table").wait_for()
    assert "predicted 4 at" in page.locator(f"#{ids.NEW_CARDS}").inner_text()
    # The number at the noise, and nine steps from there to the image.
    screen.eventually(graph.locator("g.annotation").count, 10)
    # Only noise and image: the page is built anew, and keeps the latent.
    page.locator(".ce-only summary").click()
    for step in (111, 222, 333, 444, 555, 666, 777, 888):
        page.locator(".ce-only-values").get_by_text(str(step), exact=True).click()
    page.locator(".ce-only-column input[type=text]").fill("0-9")
    page.click(f"#{ids.APPLY}")
    page.locator(".ce-dataset .ce-count", has_text="200 of 2,000").wait_for()
    screen.settle()
    assert screen.selection().view.only == (Only("seed", ("0..9",)), Only("timestep", ("0", "999")))
    screen.eventually(graph.locator("g.annotation").count, 10)
    page.click(f"#{ids.NEW_CLEAR}")
    screen.eventually(graph.locator("g.annotation").count, 0)
    screen.open(screen.query())
    page.locator(".ce-dataset .ce-count", has_text="200 of 2,000").wait_for()
    assert page.locator(".ce-only-column input[type=text]").input_value() == "0–9"
