"""Which plan answers which question about a view: plain data, nothing is asked or computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channelexplorer_dash.choices import Projection
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.extraction.plan import (
    FITTED_TO_SOME,
    MEASURED,
    Ablation,
    Derivation,
    DerivationName,
    Extraction,
    HeadInput,
    predictions_key,
    summary_key,
)
from channelexplorer_dash.models.description import Layer
from channelexplorer_dash.selection import Grouping, View
from channelexplorer_dash.settings import Settings

_OF_S_ITSELF = {"class_pairs", "cka", "matching", "step_measure", "head_collapse", *MEASURED.values()}
# Images that a run over a sample publishes at once: its progress is read off these parts.
_SAMPLE_SHARD = 64


class Plans:
    """Turns views and layers into plans, keys, and the parameters of what is derived."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue

    def summary_key(self, view: View, layer: str) -> str:
        """Return the key that a layer's S has, whether it is there or not."""
        dataset = self._catalogue.dataset(view.dataset)
        return summary_key(
            self._catalogue.identity(view.model),
            dataset.digest,
            layer,
            view.summary,
            self._settings.precision,
        )

    def predictions_key(self, view: View) -> str:
        """Return the key that the model's predictions have, whether they are there or not."""
        dataset = self._catalogue.dataset(view.dataset)
        return predictions_key(self._catalogue.identity(view.model), dataset.digest, self._settings.precision)

    def running(self, view: View, images: int) -> dict[str, Any]:
        """Return what every plan has that runs a model over images, but for the size of its shards."""
        return {
            "model": self._catalogue.model(view.model),
            "identity": self._catalogue.identity(view.model),
            "dataset": self._catalogue.dataset_spec(view.dataset),
            "dataset_digest": self._catalogue.dataset(view.dataset).digest,
            "images": images,
            "batch_size": self._settings.batch_size,
            "batch_memory_mb": self._settings.batch_memory_mb,
            "precision": self._settings.precision,
            "device": self._settings.device,
            "max_image_pixels": self._settings.max_image_pixels,
        }

    def extraction(self, view: View, layers: tuple[str, ...], *, output: bool) -> Extraction:
        """Return the plan that runs the model over the whole dataset for the S of some layers."""
        together = self._settings.summaries
        return Extraction(
            **self.running(view, len(self._catalogue.dataset(view.dataset))),
            shard_size=self._settings.shard_size,
            layers=layers,
            summaries=together if view.summary in together else (view.summary,),
            output=output,
        )

    def logits(
        self,
        view: View,
        sample: str,
        images: int,
        layer: Layer | None,
        channels: Sequence[int],
        values: Sequence[float],
    ) -> Ablation:
        """Return the plan of the logits on a sample, with channels of a layer held at values."""
        return Ablation(
            **self.running(view, images),
            shard_size=min(self._settings.shard_size, _SAMPLE_SHARD),
            sample=sample,
            layer=layer.name if layer else "",
            channels=tuple(channels),
            values=tuple(values),
        )

    def derivation(
        self, name: DerivationName, view: View, layer: Layer, source: str, more: Mapping[str, Any]
    ) -> Derivation:
        """Return the plan of a result derived from S, for the view's sample."""
        _, sample = self._catalogue.sample(view)
        # Measures are of S itself, so that their figures can be compared between any two views.
        normalisation = "none" if name in _OF_S_ITSELF else view.normalisation
        return Derivation(name, layer.name, source, sample, {"normalisation": normalisation, **more})

    def drawn_pairs(self, view: View) -> dict[str, Any]:
        """Return the parameters of the image × image similarities: which images of the sample are drawn."""
        drawn = {"images": self._settings.jaccard_images, "seed": view.seed}
        return {"top_fraction": view.top_fraction, **drawn}

    def projected(self, projection: Projection) -> dict[str, Any]:
        """Return the parameters of a projection."""
        some = {"images": self._settings.projection_images} if projection in FITTED_TO_SOME else {}
        return {"method": projection, "seed": 0, **some}

    def label_issues(self, view: View, sources: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of the ranked labels, found in the S of several layers: keys by layer."""
        return {
            "top_fraction": view.top_fraction,
            "sources": dict(sources),
            "neighbours": self._settings.label_neighbours,
            "seed": 0,
            # Tables of an earlier estimate of the precision are not taken for those of this one.
            "precision": "latent labels",
        }

    def of_the_model(self, view: View) -> dict[str, Any]:
        """Return the parameters of a derivation that looks into the model itself."""
        return {
            "_model": self._catalogue.model(view.model).model_dump(mode="json"),
            "_identity": dict(self._catalogue.identity(view.model)),
            "_summary": view.summary,
            "_precision": self._settings.precision,
            "_device": self._settings.device,
        }

    def kernel_norms(self, view: View, description: str, layer: Layer) -> Derivation:
        """Return the plan of the norms of a layer's kernels."""
        return Derivation("kernel_norms", layer.name, description, "", self.of_the_model(view))

    def overlay(self, view: View, description: str, layer: Layer, channel: int, image_id: int) -> Derivation:
        """Return the plan of one activation map."""
        parameters = {**self._of_the_images(view), "channel": channel, "image_id": image_id}
        return Derivation("overlay", layer.name, description, "", parameters)

    def head(self, view: View, description: str) -> Derivation:
        """Return the plan of finding the model's head."""
        parameters = {**self._of_the_images(view), "precision": self._settings.precision}
        return Derivation("head", "", description, "", parameters)

    def head_input(self, view: View, sample: str, images: int, head: str) -> HeadInput:
        """Return the plan of what the head takes in of a sample."""
        shard_size = min(self._settings.shard_size, _SAMPLE_SHARD)
        return HeadInput(**self.running(view, images), shard_size=shard_size, sample=sample, head=head)

    def head_collapse(self, view: View, given: HeadInput, more: Mapping[str, Any]) -> Derivation:
        """Return the plan of NC3 and NC4 by what the head takes in of a sample."""
        parameters = {**self.of_the_model(view), "of_summary": False, **more}
        return Derivation("head_collapse", given.head, given.key, given.sample, parameters)

    def _of_the_images(self, view: View) -> dict[str, Any]:
        """Return the parameters of a derivation that runs the model on images of the dataset."""
        return {
            **self.of_the_model(view),
            "_dataset": self._catalogue.dataset_spec(view.dataset).model_dump(mode="json"),
            "_max_image_pixels": self._settings.max_image_pixels,
            "dataset_digest": self._catalogue.dataset(view.dataset).digest,
        }


def leaf_parameters(view: View, grouping: Grouping) -> dict[str, Any]:
    """Return what the distances between leaves depend on, and no more."""
    needed: dict[str, Any] = {"distance": grouping.distance, "leaves": grouping.leaves}
    if grouping.distance == "jaccard":
        needed["top_fraction"] = view.top_fraction
    if grouping.leaves == "subclasses":
        needed["clusters"] = grouping.clusters
    return needed
