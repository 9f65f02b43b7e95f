"""The plan of ablating every channel of a layer, one at a time, as plain data. Nothing imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from channelexplorer_dash.extraction.run_plan import SampleRun
from channelexplorer_dash.store import Kind


@dataclass(frozen=True, kw_only=True)
class Effects(SampleRun):
    """Run what of a model comes after a layer once for each of its channels, that channel held still.

    Its key is that of the table (``schema.CHANNEL_EFFECTS``) that it publishes.

    Attributes
    ----------
    layer
        Name of the layer.
    means
        Key of the layer's summary ``mean``, whose means the channels are set to; empty for zero.
    targets
        The model's output of every label of the dataset; -1 for labels that do not occur in the sample.
    """

    layer: str
    means: str
    targets: tuple[int, ...]
    kind: ClassVar[str] = "effects"
    priority: ClassVar[int] = 4

    @property
    def label(self) -> str:
        """What a person reads while it runs, before the number of images that are done."""
        return f"Ablating each channel of {self.layer} in turn, images:"

    @property
    def result(self) -> Kind:
        """What kind of thing it publishes."""
        return Kind.TABLE
