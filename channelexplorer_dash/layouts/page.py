"""The page of one selection, and the page that says why a link cannot be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component

from channelexplorer_dash import ids
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.layouts.controls import header, toolbar
from channelexplorer_dash.layouts.dataset_view import dataset_view
from channelexplorer_dash.layouts.inspector import inspector
from channelexplorer_dash.layouts.layers_view import layers_view
from channelexplorer_dash.layouts.panel import empty_panels, panel
from channelexplorer_dash.layouts.urls import Urls
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.results import Sample
from channelexplorer_dash.selection import Selection, encode_indices
from channelexplorer_dash.settings import Settings


def page(
    selection: Selection,
    layers: Sequence[Layer] | None,
    dataset: Dataset,
    sample: Sample,
    settings: Settings,
    urls: Urls,
) -> Component:
    """Return the whole page of a selection.

    Parameters
    ----------
    layers
        The layers whose panels are open from the start; None while the model is not described yet:
        the panels open as soon as it is.
    """
    spec = next(s for s in settings.datasets if s.name == dataset.name)
    poll = settings.poll_milliseconds
    opened = [panel(layer, poll) for layer in layers or ()]
    return html.Div(
        [
            *_state(selection, layers, sample),
            header(selection, settings.models, settings.datasets, urls),
            html.Div(
                [
                    html.Div(
                        [
                            dataset_view(selection.view, dataset, sample, spec.licence),
                            layers_view(selection.granularity, poll),
                        ],
                        className="ce-left",
                    ),
                    html.Main(
                        [
                            toolbar(selection),
                            html.Div(
                                opened or empty_panels("Reading the model …"), id=ids.PANELS, className="ce-panels"
                            ),
                        ],
                        className="ce-middle",
                    ),
                    inspector(poll),
                ],
                className="ce-columns",
            ),
        ],
        className="ce-app",
        **{"data-media": urls.media(selection.view.dataset)},
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


def sample_state(sample: Sample) -> dict[str, Any]:
    """Return what the page's script needs of the sample: labels, names and image ids of each class."""
    labels = np.unique(sample.labels)
    return {
        "labels": labels.tolist(),
        "names": [sample.class_names[label] for label in labels],
        "images": [encode_indices(sample.image_ids[sample.labels == label].tolist()) for label in labels],
    }


def _state(selection: Selection, layers: Sequence[Layer] | None, sample: Sample) -> list[Component]:
    stores: Mapping[str, Any] = {
        ids.VIEW: selection.view.to_json(),
        ids.SAMPLE: sample_state(sample),
        ids.LAYERS: [layer.name for layer in layers or ()],
        ids.WANTED: None if layers is not None else list(selection.layers),
        ids.DESCRIBED: None,
        ids.MARKS: selection.marks.to_json(),
        ids.MARKED_IMAGES: None,
        ids.MARKED_CHANNEL: None,
        ids.MARKED_PAIR: None,
    }
    return [dcc.Store(id=name, data=data) for name, data in stores.items()]
