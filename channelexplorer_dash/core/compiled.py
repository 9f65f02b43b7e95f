"""Compilation of the core's inner loops, in one place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F, *, fastmath: bool | set[str] = False) -> F:
    """Compile a function of arrays and numbers for this machine; it runs without the GIL.

    The machine code is kept beside the module, or in the user's cache folder; where neither can be written
    it is compiled anew in each process. What is divided by 0 is infinite or NaN, as in NumPy: a check at each
    division would keep the compiler from doing several at once.

    Parameters
    ----------
    fastmath
        LLVM's names of what the compiler may assume of floating-point arithmetic.
    """
    compile_with = partial(njit, nogil=True, error_model="numpy", fastmath=fastmath)
    try:
        return cast("F", compile_with(cache=True)(function))
    except RuntimeError:
        return cast("F", compile_with()(function))
