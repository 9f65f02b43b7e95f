"""Waiting in a terminal: a question is asked until it is answered, with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tqdm import tqdm

from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.results.answers import Answer, Pending, Ready

T = TypeVar("T")


def finished(explorer: Explorer, ask: Callable[[], Answer[T]]) -> T:
    """Ask until the answer is ready, with a progress bar; cancel the job where the person stops."""
    return answered(explorer, ask).value


def answered(explorer: Explorer, ask: Callable[[], Answer[T]]) -> Ready[T]:
    """Ask as :func:`finished` does; return the whole answer."""
    answer = ask()
    if isinstance(answer, Ready):
        return answer
    with tqdm(unit=" images", disable=None, dynamic_ncols=True) as bar:
        try:
            while isinstance(answer, Pending):
                bar.set_description(answer.job.label, refresh=False)
                bar.total = answer.job.total or None
                bar.update(answer.job.done - bar.n)
                time.sleep(0.2)
                answer = ask()
        except KeyboardInterrupt:
            if isinstance(answer, Pending):
                explorer.cancel(answer.job.key)
            raise
        if bar.total:
            bar.update(bar.total - bar.n)
    return answer
