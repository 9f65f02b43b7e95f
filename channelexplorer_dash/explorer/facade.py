"""The explorer: everything that the page, the command line and a notebook ask for."""

from __future__ import annotations

import threading

import numpy as np

from channelexplorer_dash.choices import (
    Distance,
    Granularity,
    JaccardMode,
    JaccardOrder,
    Measure,
    Projection,
    Sorting,
    check_granularity,
    check_measure,
    check_projection,
    check_sorting,
)
from channelexplorer_dash.core.arrays import FloatArray, IntArray
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer import answers, contributions, effects, measuring, steps
from channelexplorer_dash.explorer.contributions import Ablated, Fill, Groups
from channelexplorer_dash.explorer.head import head_collapse
from channelexplorer_dash.explorer.hierarchy import clusters, hierarchy
from channelexplorer_dash.explorer.images import (
    ColourValues,
    check_images,
)
from channelexplorer_dash.explorer.images import colours as image_colours
from channelexplorer_dash.explorer.inventory import IMAGE_PATIENCE_SECONDS, Inventory
from channelexplorer_dash.explorer.labels import colour_values, review_layers
from channelexplorer_dash.explorer.new_images import NewImages
from channelexplorer_dash.explorer.new_latents import NewLatents
from channelexplorer_dash.explorer.two_models import TwoModels
from channelexplorer_dash.results.answers import Answer, PanelStatus, Pending, Ready, Sample
from channelexplorer_dash.results.channels import (
    AblationDetail,
    ChannelDetail,
    ContrastDetail,
    ScorecardTable,
)
from channelexplorer_dash.results.images import LabelReview
from channelexplorer_dash.results.layers import ComingApart, HeadCollapse, MeasureMatrix, Profile, StepMatrix
from channelexplorer_dash.results.views import (
    ClassJaccard,
    ClusterAnswer,
    Heatmap,
    Hierarchy,
    Honesty,
    ImageJaccard,
    PairDetail,
    Scatter,
)
from channelexplorer_dash.selection import ChannelMark, Grouping, Marks, PairMark, View
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.store import Kind

PLAIN = Grouping()
# A channel's card asks for a dozen overlays at once. While the engine is busy they would take all threads of
# the server, for everybody; the others are told to ask again.
_OVERLAYS_WAITING = 3


