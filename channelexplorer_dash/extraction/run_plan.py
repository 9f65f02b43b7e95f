"""What every plan has that runs a model over images of a dataset, as plain data. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import digest


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """A model, a dataset, and how the one is run over the other.

    What a kind of run adds in fields of its own says what is asked; they are JSON-able, tuples for lists.

    Attributes
    ----------
    identity
        What the model's numbers depend on, as ``models.identity`` gives it.
    images
        How many images are run.
    batch_size
        Images in one forward pass; 0 for as many as ``batch_memory_mb`` allows
        (:func:`channelexplorer_dash.extraction.fitting.batch_size`).
    precision
        Arithmetic of the forward pass, ``float32`` or ``bfloat16``; results of the two never mix.
    """

    model: ModelSpec
    identity: Mapping[str, Any]
    dataset: DatasetSpec
    dataset_digest: str
    images: int
    shard_size: int
    batch_size: int
    batch_memory_mb: int
    precision: str
    device: str
    max_image_pixels: int
    kind: ClassVar[str]

    @cached_property
    def key(self) -> str:
        """Key of the plan: of the model, the dataset, the precision and what is asked.

        How it is cut into shards and batches does not count, nor where it runs.
        """
        return digest(
            {
                "what": self.kind,
                "model": dict(self.identity),
                "dataset": self.dataset_digest,
                "dtype": self.precision,
                **{name: getattr(self, name) for name in _names(self) - _names(ModelRun)},
            }
        )

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (self.key,)

    @property
    def starts(self) -> range:
        """First images of the shards."""
        return range(0, self.images, self.shard_size)

    @property
    def shards(self) -> list[tuple[int, int]]:
        """First image, and the one after the last, of every shard."""
        return [(start, min(start + self.shard_size, self.images)) for start in self.starts]

    def to_json(self) -> dict[str, Any]:
        """Return the form that the job board and the engine's tasks pass on."""
        return {
            "kind": self.kind,
            **{name: getattr(self, name) for name in sorted(_names(self))},
            "model": self.model.model_dump(mode="json"),
            "identity": dict(self.identity),
            "dataset": self.dataset.model_dump(mode="json"),
        }


@dataclass(frozen=True, kw_only=True)
class SampleRun(ModelRun):
    """A run over some images of the dataset, in an order of their own.

    Attributes
    ----------
    sample
        Key of the images, int64 (2, n): ids and labels.
    """

    sample: str


def _names(run: ModelRun | type[ModelRun]) -> set[str]:
    return {field.name for field in fields(run)}
