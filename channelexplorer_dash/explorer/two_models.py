"""The part of the explorer that looks at two models at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from channelexplorer_dash.datasets.base import Dataset
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import comparing
from channelexplorer_dash.explorer.answers import Prepared
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.comparing import Comparison, MatchedChannels
from channelexplorer_dash.explorer.layerwork import LayerWork
from channelexplorer_dash.explorer.measuring import AllLayers
from channelexplorer_dash.results import Answer, Pending
from channelexplorer_dash.selection import Granularity, View


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
        views = self.views(view, other)
        first, second = (self.all_layers(one, granularity) for one in views)
        if isinstance(first, Pending):
            return first
        if isinstance(second, Pending):
            return second
        dataset = self.catalogue.dataset(view.dataset)
        return comparing.compare(first, second, [self.output_names(one, dataset) for one in views])

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

    def views(self, view: View, other: str) -> tuple[View, View]:
        """Return the view of each of the two models; raise an error where the other one is none."""
        self.catalogue.model(other)
        if other == view.model:
            raise SelectionError("A model is compared with another one. Choose another under Compare with.")
        return view, replace(view, model=other)
