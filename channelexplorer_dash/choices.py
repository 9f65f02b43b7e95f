"""What a person may choose between, by name, and the check of what a page or a link sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from channelexplorer_dash.errors import SelectionError

Summary = Literal[
    "l2", "rms", "mean", "max_abs", "active_fraction", "p90", "above_mean", "above_otsu", "spectral"
]
Normalisation = Literal["none", "minmax", "zscore", "image_l1"]
Granularity = Literal["stage", "block", "leaf"]
LayersAs = Literal["list", "graph"]
Projection = Literal["pca", "umap", "tsne", "mds"]
JaccardMode = Literal["auto", "images", "classes"]
JaccardOrder = Literal["class", "hierarchy"]
Distance = Literal["jaccard", "centroid"]
Switch = Literal["off", "on"]
Leaves = Literal["classes", "subclasses"]
Show = Literal["page", "side", "panels"]
Sorting = Literal[
    "variance",
    "pairwise",
    "count",
    "edge_weight",
    "none",
    "f",
    "eta_squared",
    "mutual_information",
    "selectivity",
    "auroc",
    "effect",
    "accuracy_lost",
]
Measure = Literal[
    "knn",
    "thornton",
    "centroid",
    "probe",
    "silhouette",
    "silhouette_squared",
    "gdv",
    "calinski_harabasz",
    "davies_bouldin",
    "n2",
    "nc1",
    "nc2",
    "hubness",
]


def check_projection(value: object) -> None:
    """Raise SelectionError where a projection that a page sent is none: it becomes part of a job's key."""
    check_one_of("projection", value, get_args(Projection))


def check_sorting(value: object) -> None:
    """Raise SelectionError where a sorting that a page sent is none."""
    check_one_of("sorting", value, get_args(Sorting))


def check_measure(value: object) -> None:
    """Raise SelectionError where a measure that a page sent is none."""
    check_one_of("measure", value, get_args(Measure))


def check_granularity(value: object) -> None:
    """Raise SelectionError where a granularity that a page sent is none."""
    check_one_of("granularity", value, get_args(Granularity))


def check_one_of(what: str, value: object, known: Iterable[object]) -> None:
    """Raise SelectionError, which names all that are known, where a value is none of them."""
    if value not in known:
        names = ", ".join(map(str, known))
        raise SelectionError(f"There is no {what} {str(value)[:40]!r}. Choose one of {names}.")
