"""All checks in the order in which a person mends things, and how they are told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import channelexplorer_dash
from channelexplorer_dash.doctor.configuration import (
    check_declared,
    check_environment,
    check_exposure,
    check_file,
    settings_files,
)
from channelexplorer_dash.doctor.engine import look_at_engine
from channelexplorer_dash.doctor.finding import Finding, counted
from channelexplorer_dash.doctor.installation import check_packages, check_python
from channelexplorer_dash.doctor.machine import look_at_machine
from channelexplorer_dash.doctor.network import check_port
from channelexplorer_dash.doctor.sources import check_dataset, check_models
from channelexplorer_dash.doctor.storage import look_at_store
from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.settings import Settings


def tell(
    files: Sequence[Path], gather: Callable[[], Settings], *, engine: bool = True, as_json: bool = False
) -> int:
    """Examine, and print each finding as soon as it is there, or all of them as one JSON object.

    Returns
    -------
    int
        0 where there is no problem, 1 else.
    """
    found = []
    for finding in examine(files, gather, engine=engine):
        found.append(finding)
        if not as_json:
            sys.stdout.write(finding.line() + "\n")
            sys.stdout.flush()
    counts = {level: sum(one.level == level for one in found) for level in ("ok", "warning", "problem")}
    if as_json:
        answer = {
            "version": channelexplorer_dash.__version__,
            "counts": counts,
            "findings": [vars(one) for one in found],
        }
        sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        said = (counted(counts["problem"], "problem"), counted(counts["warning"], "warning"))
        sys.stdout.write(f"{' and '.join(said)}.\n")
    return 1 if counts["problem"] else 0


def examine(
    files: Sequence[Path], gather: Callable[[], Settings], *, engine: bool = True
) -> Iterator[Finding]:
    """Yield what every check finds. Nothing is changed: an engine is started on an empty store, and stopped.

    Parameters
    ----------
    files
        The settings files of the command line.
    gather
        Reads the settings, as the other commands do.
    engine
        Whether the engine is tested.
    """
    yield check_python()
    read = [finding for file in settings_files(files, os.environ) for finding in check_file(file)]
    yield from read
    yield check_environment(os.environ)
    try:
        settings = gather()
    except SettingsError as error:
        yield from check_packages()
        if str(error) not in {finding.found for finding in read}:
            yield Finding("problem", "settings", str(error))
        yield Finding("warning", "settings", "the rest was not examined.", "Mend the settings first.")
        return
    pipelines = any(spec.source.startswith("diffusers:") for spec in settings.models)
    yield from check_packages(["diffusion"] if pipelines else [])
    yield check_declared(settings)
    yield from check_exposure(settings)
    yield check_port(settings)
    yield from look_at_machine(settings)
    yield from look_at_store(settings)
    for spec in settings.datasets:
        yield from check_dataset(settings, spec)
    yield from check_models(settings)
    if engine:
        yield from look_at_engine(settings)
