"""Labels to review: where they are looked for, how they are read, and what people decided about them."""

from __future__ import annotations

import getpass
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import polars as pl

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.core.label_checks import CheckedRanking, checked_ranking, spot_check
from channelexplorer_dash.datasets.base import IMAGE_ID, LABEL, SOURCE
from channelexplorer_dash.errors import SelectionError
from channelexplorer_dash.explorer.catalogue import Catalogue
from channelexplorer_dash.explorer.images import (
    DECIDED_AT,
    DECIDED_BY,
    DECIDED_LABEL,
    DECISION,
    LABEL_NAME,
    ColourValues,
    check_images,
)
from channelexplorer_dash.models.description import Layer, ModelDescription
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.images import LabelReview
from channelexplorer_dash.store import Store, schema
from channelexplorer_dash.store.decisions import ACTIONS, Decision, DecisionLog, current, decided

# Earlier layers see edges and colours, and say little about classes.
_FROM_DEPTH = 0.6

STANDING = tuple(action for action in ACTIONS if action != "undo")
"""What an image's decision can be."""


def review_layers(description: ModelDescription, count: int) -> tuple[Layer, ...]:
    """Return the layers in which wrong labels are looked for.

    ``count`` blocks, spread evenly over the last two fifths of the model, without its output: a network that
    was trained on these labels has learned to repeat them there.
    """
    blocks = list(description.at("block"))
    last = blocks[-1]
    if len(blocks) > 1 and last.layout == "dense" and last.channels == description.outputs:
        blocks.pop()
    first = math.ceil(_FROM_DEPTH * (len(blocks) - 1))
    places = np.unique(np.linspace(first, len(blocks) - 1, count).round().astype(int))
    return tuple(blocks[place] for place in places.tolist())


def colour_values(
    sample: Sample, review: LabelReview | None, decisions: Mapping[int, Decision]
) -> ColourValues:
    """Return the suspicion of a sample's images (NaN where it is not known), or else what was decided."""
    ids = sample.image_ids
    if review is None:
        code = {action: position for position, action in enumerate(STANDING)}
        found = [decisions.get(image) for image in ids.tolist()]
        return ColourValues(np.array([code[entry.action] if entry else -1 for entry in found]), STANDING)
    score = dict(zip(review.image_ids.tolist(), review.score.tolist(), strict=True))
    return ColourValues(np.array([score.get(image, math.nan) for image in ids.tolist()]), None)


def checked(review: LabelReview, decisions: Mapping[int, Decision], checks: IntArray) -> CheckedRanking:
    """Return what is expected after people's decisions.

    What is kept is right, what is relabelled is wrong, and what is flagged is not known. ``checks`` are the
    places of the spot check.
    """
    places, wrong = [], []
    for place in np.flatnonzero(np.isin(review.image_ids, list(decisions))).tolist():
        entry = decisions[int(review.image_ids[place])]
        if entry.action != "flag":
            places.append(place)
            wrong.append(entry.action == "relabel" and entry.label != review.given[place])
    return checked_ranking(review.chance, places, wrong, checks)


def listed(
    review: LabelReview, decisions: Mapping[int, Decision], label: int | None, state: str, checks: IntArray
) -> IntArray:
    """Return the places in the ranking of the images of a list, int64 (n,).

    They ascend, but for those of the spot check, which keep its order. ``checks`` are its places, none where
    it is done.

    Parameters
    ----------
    label
        Only images that are called so, or for which it is proposed; None for all.
    state
        ``open`` (nothing is decided), ``all``, ``check`` (what is open of the spot check), or a decision of
        :data:`STANDING`.

    Raises
    ------
    SelectionError
        If there is no such state.
    """
    if state not in {"open", "all", "check", *STANDING}:
        raise SelectionError(f"There is no list {state[:40]!r} of labels to review.")
    chosen = np.ones(len(review.image_ids), np.bool_)
    if label is not None:
        chosen &= (review.given == label) | (review.proposed == label)
    if state != "all":
        is_open = state in {"open", "check"}
        wanted = [image for image, entry in decisions.items() if is_open or state == entry.action]
        among = np.isin(review.image_ids, np.array(wanted, np.int64))
        chosen &= ~among if is_open else among
    return checks[chosen[checks]] if state == "check" else np.flatnonzero(chosen)


@dataclass(frozen=True)
class LabelList:
    """A list of labels to review.

    Attributes
    ----------
    review
        All labels, with what follows from decisions.
    places
        int64 (n,): of the listed ones in the ranking.
    decided
        How many of all are decided.
    unchecked
        How many labels may still be asked for by the spot check: none where the precision is known.
    is_known
        Whether the expected precision is (:attr:`.CheckedRanking.is_known`).
    """

    review: LabelReview
    places: IntArray
    decided: int
    unchecked: int
    is_known: bool


