"""What colours the points of a scatterplot: a category or a number for every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.figures import theme
from channelexplorer_dash.indices import encode_indices
from channelexplorer_dash.results.answers import Sample
from channelexplorer_dash.results.views import ClusterAnswer

NOT_KNOWN = "not known"
CLASSES_NAMED = 4


@dataclass(frozen=True)
class LegendEntry:
    """One line of the legend: what a colour stands for, and how many images have it.

    ``about`` says more of them, and ``images`` are theirs (the codec's form) where a click is to mark them.
    """

    name: str
    colour: str
    count: int
    about: str = ""
    images: str = ""


@dataclass(frozen=True)
class Colouring:
    """One value per image, either a category or a number.

    Attributes
    ----------
    title
        What the colours show.
    codes
        int64 (n,): index into ``names`` and ``colours``, -1 where it is not known; None for numbers.
    names, colours
        Of the categories; colours as ``#rrggbb``.
    values
        float64 (n,), NaN where it is not known; None for categories.
    outliers
        bool (n,): images that their category's hull leaves out and that are drawn as crosses; None where
        categories have no hulls.
    about, images
        Of each category, or (): see :class:`LegendEntry`.
    note
        What holds of all of them, in words.
    """

    title: str
    codes: IntArray | None = None
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    values: npt.NDArray[np.float64] | None = None
    outliers: npt.NDArray[np.bool_] | None = None
    about: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    note: str = ""

    def __len__(self) -> int:
        coded = self.codes if self.codes is not None else self.values
        return 0 if coded is None else len(coded)

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """Categories that occur, in order, and last the images that have none; () for numbers."""
        if self.codes is None:
            return ()
        counts = np.bincount(self.codes + 1, minlength=len(self.names) + 1)
        about, images = self.about or ("",) * len(self.names), self.images or ("",) * len(self.names)
        entries = [
            LegendEntry(name, colour, int(count), more, marked)
            for name, colour, count, more, marked in zip(
                self.names, self.colours, counts[1:], about, images, strict=True
            )
            if count
        ]
        if counts[0]:
            entries.append(LegendEntry(NOT_KNOWN, theme.UNKNOWN, int(counts[0])))
        return tuple(entries)


def by_class(sample: Sample) -> Colouring:
    """Colour by the label. A class has the same colour whatever the sample."""
    colours = theme.class_colours(len(sample.class_names))
    return Colouring("class", sample.labels.astype(np.int64), sample.class_names, colours)


def by_prediction(sample: Sample, predictions: IntArray, names: Sequence[str]) -> Colouring:
    """Colour by the model's answer.

    Parameters
    ----------
    predictions
        int64 (n,) aligned with ``sample``: index of the largest output, -1 where it is not known.
    names
        Names of the outputs. Where they are the dataset's classes, the colours are the classes' too;
        otherwise the answers that occur are coloured, the most frequent first.
    """
    if tuple(names) == sample.class_names:
        return Colouring("prediction", predictions, sample.class_names, theme.class_colours(len(names)))
    return by_category(
        "prediction", [names[p] if 0 <= p < len(names) else None for p in predictions.tolist()]
    )


def by_correctness(sample: Sample, predictions: IntArray) -> Colouring:
    """Colour by whether the model's answer is the label; ``predictions`` as in :func:`by_prediction`."""
    codes = np.where(predictions < 0, -1, np.where(predictions == sample.labels, 0, 1)).astype(np.int64)
    return Colouring("correctness", codes, ("correct", "wrong"), (theme.CORRECT, theme.WRONG))


def by_category(title: str, values: Sequence[str | None]) -> Colouring:
    """Colour by a column of words (n values, None where not known), the most frequent first."""
    known = [value for value in values if value is not None]
    names, counts = np.unique(np.array(known, dtype=np.str_), return_counts=True)
    ordered = tuple(str(name) for name in names[np.argsort(-counts, kind="stable")])
    index: dict[str | None, int] = {name: i for i, name in enumerate(ordered)}
    codes = np.array([index.get(value, -1) for value in values], dtype=np.int64)
    return Colouring(title, codes, ordered, theme.class_colours(len(ordered)))


def by_number(title: str, values: npt.NDArray[Any]) -> Colouring:
    """Colour by a number: a column, or one channel's activation; what is not finite counts as not known."""
    numbers = values.astype(np.float64)
    return Colouring(title, values=np.where(np.isfinite(numbers), numbers, np.nan))


def by_cluster(answer: ClusterAnswer, sample: Sample) -> Colouring:
    """Colour by cluster, the largest first; the legend tells which classes are in each.

    Parameters
    ----------
    answer
        Clusters of images, of which ``sample`` may lack some or have others.
    sample
        The n images that are drawn.
    """
    at = {image: i for i, image in enumerate(answer.sample.image_ids.tolist())}
    places = np.array([at.get(image, -1) for image in sample.image_ids.tolist()], dtype=np.int64)
    codes = np.where(places >= 0, answer.assignment[places], -1)
    outliers = (places >= 0) & answer.outlier[places]
    made = answer.make_up
    k = len(made.counts)
    per_cluster = [answer.assignment == cluster for cluster in range(k)]
    about = tuple(
        _make_up(row, made.classes, sample.class_names, int((own & answer.outlier).sum()))
        for row, own in zip(made.counts, per_cluster, strict=True)
    )
    note = f"{k} {'cluster' if k == 1 else 'clusters'}" + (" by BIC" if answer.found else "")
    if len(made.classes) > 1:
        note += f" · purity {made.purity:.2f} · ARI {made.rand:.2f} · NMI {made.information:.2f}"
    note += f" · {int(answer.outlier.sum()):,} outliers"
    return Colouring(
        "cluster",
        codes,
        tuple(
            f"#{cluster + 1} {_main(row, made.classes, sample.class_names)}"
            for cluster, row in enumerate(made.counts)
        ),
        theme.class_colours(k),
        outliers=outliers,
        about=about,
        images=tuple(encode_indices(answer.sample.image_ids[own].tolist()) for own in per_cluster),
        note=note,
    )


def _main(counts: IntArray, classes: IntArray, names: Sequence[str]) -> str:
    """Return the most frequent class and its share."""
    first = int(counts.argmax())
    return f"{names[classes[first]]} {counts[first] / counts.sum():.0%}"


def _make_up(counts: IntArray, classes: IntArray, names: Sequence[str], outliers: int) -> str:
    shares = counts / counts.sum()
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    parts = [f"{names[classes[i]]} {shares[i]:.0%}" for i in order[:CLASSES_NAMED]]
    if len(order) > CLASSES_NAMED:
        parts.append(f"{len(order) - CLASSES_NAMED} more")
    return f"{', '.join(parts)}; {outliers:,} outliers"
