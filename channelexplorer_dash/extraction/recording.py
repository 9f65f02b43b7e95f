"""The observer of one pass: every function of torch, seen with its arguments and its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from channelexplorer_dash.extraction.dataflow import Flow
from channelexplorer_dash.extraction.places import Places


class Observer(TorchFunctionMode):
    """Follows places and origins through the functions that a model calls; never lets a pass fail.

    Attributes
    ----------
    problems
        What could not be followed, one line for each kind of error.
    """

    def __init__(self, places: Places, flow: Flow) -> None:
        super().__init__()
        self.problems: dict[str, None] = {}
        self.inside: Sequence[str] = ()
        self._places = places
        self._flow = flow
        self._busy = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function, then note what it did."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        # Functions without a name are torch's own bookkeeping.
        if not self._busy and hasattr(func, "__name__"):
            # Places that are lost cost an overlay its grid, and the graph nothing.
            with self.pausing(heard=False):
                self._places.follow(func, args, kwargs, result)
            with self.pausing():
                self._flow.follow(func, args, kwargs, result, self.inside)
        return result

    @contextmanager
    def pausing(self, *, heard: bool = True) -> Iterator[None]:
        """Do something with tensors that is no part of the pass; its errors become problems if ``heard``."""
        before, self._busy = self._busy, True
        try:
            with torch.no_grad():
                yield
        except Exception as error:
            if not heard:
                return
            self.problems[f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:100]}"] = None
        finally:
            self._busy = before
