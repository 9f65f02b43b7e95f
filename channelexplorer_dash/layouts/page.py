"""The page of one selection, and the page that says why a link cannot be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.datasets.base import IMAGE_ID, LABEL, SOURCE, Dataset
from channelexplorer_dash.datasets.generated import TIMESTEP, TRAJECTORY
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.explorer.contributions import Ablated, Groups
from channelexplorer_dash.explorer.steps import has_timesteps
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.layouts.attributes import data
from channelexplorer_dash.layouts.compare_panel import compare_panel
from channelexplorer_dash.layouts.controls import LOOKS, Choice, header, toolbar
from channelexplorer_dash.layouts.dataset_view import dataset_view
from channelexplorer_dash.layouts.inspector import inspector
from channelexplorer_dash.layouts.layers_view import layers_view
from channelexplorer_dash.layouts.measures_panel import measures_panel
from channelexplorer_dash.layouts.new_images import new_images
from channelexplorer_dash.layouts.new_latents import LatentChoices
from channelexplorer_dash.layouts.panel import empty_panels, panel
from channelexplorer_dash.layouts.review import review
from channelexplorer_dash.layouts.scorecard import scorecard_panel
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results.answers import Pending, Sample
from channelexplorer_dash.selection import MAX_QUERY_CHARACTERS, Selection, View


def page(explorer: Explorer, selection: Selection, urls: Urls) -> Component:
    """Return the whole page of a selection.

    The panels are there from the start where the model is described already; else they open as soon
    as it is.
    """
    view, poll = selection.view, explorer.settings.poll_milliseconds
    dataset, sample = explorer.dataset(view.dataset), explorer.sample(view)
    spec = next(spec for spec in explorer.datasets() if spec.name == view.dataset)
    layers = _open_layers(explorer, selection)
    timesteps = timestep_state(dataset, sample)
    opened = [panel(layer, poll) for layer in layers or ()]
    return html.Div(
        [
            *_state(selection, layers, sample),
            dcc.Store(id=ids.TIMESTEPS, data=timesteps),
            header(selection, explorer.models(), explorer.datasets(), further_columns(dataset), urls),
            html.Div(
                [
                    html.Div(
                        [
                            dataset_view(view, dataset, sample, spec.licence),
                            layers_view(selection.granularity, selection.layers_as, selection.measure),
                        ],
                        className="ce-left",
                    ),
                    html.Main(
                        [
                            toolbar(
                                selection,
                                trajectories=TRAJECTORY in dataset.table.columns,
                                timesteps=len(timesteps["names"]),
                            ),
                            html.Div(
                                opened or empty_panels("Reading the model …"),
                                id=ids.PANELS,
                                className="ce-panels",
                            ),
                        ],
                        className="ce-middle",
                    ),
                    inspector(
                        poll,
                        class_choices(view, dataset),
                        review(dataset.class_names, explorer.labels.reviewer),
                        new_images(explorer.settings.new_images_mb, latent_choices(explorer, view)),
                        told_apart=bool(selection.contrast),
                    ),
                ],
                className="ce-columns",
            ),
            scorecard_panel(class_choices(view, dataset), poll),
            measures_panel(stepped=bool(timesteps["names"])),
            compare_panel(),
        ],
        className="ce-app is-panels" if selection.show == "panels" else "ce-app",
        **_for_the_script(selection, urls, poll),
    )


def error_page(message: str, urls: Urls) -> Component:
    """Return the page that says why a link cannot be shown, with a way to start again."""
    return html.Main(
        [
            html.H1("This view cannot be shown"),
            html.P(message, role="alert"),
            html.A("Start again", href=urls.home(), className="ce-button ce-primary"),
        ],
        className="ce-error-page",
    )


def _for_the_script(selection: Selection, urls: Urls, poll: int) -> dict[str, Any]:
    """Return what the page's script needs to write the address, and to show thumbnails."""
    view = selection.view
    # The share is written by the script, as it changes without a new page.
    plain = Selection(replace(view, top_fraction=View.top_fraction), show=selection.show)
    return data(
        media=urls.media(view.dataset),
        query=plain.to_query(),
        looks=json.dumps([[name, getattr(plain, name)] for name in LOOKS]),
        share=str(View.top_fraction),
        poll=str(poll),
        query_limit=str(MAX_QUERY_CHARACTERS),
    )


