"""The plan of running a model with channels of a layer held still, as plain data. Nothing imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from channelexplorer_dash.extraction.run_plan import SampleRun


@dataclass(frozen=True, kw_only=True)
class Ablation(SampleRun):
    """Run a model to its end over a sample, some channels of a layer held at a value; publish its logits.

    Its key is that of the logits: float32 (n, K) in the sample's order. Without channels it is the model as
    it is, which every ablation on the same sample is compared with.

    Attributes
    ----------
    layer
        Name of the layer, or empty without channels.
    channels, values
        Which channels, ascending, and what each is set to.
    """

    layer: str
    channels: tuple[int, ...]
    values: tuple[float, ...]
    kind: ClassVar[str] = "ablation"
    priority: ClassVar[int] = 15

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        count = len(self.channels)
        if not count:
            return f"Running {self.model.name} as it is"
        what = f"channel {self.channels[0]}" if count == 1 else f"{count:,} channels"
        return f"Running {self.model.name} without {what} of {self.layer}"
