"""The command ``channelexplorer report``: computes what is missing, and writes one HTML file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from channelexplorer_dash.errors import SelectionError, SettingsError
from channelexplorer_dash.explorer import Explorer
from channelexplorer_dash.layouts.report_content import Finish, Report, gather, telling_layers
from channelexplorer_dash.layouts.report_file import report_html
from channelexplorer_dash.results.answers import Answer, Pending, Ready
from channelexplorer_dash.results.layers import Profile
from channelexplorer_dash.selection import MAX_PANELS, Grouping, Marks, Selection, View
from channelexplorer_dash.settings import Settings

T = TypeVar("T")


def linked(link: str) -> Selection:
    """Return what a link asks for, with "" where it names no model or dataset.

    Parameters
    ----------
    link
        A whole address, its query alone, or "".

    Raises
    ------
    SelectionError
        If it cannot be read.
    """
    _, mark, query = link.partition("?")
    if link and not mark:
        raise SelectionError(
            "--link has no query. Give what Share copies, or all of it from its ? on, in quotes."
        )
    return Selection.from_query(query, model="", dataset="")


def selected(
    explorer: Explorer, asked: Selection, model: str, dataset: str, layers: tuple[str, ...]
) -> Selection:
    """Return what a report is of: what a link asks for, with what the person named beside it.

    Another model has other layers than the link's, another dataset other classes and images.

    Raises
    ------
    ChannelExplorerError
        If there is no such name, class or image.
    """
    view, marks = replace(asked.view, model=model, dataset=dataset), asked.marks
    if asked.view.dataset not in {"", dataset}:
        view, marks = replace(view, classes=None, only=(), per_class=0, seed=0), Marks()
    layers = layers or (asked.layers if asked.view.model in {"", model} else ())
    if len(layers) > MAX_PANELS:
        raise SelectionError(f"A report shows at most {MAX_PANELS} layers. Name fewer.")
    return explorer.selection(replace(asked, view=view, marks=marks, layers=layers).to_query())


def whole_report(
    explorer: Explorer, selection: Selection, finish: Finish, *, link: str, rank_labels: bool
) -> Report:
    """Compute all that a report shows.

    Parameters
    ----------
    selection
        What is reported; without layers, those that tell most are taken (:func:`telling_layers`).
    finish
        Asks until the answer is there.
    link
        The address that the person gave, or "".
    rank_labels
        Whether labels are ranked, too.

    Raises
    ------
    ChannelExplorerError
        If a layer is unknown, or something that the report rests on cannot be computed.
    """
    view = selection.view
    description = _value(finish(lambda: explorer.describe(view.model)))
    for name in selection.layers:
        description.layer(name)
    profile = _value(finish(lambda: _known(explorer, selection)))
    chosen = ""
    if not selection.layers:
        layers, chosen = telling_layers(profile)
        selection = replace(selection, layers=layers)
    _value(finish(lambda: explorer.compute(view, selection.layers, output=True)))
    for name in selection.layers:
        _value(finish(_panel(explorer, selection, view, name)))
    return gather(
        explorer,
        selection,
        finish,
        rank_labels=rank_labels,
        chosen=chosen,
        link=link if "://" in link else _served(explorer.settings),
    )


def _served(settings: Settings) -> str:
    """Return where ``channelexplorer serve`` listens with the same settings."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host
    return f"http://[{host}]:{settings.port}/" if ":" in host else f"http://{host}:{settings.port}/"


def _known(explorer: Explorer, selection: Selection) -> Answer[Profile]:
    """Return the depth profile once all of it is known."""
    answer = explorer.profile(selection.view, selection.granularity, selection.measure)
    if isinstance(answer, Ready) and answer.value.job is not None:
        return Pending(answer.value.job)
    return answer


def _panel(explorer: Explorer, selection: Selection, view: View, layer: str) -> Callable[[], Answer[str]]:
    """Return the question whether everything in a layer's panel is there."""
    grouping = Grouping(selection.clusters, selection.distance, selection.leaves)
    clustered = selection.colour_by == "cluster"

    def ask() -> Answer[str]:
        status = explorer.status(view, layer, selection.projection, grouping, clustered=clustered)
        return Ready(layer, layer) if status.job is None else Pending(status.job)

    return ask


def _value(answer: Answer[T]) -> T:
    if isinstance(answer, Pending):
        raise SelectionError(f"{answer.job.label} did not come to its end. Try again.")
    return answer.value


def check_output(output: Path) -> None:
    """Raise SettingsError where no report can be written, before anything is computed."""
    folder = output.parent
    if output.is_dir():
        raise SettingsError(f"{output} is a folder. Name a file in it, as {output / 'report.html'}.")
    if not folder.is_dir():
        raise SettingsError(f"There is no folder {folder}. Make it first, or choose another with -o.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"The folder {folder} may not be written. Choose another with -o.")


def write_report(report: Report, output: Path) -> int:
    """Write a report, all of it or nothing; return how many bytes it has.

    Raises
    ------
    SettingsError
        If the disk takes no file there.
    """
    text = report_html(report).encode()
    try:
        descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name[:40]}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
            # mkstemp's files are for their owner alone; others read a report, too, where the umask lets them.
            mask = os.umask(0)
            os.umask(mask)
            Path(name).chmod(0o666 & ~mask)
            Path(name).replace(output)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror or error}.") from error
    for line in report.missing:
        sys.stderr.write(f"Not in the report: {line}\n")
    return len(text)
