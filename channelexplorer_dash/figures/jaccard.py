"""The Jaccard Similarity View: image × image in class blocks, or class × class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from channelexplorer_dash.core.arrays import IntArray
from channelexplorer_dash.figures import matrix, theme
from channelexplorer_dash.figures.binary import LEVELS, Figure, Scale, figure, robust_scale
from channelexplorer_dash.results.views import ClassJaccard, ImageJaccard

MOST_NAMED = 24
MOST_WRITTEN = 12
MOST_WRITTEN_BESIDE_NAMES = 7
MOST_BLOCKS = 60


def jaccard_figure(answer: ImageJaccard | ClassJaccard) -> Figure:
    """Draw the similarity of images or of classes as a square matrix.

    The colours span the values off the diagonal: of an image with itself the similarity is always 1, and
    would leave the rest in one colour.
    """
    return _images(answer) if isinstance(answer, ImageJaccard) else _classes(answer)


def _images(answer: ImageJaccard) -> Figure:
    sample = answer.sample
    count = len(sample.labels)
    drawn = f"{count:,} images" if answer.of == count else f"{count:,} of {answer.of:,} images"
    edges = matrix.block_edges(sample.labels)
    lines = [matrix.boundaries(edges, count, count, horizontal=True)] if len(edges) <= MOST_BLOCKS else []
    return _square(
        answer.similarity,
        sample.labels,
        len(sample.class_names),
        view="jaccard-images",
        alt=f"Jaccard similarity of the active channels of {drawn} in layer {answer.layer.name}.",
        meta={
            "image_ids": sample.image_ids.tolist(),
            "labels": sample.labels.tolist(),
            "of": answer.of,
        },
        revision=f"{answer.layer.name}:{count}:{int(sample.image_ids.sum())}",
        scale=_scale(answer.similarity),
        over=lines,
    )


def _classes(answer: ClassJaccard) -> Figure:
    count = len(answer.classes)
    names = [answer.class_names[label] for label in answer.classes]
    drawn = _square(
        answer.similarity,
        answer.classes,
        len(answer.class_names),
        view="jaccard-classes",
        alt=f"Mean Jaccard similarity of the images of {count:,} classes in layer {answer.layer.name}.",
        meta={"classes": answer.classes.tolist(), "names": names, "counts": answer.counts.tolist()},
        revision=f"{answer.layer.name}:{count}",
        # The classes' diagonal is a figure in its own right: how alike the images of one class are.
        scale=robust_scale(answer.similarity, tail=0.0),
    )
    # Long names on two sides leave the matrix no room for numbers.
    short = max(map(len, names)) <= 2
    written = count <= (MOST_WRITTEN if short else MOST_WRITTEN_BESIDE_NAMES)
    if written:
        # ".12" rather than "0.12": twelve columns leave no room for the zero.
        text = [[f"{value:.2f}".removeprefix("0") for value in row] for row in answer.similarity]
        size = 8 if count > 8 else 11
        drawn["data"][0] |= {"text": text, "texttemplate": "%{text}", "textfont": {"size": size}}
    if count <= MOST_NAMED:
        named = {
            "showticklabels": True,
            "tickmode": "array",
            "tickvals": list(range(count)),
            "ticktext": [matrix.shorten(name) for name in names],
            "tickfont": {"size": theme.SMALL},
            "automargin": True,
            "ticklabelstandoff": 2,
        }
        drawn["layout"]["yaxis"] |= {**named, "anchor": "x2"}
        if written:
            narrow = [matrix.shorten(name, 10) for name in names]
            angle = 0 if max(map(len, narrow)) <= 2 else -45
            over = {"ticktext": narrow, "tickangle": angle, "side": "top", "anchor": "y2"}
            drawn["layout"]["xaxis"] |= named | over
    return drawn


def _scale(similarity: npt.NDArray[np.float32]) -> Scale:
    off_diagonal = similarity[~np.eye(len(similarity), dtype=bool)]
    scale = robust_scale(off_diagonal if off_diagonal.size else similarity, tail=0.2)
    low, high = max(0.0, scale.low), min(1.0, scale.high)
    return Scale(low, high if high > low else 1.0, scale.below, above=high < 1.0)


def _square(
    similarity: npt.NDArray[np.float32],
    labels: IntArray,
    classes: int,
    *,
    view: str,
    alt: str,
    meta: dict[str, Any],
    revision: str,
    scale: Scale,
    over: Sequence[dict[str, Any]] = (),
) -> Figure:
    count = len(similarity)
    inner = matrix.STRIP + matrix.GAP
    # The bar is as wide as the matrix, which shares its panel with the tree.
    ticks, text = scale.ticks(2)
    cells = {
        "type": "heatmap",
        "name": "matrix",
        "z": scale.quantise(similarity),
        "zmin": 0,
        "zmax": LEVELS,
        "colorscale": theme.SEQUENTIAL,
        "colorbar": theme.colour_bar(ticks, text, "", x=inner),
        "hoverinfo": "none",
    }
    # Each axis shrinks towards the strip that lies along it, so that the strips stay with the matrix.
    return figure(
        data=[cells, matrix.strip(labels, classes), matrix.strip(labels, classes, vertical=True), *over],
        layout=theme.layout(
            view,
            alt,
            meta=meta,
            dragmode="zoom",
            uirevision=revision,
            xaxis=theme.bare_axis(
                domain=[inner, 1], range=[-0.5, count - 0.5], constrain="domain", constraintoward="left"
            ),
            yaxis=theme.bare_axis(
                domain=[0, 1 - inner],
                range=[count - 0.5, -0.5],
                constrain="domain",
                constraintoward="top",
                scaleanchor="x",
                scaleratio=1,
            ),
            xaxis2=matrix.strip_axis(domain=[0, matrix.STRIP]),
            yaxis2=matrix.strip_axis(domain=[1 - matrix.STRIP, 1]),
        ),
    )
