"""A browser's part of the conversation: the requests that a page of one open panel sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from dash import Dash

from benchmarks.requests import payload
from benchmarks.wide import LAYER
from channelexplorer_dash import ids
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.results.answers import Ready
from channelexplorer_dash.selection import View

VIEWS = ("scatterplot", "jaccard", "heatmap")


class Visit:
    """Requests by the name of the callback that answers them.

    Attributes
    ----------
    outputs
        Name of a callback's function → its key in ``app.callback_map``.
    """

    def __init__(self, app: Dash, view: View) -> None:
        self._app = app
        self._values: dict[str, Any] = {
            f"{ids.VIEW}.data": view.to_json(),
            f"{ids.ROUTE}.data": {"search": ""},
            f"{ids.GRANULARITY}.value": "block",
            f"{ids.COLOUR_BY}.value": "class",
            f"{ids.PROJECTION}.value": "pca",
            f"{ids.JACCARD_MODE}.value": "auto",
            f"{ids.JACCARD_ORDER}.value": "hierarchy",
            f"{ids.SORTING}.value": "variance",
            f"{ids.MODEL}.value": view.model,
            f"{ids.DATASET}.value": view.dataset,
            f"{ids.SUMMARY}.value": view.summary,
            f"{ids.NORMALISATION}.value": view.normalisation,
            f"{ids.CLUSTERS}.value": "auto",
            f"{ids.DISTANCE}.value": "jaccard",
            f"{ids.LEAVES}.value": "classes",
            f"{ids.EXPORT_CSV}.n_clicks": 1,
            f"{ids.LAYERS}.data": [],
            f"{ids.WANTED}.data": [],
            f"{ids.PROFILED}.data": True,
        }
        self._values |= {
            f'{{"panel":["MATCH"],"part":"version","view":"{name}"}}.data': "version"
            for name in (*VIEWS, "hierarchy", "clusters")
        }
        self.outputs = {
            spec["callback"].__wrapped__.__name__: output
            for output, spec in app.callback_map.items()
            if "callback" in spec
        }

    def request(self, name: str, **changed: Any) -> dict[str, Any]:
        """Return the body of a request.

        Parameters
        ----------
        changed
            Values that differ from those of a page on which nothing is marked, by ``id.property``.
        """
        return payload(self._app, self.outputs[name], self._values | changed, LAYER)


def lassos(explorer: Explorer, view: View, count: int, seed: int = 0) -> Iterator[str]:
    """Yield compact lists of images: discs of the scatterplot with 1 to 20 % of them."""
    answer = explorer.scatter(view, LAYER, "pca")
    assert isinstance(answer, Ready)
    xy, known = answer.value.xy, answer.value.sample.image_ids
    generator = np.random.default_rng(seed)
    for share in generator.uniform(0.01, 0.2, size=count):
        centre = xy[generator.integers(len(xy))]
        near = np.argsort(((xy - centre) ** 2).sum(axis=1))[: max(1, int(share * len(xy)))]
        yield encode_indices(known[near].tolist())
