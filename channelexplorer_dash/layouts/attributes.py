"""Attributes whose names are no Python names."""

from __future__ import annotations

from typing import Any


def aria(**values: str) -> dict[str, Any]:
    """Return ``aria-…`` attributes: ``aria(label="Close")`` is ``aria-label``."""
    return {f"aria-{name}": value for name, value in values.items()}


def data(**values: str) -> dict[str, Any]:
    """Return ``data-…`` attributes, which the page's script reads; ``_`` stands for ``-``."""
    return {f"data-{name.replace('_', '-')}": value for name, value in values.items()}


def marks_image(image_id: int) -> dict[str, Any]:
    """Return the attribute of what marks an image where it is clicked.

    The page's script reads it: nothing of it concerns the server, and buttons that Dash watches one by one
    make every update of the page slower.
    """
    return data(mark_image=str(image_id))


def marks_channel(layer: str, channel: int) -> dict[str, Any]:
    """Return the attribute of what marks a channel of a layer where it is clicked."""
    return data(mark_channel=f"{layer}:{channel}")


def marks_group(images: str) -> dict[str, Any]:
    """Return the attribute of what marks a group of images; ``images`` as ``encode_indices`` writes them."""
    return data(mark_group=images)
