"""The part of the explorer that looks at two models at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from channelexplorer_dash.choices import Granularity
from channelexplorer_dash.core.arrays import DoubleArray
from channelexplorer_dash.core.change import layer_beside
from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import comparing
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.comparing import Comparison, MatchedChannels
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.explorer.measuring import AllLayers
from channelexplorer_dash.models.description import ModelDescription
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.selection import View
from channelexplorer_dash.store import Kind


@dataclass(frozen=True)
class LayerMap:
    """How alike all layers of two models are: their names, and linear CKA, float64 (first's, second's)."""

    names: tuple[tuple[str, ...], tuple[str, ...]]
    cka: DoubleArray

    def of(self, first: str, second: str) -> float | None:
        """Return the CKA of two layers, or None where one is of another granularity."""
        if first not in self.names[0] or second not in self.names[1]:
            return None
        return float(self.cka[self.names[0].index(first), self.names[1].index(second)])

    def most_alike(self, first: str) -> str | None:
        """Return the second model's layer that is most alike; the earliest of several."""
        if first not in self.names[0]:
            return None
        return self.names[1][int(self.cka[self.names[0].index(first)].argmax())]


@dataclass(frozen=True)
class TwoModels:
    """Answers questions about a view's model and another one, on the same images.

    Attributes
    ----------
    all_layers, prepare, output_names
        What the explorer knows of each of them: its layers, one layer whose S is there, its outputs' names.
    """

    catalogue: Catalogue
    work: LayerWork
    all_layers: Callable[[View, Granularity], AllLayers | Pending]
    prepare: Callable[[View, str], Prepared | Pending]
    output_names: Callable[[View, Dataset], tuple[str, ...]]

    def compare(self, view: View, other: str, granularity: Granularity) -> Answer[Comparison]:
        """Return what changed from the view's model to another one, once both have been measured.

        Raises
        ------
        UnknownNameError
            If there is no such model.
        SelectionError
            If it is the view's own.
        """
        both = self._both(view, other, granularity)
        if isinstance(both, Pending):
            return both
        dataset = self.catalogue.dataset(view.dataset)
        return comparing.compare(*both, [self.output_names(one.view, dataset) for one in both])

    def channels(self, view: View, layer: str, other: str, other_layer: str) -> Answer[MatchedChannels]:
        """Return the channels of a layer matched with those of a layer of another model.

        Raises
        ------
        UnknownNameError, SelectionError
            As :meth:`compare`, or if there is no such layer.
        """
        own, others = self.views(view, other)
        first, second = self.prepare(own, layer), self.prepare(others, other_layer)
        if isinstance(first, Pending):
            return first
        return second if isinstance(second, Pending) else comparing.matched(self.work, first, second)

    def described(
        self, view: View, other: str, granularity: Granularity
    ) -> Answer[tuple[ModelDescription, ModelDescription]]:
        """Return the layers of both models; raise an error as :meth:`compare` does."""
        both = self._both(view, other, granularity)
        if isinstance(both, Pending):
            return both
        return Ready((both[0].description, both[1].description), both[0].key + both[1].key)

    def alike(self, view: View, other: str, granularity: Granularity) -> Answer[LayerMap]:
        """Return how alike the layers of both are, once both have been run over the images of the view.

        Raises
        ------
        UnknownNameError, SelectionError
            As :meth:`compare`.
        """
        both = self._both(view, other, granularity)
        if isinstance(both, Pending):
            return both
        first, second = both
        if job := first.summaries() or second.summaries():
            return Pending(job)
        cka = comparing.cka_map(first, second)
        if isinstance(cka, Pending):
            return cka
        names = tuple(layer.name for layer in first.layers), tuple(layer.name for layer in second.layers)
        found = np.asarray(first.work.store.array(Kind.ARRAY, cka.value))
        return Ready(LayerMap(names, found), cka.key)

    def beside(self, view: View, other: str, granularity: Granularity, layer: str) -> Answer[str]:
        """Return the layer of another model to be shown beside one of the view's model.

        That of the same name, where all layers of both have the same names (two checkpoints of one network).
        Else the one that is most alike by CKA where that is known, and the one of the same name, or at the
        same share of the depth, where it is not: it does not wait for the CKA, but has it computed.

        Raises
        ------
        UnknownNameError, SelectionError
            As :meth:`compare`, or if there is no such layer.
        """
        both = self._both(view, other, granularity)
        if isinstance(both, Pending):
            return both
        both[0].description.layer(layer)
        key = both[0].key + both[1].key
        own, others = ([found.name for found in one.description.layers] for one in both)
        if own == others:
            return Ready(layer, key)
        known = self.alike(view, other, granularity)
        name = known.value.most_alike(layer) if isinstance(known, Ready) else None
        if name is None:
            # Another granularity's layer is found among all of them.
            first, second = ([found.name for found in one.layers] for one in both)
            name = layer_beside(layer, first, second) if layer in first else layer_beside(layer, own, others)
        return Ready(name, key)

    def views(self, view: View, other: str) -> tuple[View, View]:
        """Return the view of each of the two models; raise an error where they cannot be compared."""
        own, others = self.catalogue.model(view.model), self.catalogue.model(other)
        if other == view.model:
            raise SelectionError("A model is compared with another one. Choose another under Compare with.")
        if own.takes != others.takes:
            raise SelectionError(
                f"{own.name} takes {own.takes}, and {other} takes {others.takes}: they cannot be given the "
                "same dataset. Choose another under Compare with."
            )
        return view, replace(view, model=other)

    def _both(
        self, view: View, other: str, granularity: Granularity
    ) -> tuple[AllLayers, AllLayers] | Pending:
        views = self.views(view, other)
        first, second = (self.all_layers(one, granularity) for one in views)
        if isinstance(first, Pending):
            return first
        return second if isinstance(second, Pending) else (first, second)