class LabelDesk:
    """Reads ranked labels, and keeps decisions.

    Parameters
    ----------
    reviewer
        The name under which decisions are kept where none is given; empty for the system's user.
    """

    def __init__(self, store: Store, catalogue: Catalogue, reviewer: str) -> None:
        self._store = store
        self._catalogue = catalogue
        self.reviewer = reviewer or _user()
        self._logs: dict[str, DecisionLog] = {}
        self.review = lru_cache(maxsize=4)(self._review)

    def decide(self, dataset: str, image_id: int, action: str, label: int | None, author: str) -> Decision:
        """Keep a decision about an image's label; ``undo`` takes the image's last one back.

        Raises
        ------
        UnknownNameError
            If there is no such image.
        SelectionError
            If there is no such action or class.
        StoreError
            If it cannot be written.
        """
        images = self._catalogue.dataset(dataset)
        check_images(images, np.array([image_id]))
        if label is not None and not 0 <= label < len(images.class_names):
            raise SelectionError(f"{dataset} has no class {label}. Choose one of its classes.")
        entry = decided(image_id, action, label, author or self.reviewer)
        self._log(dataset).append(entry)
        return entry

    def current(self, dataset: str) -> dict[int, Decision]:
        """Return the decision that counts for each image, by ``image_id``."""
        count = len(self._catalogue.dataset(dataset))
        return {image: entry for image, entry in current(self.log(dataset)).items() if 0 <= image < count}

    def chosen(
        self, dataset: str, review: LabelReview, label: int | None, state: str, checks: int
    ) -> LabelList:
        """Return the labels of :func:`listed`, with a spot check of at most so many ``checks``."""
        decisions = self.current(dataset)
        # Of the chances as they were computed, so that it does not move while it is done.
        sample = spot_check(review.chance, checks)
        ranking = checked(review, decisions, sample)
        is_decided = np.isin(review.image_ids, list(decisions))
        open_checks = sample[:0] if ranking.is_known else sample[~is_decided[sample]]
        return LabelList(
            replace(
                review,
                chance=ranking.chance,
                precision=ranking.precision,
                margin=ranking.margin,
                checks=ranking.checks,
            ),
            listed(review, decisions, label, state, open_checks),
            decided=int(is_decided.sum()),
            unchecked=len(open_checks),
            is_known=ranking.is_known,
        )

    def log(self, dataset: str) -> list[Decision]:
        """Return every decision about a dataset, the oldest first."""
        return self._log(dataset).entries()

    def table(self, dataset: str) -> pl.DataFrame:
        """Return the decisions that count, one row each, by ``image_id``, as for an export."""
        images = self._catalogue.dataset(dataset)
        found = sorted(self.current(dataset).items())
        rows = images.table[[image for image, _ in found]]
        entries = [entry for _, entry in found]
        new = [entry.label for entry in entries]
        return pl.DataFrame(
            {
                IMAGE_ID: rows[IMAGE_ID],
                SOURCE: rows[SOURCE],
                LABEL: rows[LABEL],
                LABEL_NAME: pl.Series([images.class_names[label] for label in rows[LABEL]], dtype=pl.String),
                DECISION: pl.Series([entry.action for entry in entries], dtype=pl.String),
                "new_label": pl.Series(new, dtype=pl.Int32),
                DECIDED_LABEL: pl.Series(
                    [None if label is None else images.class_names[label] for label in new], dtype=pl.String
                ),
                DECIDED_BY: pl.Series([entry.author for entry in entries], dtype=pl.String),
                DECIDED_AT: pl.Series([entry.time for entry in entries], dtype=pl.String),
            }
        )

    def _log(self, dataset: str) -> DecisionLog:
        digest = self._catalogue.dataset(dataset).digest
        return self._logs.setdefault(digest, DecisionLog(self._store.root, digest))

    def _review(self, key: str, layers: tuple[str, ...], class_names: tuple[str, ...]) -> LabelReview:
        table = self._store.table(key)
        numbers = {
            name: table[name].to_numpy()
            for name in (
                schema.SCORE,
                schema.NEIGHBOURS,
                schema.ACTIVE_SETS,
                schema.PROBE,
                schema.CHANCE,
                schema.PRECISION,
            )
        }
        images, given, proposed = (
            table[name].to_numpy().astype(np.int64)
            for name in (schema.IMAGE_ID, schema.LABEL, schema.PROPOSED)
        )
        margin = checked_ranking(numbers[schema.CHANCE], [], [], []).margin
        return LabelReview(
            images,
            given,
            proposed,
            margin=margin,
            layers=layers,
            class_names=class_names,
            checks=0,
            **numbers,
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
