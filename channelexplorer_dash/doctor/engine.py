"""The engine: can it be reached or started, and do its workers have what they need."""

from __future__ import annotations

import platform

import channelexplorer_dash
from channelexplorer_dash.doctor.finding import Finding, counted
from channelexplorer_dash.errors import EngineError
from channelexplorer_dash.extraction.engine import LOG_FILE, SCHEDULER_FILE
from channelexplorer_dash.extraction.probing import Probe, is_running, probe
from channelexplorer_dash.settings import Settings

SLOW_SECONDS = 0.25
"""Round trip above which every click waits for the engine."""


def look_at_engine(settings: Settings) -> list[Finding]:
    """Check the engine that the settings name, and start one where it is embedded and none runs."""
    try:
        leftover = check_leftover_engine(settings)
        found = check_probe(settings, probe(settings, needed(settings)))
    except (EngineError, PermissionError) as error:
        log = settings.store / "engine" / LOG_FILE
        hint = f"Earlier messages are in {log}." if log.exists() else ""
        return [Finding("problem", "engine", f"{error}", hint)]
    return [*leftover, *found]


def needed(settings: Settings) -> list[str]:
    """Return every path that a worker has to see, the store's own first, if it is there."""
    paths = [settings.store] if settings.store.exists() else []
    for dataset in settings.datasets:
        if dataset.kind != "object":
            paths += [path for path in (dataset.path, dataset.labels, dataset.root) if path]
    paths += [model.checkpoint for model in settings.models if model.checkpoint]
    # What this machine does not see either is said where the data and the models are looked at.
    return [str(path) for path in paths if path.exists()]


def check_leftover_engine(settings: Settings) -> list[Finding]:
    """Say whether an engine that has died left its address behind."""
    file = settings.store / "engine" / SCHEDULER_FILE
    if settings.engine != "embedded" or not file.exists() or is_running(settings.store):
        return []
    hint = "It was killed. Nothing to do: the next request starts another."
    return [Finding("warning", "engine", f"{file} names an engine that does not answer.", hint)]


def check_probe(settings: Settings, found: Probe) -> list[Finding]:
    """Judge how an engine answered, and what its workers said."""
    if not found.workers:
        hint = f"Start one: `dask worker {settings.engine} --nthreads 1`."
        return [Finding("problem", "engine", "there is a scheduler, but no worker.", hint)]
    how = "was running, joined" if found.was_running else "started, ready"
    text = (
        f"{settings.engine}: {how} in {found.ready_seconds:.1f} s; {counted(len(found.workers), 'worker')}; "
        f"an answer takes {found.round_trip_seconds * 1000:.0f} ms."
    )
    slow = found.round_trip_seconds > SLOW_SECONDS
    hint = "That is slow: every click waits for it. Is the machine, or the network, busy?" if slow else ""
    findings = [Finding("warning" if slow else "ok", "engine", text, hint)]
    for number, worker in enumerate(found.workers):
        what = f"worker {number}"
        if worker.error:
            hint = "Install the same version of ChannelExplorer there."
            findings.append(Finding("problem", what, worker.error, hint))
        elif worker.missing:
            unseen = ", ".join(worker.missing[:3])
            hint = "Workers need the store, the data and the checkpoints under the same paths."
            findings.append(Finding("problem", what, f"does not see {unseen}.", hint))
        elif worker.version != channelexplorer_dash.__version__:
            said = f"has ChannelExplorer {worker.version}, this is {channelexplorer_dash.__version__}."
            findings.append(Finding("problem", what, said, "Install the same version there."))
        elif worker.python != platform.python_version():
            said = f"runs Python {worker.python}, this is {platform.python_version()}."
            findings.append(Finding("warning", what, said, "What is sent to it may not be understood."))
    return findings