def class_choices(view: View, dataset: Dataset) -> list[Choice]:
    """Return label and name of the classes that take part."""
    labels = range(len(dataset.class_names)) if view.classes is None else view.classes
    return [(str(label), dataset.class_names[label]) for label in labels]


def latent_choices(explorer: Explorer, view: View) -> LatentChoices | None:
    """Return what a new latent can be; None where the model does not start from those of the dataset."""
    if not explorer.new_latents.takes(view):
        return None
    names = explorer.dataset(view.dataset).class_names
    return LatentChoices(
        [(str(label), name) for label, name in enumerate(names)],
        explorer.new_latents.timesteps(view.dataset),
        explorer.new_latents.next_seed(view.dataset),
    )


def further_columns(dataset: Dataset) -> list[str]:
    """Return the columns that a dataset has beside its images and labels: points are coloured by them."""
    return [name for name in dataset.table.columns if name not in {IMAGE_ID, LABEL, SOURCE}]


def sample_state(sample: Sample) -> dict[str, Any]:
    """Return what the page's script needs of the sample: labels, names and image ids of each class."""
    labels = np.unique(sample.labels)
    return {
        "labels": labels.tolist(),
        "names": [sample.class_names[label] for label in labels],
        "images": [encode_indices(sample.image_ids[sample.labels == label].tolist()) for label in labels],
    }


def timestep_state(dataset: Dataset, sample: Sample) -> dict[str, Any]:
    """Return the timesteps of a sample, from noise to image, and the image ids of each; none for others."""
    if not has_timesteps(dataset):
        return {"names": [], "images": []}
    at = dataset.table[TIMESTEP].to_numpy()[sample.image_ids]
    steps = np.unique(at)[::-1]
    return {
        "names": [str(step) for step in steps],
        "images": [encode_indices(sample.image_ids[at == step].tolist()) for step in steps],
    }


def _open_layers(explorer: Explorer, selection: Selection) -> list[Layer] | None:
    answer = explorer.describe(selection.view.model)
    if isinstance(answer, Pending):
        return None
    names = selection.layers or explorer.default_layers(answer.value)
    return [answer.value.layer(name) for name in names]


def _asked(asked: Ablated | Groups | None) -> dict[str, Any] | None:
    return None if asked is None else asked.to_json()


def _state(selection: Selection, layers: Sequence[Layer] | None, sample: Sample) -> list[Component]:
    stores: Mapping[str, Any] = {
        ids.VIEW: selection.view.to_json(),
        ids.SHOW: selection.show,
        ids.SAMPLE: sample_state(sample),
        ids.LAYERS: [layer.name for layer in layers or ()],
        ids.WANTED: None if layers is not None else list(selection.layers),
        ids.DESCRIBED: None,
        ids.PROFILED: None,
        ids.JOB_CONTROL: None,
        ids.MARKS: selection.marks.to_json(),
        ids.MARKED_IMAGES: None,
        ids.MARKED_CHANNEL: None,
        ids.MARKED_PAIR: None,
        ids.ABLATED: _asked(Ablated.from_link(selection.ablate)),
        ids.GROUPS: _asked(Groups.from_link(selection.contrast)),
        ids.CONTRAST_MARKS: None,
        ids.SCORECARD_ASKED: None,
        ids.EFFECTS_ASKED: None,
        ids.EFFECTS_THERE: None,
        ids.REVIEWED: None,
        ids.DECIDED: None,
        ids.REVIEW_EVENT: None,
        ids.REVIEW_PAGE: 0,
        ids.REVIEW_DRAWN: None,
        ids.CLASSES_DRAWN: None,
    }
    return [dcc.Store(id=name, data=data) for name, data in stores.items()]
