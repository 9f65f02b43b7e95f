"""Answers, and what all of them share: a value or a job, and the images that take part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from channelexplorer_dash.core.arrays import IntArray

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """Work that the engine is doing, or is about to do.

    ``total`` is 0 where the share that is done cannot be known.
    """

    key: str
    label: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Ready(Generic[T]):
    """An answer that is there; ``key`` changes when and only when the value does."""

    value: T
    key: str


@dataclass(frozen=True)
class Pending:
    """An answer that the engine is computing."""

    job: Job


Answer = Ready[T] | Pending


@dataclass(frozen=True)
class Sample:
    """The images that take part, in the order of ``image_ids`` (grouped by class, ascending in a class).

    ``labels`` is aligned with ``image_ids``; ``class_names`` is of the whole dataset.
    """

    image_ids: IntArray
    labels: IntArray
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class PanelStatus:
    """What a panel can show now.

    ``versions`` maps ``scatterplot``, ``jaccard``, ``heatmap``, ``hierarchy`` and ``clusters`` to the key of
    the answer that is there (a projection that is still computed shows PCA meanwhile), or to None. ``job`` is
    what is still computed, or None when everything is there.
    """

    versions: Mapping[str, str | None]
    job: Job | None
