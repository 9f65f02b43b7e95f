"""Plans: what the engine is asked to do, as plain data. Nothing here imports torch.

A plan's ``key`` is the digest of its own JSON form, so that a layer asked for twice is computed once,
whoever asks. ``covers`` names every result that the plan publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

from channelexplorer_dash.choices import Measure
from channelexplorer_dash.errors import EngineError
from channelexplorer_dash.extraction.ablation_plan import Ablation as Ablation
from channelexplorer_dash.extraction.effects_plan import Effects as Effects
from channelexplorer_dash.extraction.generation_plan import Generation as Generation
from channelexplorer_dash.extraction.generation_plan import drawn_key as drawn_key
from channelexplorer_dash.extraction.head_plan import HeadInput as HeadInput
from channelexplorer_dash.extraction.run_plan import ModelRun as ModelRun
from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, digest
from channelexplorer_dash.store import about_key as about_key
from channelexplorer_dash.store import moments_key as moments_key

DerivationName = Literal[
    "scaling",
    "active",
    "statistics",
    "class_overlap",
    "class_jaccard",
    "image_jaccard",
    "components",
    "projection",
    "knn",
    "neighbourhood",
    "silhouette",
    "class_means",
    "class_pairs",
    "dispersion",
    "discrimination",
    "collapse",
    "probe",
    "whole",
    "picture",
    "kernel_norms",
    "overlay",
    "scorecard",
    "contrast",
    "ablation_effect",
    "label_issues",
    "clusters",
    "subclasses",
    "leaf_distances",
    "cka",
    "matching",
    "axes",
    "new_images",
    "step_measure",
    "latent_states",
    "placed_latent",
    "head",
    "head_collapse",
]

FITTED_TO_SOME = ("umap", "tsne")
"""Projections that are fitted to a part of many images, and place the others by it."""

MEASURED: Mapping[Measure, DerivationName] = {
    "knn": "knn",
    "thornton": "neighbourhood",
    "centroid": "class_means",
    "probe": "probe",
    "silhouette": "silhouette",
    "silhouette_squared": "class_means",
    "gdv": "discrimination",
    "calinski_harabasz": "dispersion",
    "davies_bouldin": "dispersion",
    "n2": "neighbourhood",
    "nc1": "collapse",
    "nc2": "dispersion",
    "hubness": "neighbourhood",
}
"""Which record holds a separability measure; all are of S itself, whatever the view's normalisation."""

_RESULTS: Mapping[str, Kind] = {
    "statistics": Kind.TABLE,
    **dict.fromkeys(MEASURED.values(), Kind.RECORD),
    "whole": Kind.RECORD,
    "picture": Kind.RECORD,
    "scorecard": Kind.TABLE,
    "label_issues": Kind.TABLE,
    "contrast": Kind.RECORD,
    "ablation_effect": Kind.RECORD,
    "new_images": Kind.PASSING_RECORD,
    "step_measure": Kind.RECORD,
    "latent_states": Kind.PASSING,
    "placed_latent": Kind.PASSING_RECORD,
    "head": Kind.RECORD,
    "head_collapse": Kind.RECORD,
}

_LABELS: Mapping[str, str] = {
    "scaling": "Normalising {layer}",
    "active": "Finding the active channels of {layer}",
    "statistics": "Summing up the channels of {layer}",
    "class_overlap": "Comparing the classes at {layer}",
    "class_jaccard": "Comparing all pairs of images at {layer}",
    "image_jaccard": "Comparing images at {layer}",
    "components": "Finding the principal components of {layer}",
    "projection": "Laying out the images of {layer} by {method}",
    "knn": "Measuring the separability of {layer}",
    "neighbourhood": "Comparing nearest images at {layer}",
    "silhouette": "Measuring silhouettes at {layer}",
    "class_means": "Measuring distances to the class means of {layer}",
    "class_pairs": "Telling the pairs of classes apart at {layer}",
    "dispersion": "Measuring the dispersion of the classes at {layer}",
    "discrimination": "Measuring the discrimination value of {layer}",
    "collapse": "Measuring the collapse of the classes at {layer}",
    "probe": "Fitting a linear probe to {layer}",
    "whole": "Measuring the classes of {layer} in all dimensions",
    "picture": "Checking the {method} picture of {layer}",
    "kernel_norms": "Reading the kernels of {layer}",
    "overlay": "Drawing a channel of {layer} over an image",
    "scorecard": "Scoring the channels of {layer}",
    "contrast": "Looking for the channels of {layer} that tell the groups apart",
    "ablation_effect": "Comparing the answers with and without channels of {layer}",
    "label_issues": "Looking for wrong labels in the layers up to {layer}",
    "clusters": "Finding the clusters of {layer}",
    "subclasses": "Finding the subclasses at {layer}",
    "step_measure": "Telling the classes at every timestep of {layer}",
    "latent_states": "Drawing a new latent",
    "placed_latent": "Placing a new latent at {layer}",
    "leaf_distances": "Measuring how far the classes are apart at {layer}",
    "cka": "Comparing the layers of two models",
    "matching": "Matching the channels of {layer}",
    "axes": "Finding the principal components of {layer}",
    "new_images": "Placing the new images in {layer}",
    "head": "Looking for the head of the model",
    "head_collapse": "Comparing the head with the class means",
}


def description_key(identity: Mapping[str, Any]) -> str:
    """Return the key of a model's description; ``identity`` as ``models.identity`` gives it."""
    return digest({"what": "description", "model": identity})


