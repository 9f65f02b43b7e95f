"""The plan of running a model up to its head, as plain data. Nothing imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from channelexplorer_dash.extraction.run_plan import SampleRun
from channelexplorer_dash.store import Kind


@dataclass(frozen=True, kw_only=True)
class HeadInput(SampleRun):
    """Run a model over a sample and publish what its head takes in: float32 (n, C) in the sample's order.

    Attributes
    ----------
    head
        Name of the module, as in ``named_modules``.
    """

    head: str
    kind: ClassVar[str] = "head_input"
    priority: ClassVar[int] = 5

    @property
    def label(self) -> str:
        """What a person reads while it runs."""
        return f"Running {self.model.name} up to its head"

    @property
    def result(self) -> Kind:
        """What kind of thing it publishes."""
        return Kind.ARRAY
