"""Compilation of the core's inner loops, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of arrays and numbers for this machine; it runs without the GIL.

    The machine code is kept beside the module, or in the user's cache folder; where neither can be written
    it is compiled anew in each process.
    """
    try:
        return cast("F", njit(nogil=True, cache=True)(function))
    except RuntimeError:
        return cast("F", njit(nogil=True)(function))