class Explorer(Inventory):
    """Answers questions about models on datasets; computes what is missing on the engine.

    Any number of threads may share one. Nothing is computed before it is asked for.

    Parameters
    ----------
    settings
        The registered models and datasets, the store and the engine.
    batch
        Whether nobody waits in front of a page, so that the engine serves others first.

    Raises
    ------
    StoreError
        If the store cannot be used.
    """

    def __init__(self, settings: Settings, *, batch: bool = False) -> None:
        super().__init__(settings, batch=batch)
        self.two_models = TwoModels(
            self._catalogue, self._work, self._of_all_layers, self._prepare, self._output_names
        )
        self.new_images = NewImages(self._work, self._prepare, self._output_names, self.dataset)
        self.new_latents = NewLatents(self._work, self._catalogue, self._prepare)
        self._overlays_waiting = threading.BoundedSemaphore(_OVERLAYS_WAITING)

    # The three views

    def status(
        self,
        view: View,
        layer: str,
        projection: Projection,
        grouping: Grouping = PLAIN,
        *,
        clustered: bool = False,
    ) -> PanelStatus:
        """Say what a panel can show, and have the engine work on the rest, clusters where ``clustered``."""
        check_projection(projection)
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return PanelStatus(dict.fromkeys((*answers.VIEWS, *answers.PARTS)), described.job)
        found = described.value.layer(layer)
        return self._work.status(view, described.value, found, projection, grouping, clustered=clustered)

    def scatter(self, view: View, layer: str, projection: Projection) -> Answer[Scatter]:
        """Return 2-D positions of the images; PCA's while another projection is computed."""
        check_projection(projection)
        prepared = self._prepare(view, layer)
        return (
            prepared if isinstance(prepared, Pending) else answers.scatter(self._work, prepared, projection)
        )

    def jaccard(
        self,
        view: View,
        layer: str,
        mode: JaccardMode,
        order: JaccardOrder,
        distance: Distance = "jaccard",
    ) -> Answer[ImageJaccard | ClassJaccard]:
        """Return the Jaccard similarity of images or of classes; ``auto`` chooses by their number."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        return answers.jaccard(self._work, prepared, mode, order, Grouping(distance=distance).distance)

    def hierarchy(
        self, view: View, layer: str, grouping: Grouping = PLAIN, order: JaccardOrder = "hierarchy"
    ) -> Answer[Hierarchy]:
        """Return the tree of the classes or subclasses, compared with a known one where there is one."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        tree = self._catalogue.dataset_spec(view.dataset).tree
        return hierarchy(self._work, prepared, grouping, order, tree)

    def clusters(self, view: View, layer: str, grouping: Grouping = PLAIN) -> Answer[ClusterAnswer]:
        """Return the clusters of a layer's images; of one class alone, they are its sub-clusters."""
        prepared = self._prepare(view, layer)
        return prepared if isinstance(prepared, Pending) else clusters(self._work, prepared, grouping)

    def heatmap(
        self, view: View, layer: str, sorting: Sorting, marks: Marks, fill: Fill = "zero"
    ) -> Answer[Heatmap]:
        """Return channels × images, marked images first; effects are those of channels set to ``fill``."""
        check_sorting(sorting)
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return effects.heatmap(self._work, prepared, sorting, marks, names, fill)

    # Generated states

    def steps(self, view: View, granularity: Granularity, measure: Measure = "knn") -> Answer[StepMatrix]:
        """Return how far the classes are apart in every layer at each timestep."""
        asked = self._of_all_layers(view, granularity)
        if isinstance(asked, Pending):
            return asked
        return steps.step_matrix(asked, self.dataset(view.dataset), measure)

    def trajectories(self, view: View, sample: Sample, *, shown: bool) -> IntArray | None:
        """Return the positions in a sample along each trajectory, -1 between two; None for no trajectory."""
        ways = steps.trajectories(self.dataset(view.dataset), sample)
        return ways if ways is None or shown else ways[:0]

    # Details

    def pair(self, view: View, pair: PairMark) -> Answer[PairDetail]:
        """Return the overlap of two images' active sets."""
        prepared = self._prepare(view, pair.layer)
        return prepared if isinstance(prepared, Pending) else answers.pair(self._work, prepared, pair)

    def channel(self, view: View, mark: ChannelMark) -> Answer[ChannelDetail]:
        """Return one channel's values over the sample, and its most activating images."""
        prepared = self._prepare(view, mark.layer)
        return prepared if isinstance(prepared, Pending) else answers.channel(self._work, prepared, mark)

    def scorecard(self, view: View, layer: str, fill: Fill = "zero") -> Answer[ScorecardTable]:
        """Return figures of every channel of a layer; effects of channels set to ``fill`` if measured."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return effects.scorecard(self._work, prepared, names, fill)

    def effects(self, view: View, layer: str, fill: Fill = "zero") -> Answer[str]:
        """Have the effect of ablating every channel of a layer measured, for the scorecard to show."""
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return effects.measure(self._work, prepared, names, fill)

    def contrast(self, view: View, groups: Groups) -> Answer[ContrastDetail]:
        """Return the smallest set of channels that tells two groups of images apart."""
        prepared = self._prepare(view, groups.layer)
        return (
            prepared
            if isinstance(prepared, Pending)
            else contributions.contrast(self._work, prepared, groups)
        )

    def ablation(self, view: View, ablated: Ablated) -> Answer[AblationDetail]:
        """Return what a model answers with channels of a layer held at zero or at their mean."""
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        prepared = self._prepare(view, ablated.layer)
        if isinstance(prepared, Pending):
            return prepared
        names = self._output_names(view, self.dataset(view.dataset))
        return contributions.ablation(self._work, prepared, described.value, ablated, names)

    def overlay(self, view: View, mark: ChannelMark, image_id: int) -> Answer[FloatArray]:
        """Return one channel's activation map of one image, float32 (H, W), recomputed for it alone."""
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        layer = described.value.layer(mark.layer)
        answers.check_channel(layer, mark.channel)
        check_images(self.dataset(view.dataset), np.array([image_id]))
        plan = self._work.plans.overlay(view, described.key, layer, mark.channel, image_id)
        waits = self._overlays_waiting.acquire(blocking=False)
        try:
            patience = IMAGE_PATIENCE_SECONDS if waits else 0
            asked = self._desk.ask(plan, plan.key, Kind.ARRAY, patience=patience)
        finally:
            if waits:
                self._overlays_waiting.release()
        if isinstance(asked, Pending):
            return asked
        return Ready(np.asarray(self._store.array(Kind.ARRAY, asked.key)), asked.key)

    # How far the classes are apart

    def profile(self, view: View, granularity: Granularity, measure: Measure = "knn") -> Answer[Profile]:
        """Return the depth profile, with the layers that are known so far; have the rest computed."""
        check_measure(measure)
        asked = self._of_all_layers(view, granularity)
        return asked if isinstance(asked, Pending) else measuring.profile(asked, measure)

    def measures(self, view: View, granularity: Granularity) -> Answer[MeasureMatrix]:
        """Return every measure of every layer, as far as they are known; have the rest computed."""
        asked = self._of_all_layers(view, granularity)
        return asked if isinstance(asked, Pending) else measuring.matrix(asked)

    def coming_apart(self, view: View, granularity: Granularity) -> Answer[ComingApart]:
        """Return at which layer each pair of classes comes apart, once all layers are known."""
        asked = self._of_all_layers(view, granularity)
        return asked if isinstance(asked, Pending) else measuring.coming_apart(asked)

    def head_collapse(self, view: View, granularity: Granularity) -> Answer[HeadCollapse]:
        """Return NC3 and NC4: how far the model's head agrees with the class means of what it takes in."""
        asked = self._of_all_layers(view, granularity)
        if isinstance(asked, Pending):
            return asked
        dataset = self.dataset(view.dataset)
        return head_collapse(asked, dataset.class_names, self._output_names(view, dataset))

    def honesty(self, view: View, layer: str, projection: Projection) -> Answer[Honesty]:
        """Return how far a layer's picture can be believed."""
        check_projection(projection)
        prepared = self._prepare(view, layer)
        if isinstance(prepared, Pending):
            return prepared
        return measuring.honesty(self._work, prepared.view, prepared.layer, prepared.summary, projection)

    def _of_all_layers(self, view: View, granularity: Granularity) -> measuring.AllLayers | Pending:
        check_granularity(granularity)
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        return measuring.AllLayers(self._work, view, described.value, described.key, granularity)

    def colours(self, view: View, sample: Sample, colour_by: str) -> ColourValues:
        """Return what the images of a sample are coloured by, other than a channel.

        Parameters
        ----------
        colour_by
            ``class``, ``prediction``, ``correct``, ``confidence``, ``suspicion``, ``decision``, or a column
            of the dataset's table.
        """
        dataset = self.dataset(view.dataset)
        if colour_by in {"suspicion", "decision"}:
            review = self.label_review(view) if colour_by == "suspicion" else None
            found = review.value if isinstance(review, Ready) else None
            return colour_values(sample, found, self.labels.current(view.dataset))
        return image_colours(
            dataset, sample, colour_by, self._work.predictions(view), self._output_names(view, dataset)
        )

    # Labels

    def label_review(self, view: View) -> Answer[LabelReview]:
        """Return the view's labels, the most suspicious first, found in the later layers of the model.

        Raises
        ------
        SelectionError
            If the view has only one class.
        """
        described = self.describe(view.model)
        if isinstance(described, Pending):
            return described
        if len(np.unique(self.sample(view).labels)) < 2:
            raise SelectionError("Labels can be reviewed where there are at least two classes. Choose more.")
        layers = review_layers(described.value, self.settings.label_layers)
        names = tuple(layer.name for layer in layers)
        asked = self._work.label_issues(view, described.value, layers)
        if isinstance(asked, Pending):
            return asked
        return Ready(
            self.labels.review(asked.value, names, self.dataset(view.dataset).class_names), asked.key
        )
