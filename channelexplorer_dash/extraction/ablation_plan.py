"""The plan of running a model with channels of a layer held still, as plain data. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import digest


@dataclass(frozen=True)
class Ablation:
    """Run a model to its end over a sample, some channels of a layer held at a value; publish its logits.

    Without channels it is the model as it is, which every ablation on the same sample is compared with.

    Attributes
    ----------
    sample
        Key of the images, int64 (2, n): ids and labels.
    images
        n.
    layer
        Name of the layer, or empty without channels.
    channels, values
        Which channels, ascending, and what each is set to.
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
    channels: tuple[int, ...]
    values: tuple[float, ...]
    shard_size: int
    batch_size: int
    batch_memory_mb: int
    precision: str
    device: str
    max_image_pixels: int
    kind: ClassVar[str] = "ablation"
    priority: ClassVar[int] = 15

    @cached_property
    def key(self) -> str:
        """Key of the plan, and of the logits that it publishes: float32 (n, K) in the sample's order."""
        return digest(
            {
                "what": self.kind,
                "model": dict(self.identity),
                "dataset": self.dataset_digest,
                "sample": self.sample,
                "layer": self.layer,
                "channels": list(self.channels),
                "values": list(self.values),
                "dtype": self.precision,
            }
        )

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        count = len(self.channels)
        if not count:
            return f"Running {self.model.name} as it is"
        what = f"channel {self.channels[0]}" if count == 1 else f"{count:,} channels"
        return f"Running {self.model.name} without {what} of {self.layer}"

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (self.key,)

    @property
    def shards(self) -> list[tuple[int, int]]:
        """First row, and the row after the last, of every part that is kept while it runs."""
        starts = range(0, self.images, self.shard_size)
        return [(start, min(start + self.shard_size, self.images)) for start in starts]

    def to_json(self) -> dict[str, Any]:
        """Return the form that the job board and the engine's tasks pass on."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {"model": self.model.model_dump(mode="json"), "dataset": self.dataset.model_dump(mode="json")}
        lists = {"channels": list(self.channels), "values": list(self.values)}
        return {"kind": self.kind, **values, **plain, **lists, "identity": dict(self.identity)}
