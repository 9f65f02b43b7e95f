"""How much of a layer and of the sample each view shows, in a few words."""

from __future__ import annotations

from channelexplorer_dash.figures.scatterplot import METHODS
from channelexplorer_dash.results.views import ClassJaccard, Heatmap, ImageJaccard, Scatter


def scatter_extent(scatter: Scatter) -> str:
    """Return how the images were placed, or what is being computed meanwhile."""
    of_all = scatter.fitted == len(scatter.xy)
    return scatter.note or METHODS[scatter.method] + (
        "" if of_all else f", fitted to {scatter.fitted:,} images"
    )


def jaccard_extent(answer: ImageJaccard | ClassJaccard) -> str:
    """Return how much of the sample the matrix shows."""
    if isinstance(answer, ClassJaccard):
        return f"{len(answer.classes):,} classes" + ("" if answer.exact else ", expected overlap")
    shown = len(answer.sample.image_ids)
    return f"{shown:,} images" if shown == answer.of else f"{shown:,} of {answer.of:,} images"


def heatmap_extent(heatmap: Heatmap) -> str:
    """Return how much of the layer and of the sample the heatmap shows."""
    rows, columns = heatmap.values.shape
    channels = f"{rows:,}" if rows == heatmap.of_channels else f"{rows:,} of {heatmap.of_channels:,}"
    images = f"{columns:,}" if columns == heatmap.of_images else f"{columns:,} of {heatmap.of_images:,}"
    marked = f", {heatmap.marked:,} marked first" if heatmap.marked else ""
    return f"{channels} channels × {images} images{marked}"
