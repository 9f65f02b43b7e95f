"""The plan of drawing a generated dataset, as plain data. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from channelexplorer_dash.specs import DatasetSpec, ModelSpec
from channelexplorer_dash.store import digest

_WAY = 1
"""Counts the ways in which rows were made images: raise it when noise or steps are computed anew."""


def drawn_key(identity: Mapping[str, Any], spec: DatasetSpec) -> str:
    """Return the key of a generated dataset's images, and so its digest; ``identity`` is of its generator."""
    rows = {"classes": len(spec.class_names or ()), "seeds": spec.seeds}
    takes = spec.generator.takes if isinstance(spec.generator, ModelSpec) else ""
    rows |= {"steps": spec.steps} if takes == "state" else {"between": spec.between}
    return digest({"what": "generated", "way": _WAY, "model": dict(identity), **rows})


@dataclass(frozen=True)
class Generation:
    """Draw the images of a dataset, and publish them with the latents or states that they come from.

    Attributes
    ----------
    dataset
        Of the kind ``generated``, with the generator's own description in it.
    identity
        Of the generator.
    """

    dataset: DatasetSpec
    identity: Mapping[str, Any]
    device: str
    kind: ClassVar[str] = "generation"
    priority: ClassVar[int] = 35

    @property
    def key(self) -> str:
        """Key of the plan, and of the images that it publishes."""
        return drawn_key(self.identity, self.dataset)

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        return f"Drawing the images of {self.dataset.name}"

    @property
    def covers(self) -> tuple[str, ...]:
        """Keys of what it publishes."""
        return (self.key,)

    def to_json(self) -> dict[str, Any]:
        """Return the form that the job board and the engine's tasks pass on."""
        return {
            "kind": self.kind,
            "dataset": self.dataset.model_dump(mode="json"),
            "identity": dict(self.identity),
            "device": self.device,
        }
