"""What a check has found: one line for a person, one object for a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    Attributes
    ----------
    level
        ``ok``; ``warning``: it works, and somebody should know something; ``problem``: something will fail.
    what
        What was looked at: ``store``, ``model resnet18``.
    found
        How it is.
    hint
        What to do, or what follows from it; "" where there is nothing to say.
    """

    level: Level
    what: str
    found: str
    hint: str = ""

    def line(self) -> str:
        """Return the finding on one line, whatever line breaks a message has."""
        return f"{self.level:<8} {' '.join(f'{self.what}: {self.found} {self.hint}'.split())}"


def counted(number: int, noun: str) -> str:
    """Return ``1 image``, ``2 images``, ``2 classes``."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"
