"""Attributes whose names are no Python names."""

from __future__ import annotations

from typing import Any


def aria(**values: str) -> dict[str, Any]:
    """Return ``aria-…`` attributes: ``aria(label="Close")`` is ``aria-label``."""
    return {f"aria-{name}": value for name, value in values.items()}


def data(**values: str) -> dict[str, Any]:
    """Return ``data-…`` attributes, which the page's script reads; ``_`` stands for ``-``."""
    return {f"data-{name.replace('_', '-')}": value for name, value in values.items()}
