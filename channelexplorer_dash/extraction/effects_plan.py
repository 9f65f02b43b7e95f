"""The plan of ablating every channel of a layer, one at a time, as plain data. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import Kind, digest


@dataclass(frozen=True)
class Effects:
    """Run what of a model comes after a layer once for each of its channels, that channel held still.

    Attributes
    ----------
    sample
        Key of the images, int64 (2, n): ids and labels.
    images
        n.
    layer
        Name of the layer.
    means
        Key of the layer's summary ``mean``, whose means the channels are set to; empty for zero.
    targets
        The model's output of every label of the dataset; -1 for labels that do not occur in the sample.
    precision
        Arithmetic of the forward pass, as of an extraction.
    """

    model: ModelSpec
    identity: Mapping[str, Any]
    dataset: DatasetSpec
    dataset_digest: str
    sample: str
    images: int
    layer: str
    means: str
    targets: tuple[int, ...]
    shard_size: int
    batch_size: int
    batch_memory_mb: int
    precision: str
    device: str
    max_image_pixels: int
    kind: ClassVar[str] = "effects"
    priority: ClassVar[int] = 4

    @cached_property
    def key(self) -> str:
        """Key of the plan, and of the table (``schema.CHANNEL_EFFECTS``) that it publishes."""
        return digest(
            {
                "what": self.kind,
                "model": dict(self.identity),
                "dataset": self.dataset_digest,
                "sample": self.sample,
                "layer": self.layer,
                "means": self.means,
                "targets": list(self.targets),
                "dtype": self.precision,
            }
        )

    @property
    def label(self) -> str:
        """What a person reads while it runs, before the number of images that are done."""
        return f"Ablating each channel of {self.layer} in turn, images:"

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (self.key,)

    @property
    def result(self) -> Kind:
        """What kind of thing it publishes."""
        return Kind.TABLE

    @property
    def starts(self) -> range:
        """First rows of the shards."""
        return range(0, self.images, self.shard_size)

    @property
    def shards(self) -> list[tuple[int, int]]:
        """First row, and the row after the last, of every shard."""
        return [(start, min(start + self.shard_size, self.images)) for start in self.starts]

    def to_json(self) -> dict[str, Any]:
        """Return the form that the job board and the engine's tasks pass on."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {"model": self.model.model_dump(mode="json"), "dataset": self.dataset.model_dump(mode="json")}
        return {
            "kind": self.kind,
            **values,
            **plain,
            "targets": list(self.targets),
            "identity": dict(self.identity),
        }