def summary_key(identity: Mapping[str, Any], dataset: str, layer: str, summary: str, precision: str) -> str:
    """Return the key of an activation summary S; ``dataset`` is the dataset's digest."""
    return digest(
        {
            "what": "summary",
            "model": identity,
            "dataset": dataset,
            "layer": layer,
            "summary": summary,
            "dtype": precision,
        }
    )


def predictions_key(identity: Mapping[str, Any], dataset: str, precision: str) -> str:
    """Return the key of a model's predictions on a dataset."""
    return digest({"what": "predictions", "model": identity, "dataset": dataset, "dtype": precision})


@dataclass(frozen=True)
class Describe:
    """Build a model and publish its description."""

    model: ModelSpec
    identity: Mapping[str, Any]
    kind: ClassVar[str] = "describe"
    priority: ClassVar[int] = 40

    @property
    def key(self) -> str:
        """Key of the plan, and of the description that it publishes."""
        return description_key(self.identity)

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        return f"Loading {self.model.name}"

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (self.key,)

    def to_json(self) -> dict[str, Any]:
        """Return the form that the job board and the engine's tasks pass on."""
        return {
            "kind": self.kind,
            "model": self.model.model_dump(mode="json"),
            "identity": dict(self.identity),
        }


@dataclass(frozen=True, kw_only=True)
class Extraction(ModelRun):
    """Run a model over a whole dataset once, and publish the summaries of every tapped layer.

    Attributes
    ----------
    layers
        The tapped layers in execution order; the forward pass ends at the last one, unless ``output``.
    summaries
        Summaries taken of each of them.
    output
        Whether the pass runs to the end, and the predictions are published too.
    """

    layers: tuple[str, ...]
    summaries: tuple[str, ...]
    output: bool
    kind: ClassVar[str] = "extraction"
    priority: ClassVar[int] = 30

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        return f"Running {self.model.name} over {self.images:,} images of {self.dataset.name}"

    @cached_property
    def results(self) -> Mapping[tuple[str, str], str]:
        """Key of every summary by (layer, summary name)."""
        return {
            (layer, summary): summary_key(self.identity, self.dataset_digest, layer, summary, self.precision)
            for layer in self.layers
            for summary in self.summaries
        }

    @property
    def predictions(self) -> str:
        """Key of the predictions."""
        return predictions_key(self.identity, self.dataset_digest, self.precision)

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (*self.results.values(), *([self.predictions] if self.output else []))


@dataclass(frozen=True)
class Derivation:
    """Compute one result from a summary (or, for kernels and overlays, from the model itself).

    Attributes
    ----------
    name
        Which function of :mod:`channelexplorer_dash.extraction.derivations` computes it.
    source
        Key of the summary S, or of the description. What is made of several layers has the deepest of them
        as its ``layer`` and ``source``, and all in the parameter ``sources``: keys by layer.
    sample
        Key of the sample (int64 (2, n): image ids and labels), or empty.
    parameters
        JSON-able; for kernels and overlays they hold the model's spec.
    """

    name: DerivationName
    layer: str
    source: str
    sample: str
    parameters: Mapping[str, Any]
    kind: ClassVar[str] = "derivation"

    @cached_property
    def key(self) -> str:
        """Key of the plan, and of the result that it publishes."""
        # Specs hold titles and paths, which say nothing of the result: its identity is in `source`.
        parameters = {name: value for name, value in self.parameters.items() if not name.startswith("_")}
        return digest(
            {
                "what": self.name,
                "layer": self.layer,
                "source": self.source,
                "sample": self.sample,
                "parameters": parameters,
            }
        )

    @property
    def priority(self) -> int:
        """Quick ones first: what a person sees at once is not to wait for UMAP."""
        slow = self.name == "projection" and self.parameters.get("method") != "pca"
        if slow or self.name == "label_issues":
            return 0
        if self.name in {"whole", "picture", "head", "head_collapse", *MEASURED.values()} - {"knn"}:
            return 5
        return 10 if self.name in {"knn", "class_jaccard", "class_pairs"} else 20

    @property
    def result(self) -> Kind:
        """What kind of thing it publishes."""
        return _RESULTS.get(self.name, Kind.ARRAY)

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        method = str(self.parameters.get("method", "")).upper().replace("TSNE", "t-SNE")
        return _LABELS[self.name].format(layer=self.layer, method=method)

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (self.key,)

    def to_json(self) -> dict[str, Any]:
        """Return the form that the job board and the engine's tasks pass on."""
        return {"kind": self.kind, **asdict(self), "parameters": dict(self.parameters)}


Plan = Describe | Extraction | Derivation | Ablation | Effects | HeadInput | Generation


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """Read any plan's ``to_json`` form back.

    Raises
    ------
    EngineError
        If it is of no known kind.
    """
    fields = {name: value for name, value in data.items() if name != "kind"}
    if "model" in fields:
        fields["model"] = ModelSpec.model_validate(fields["model"])
    if "dataset" in fields:
        fields["dataset"] = DatasetSpec.model_validate(fields["dataset"])
    for name in ("layers", "summaries", "channels", "values", "targets"):
        if name in fields:
            fields[name] = tuple(fields[name])
    for plan in (Describe, Extraction, Derivation, Ablation, Effects, HeadInput, Generation):
        if data.get("kind") == plan.kind:
            return plan(**fields)
    raise EngineError(
        f"The engine knows no work of the kind {data.get('kind')!r}. Restart the server and the engine."
    )
