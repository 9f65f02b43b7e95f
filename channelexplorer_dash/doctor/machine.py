"""The machine: cores, threads and memory, also where a container has less than its machine."""

from __future__ import annotations

import re
from pathlib import Path

from channelexplorer_dash.doctor.finding import Finding, counted
from channelexplorer_dash.extraction.engine import cores
from channelexplorer_dash.settings import Settings

LITTLE_MEMORY = 2e9
"""Bytes below which torch, a model and a batch may not find room."""

_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_MEMORY = Path("/proc/meminfo")
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def look_at_machine(settings: Settings) -> list[Finding]:
    """Check this machine, by what its kernel says."""
    return [
        check_cores(settings, cores(), _text(_CPU_LIMIT)),
        check_memory(_text(_MEMORY), _text(_MEMORY_LIMIT)),
    ]


def check_cores(settings: Settings, available: int, limit: str) -> Finding:
    """Compare the engine's threads with the cores that it may use.

    Parameters
    ----------
    available
        Cores that the process may run on.
    limit
        The content of a control group's ``cpu.max`` (``200000 100000`` for two cores, ``max …`` for no
        bound), "" where there is none.
    """
    quota = re.match(r"(\d+) (\d+)", limit)
    usable = min(available, max(1, int(quota[1]) // int(quota[2]))) if quota else available
    threads = settings.threads or max(1, available // settings.engine_workers)
    planned = (
        f"{counted(usable, 'core')}; {counted(settings.engine_workers, 'engine worker')} "
        f"of {counted(threads, 'thread')}."
    )
    if threads * settings.engine_workers <= max(usable, settings.engine_workers):
        return Finding("ok", "cores", planned)
    fitting = max(1, usable // settings.engine_workers)
    return Finding(
        "warning", "cores", planned, f"Threads that share a core slow each other: set threads = {fitting}."
    )


def check_memory(meminfo: str, limit: str) -> Finding:
    """Say how much memory is left.

    Parameters
    ----------
    meminfo
        The content of ``/proc/meminfo``; "" where there is none.
    limit
        The content of a control group's ``memory.max``: bytes, or ``max``; "" where there is none.
    """
    sizes = {name: int(kibibytes) * 1024 for name, kibibytes in re.findall(r"(\w+): +(\d+) kB", meminfo)}
    if not {"MemTotal", "MemAvailable"} <= sizes.keys():
        return Finding("ok", "memory", "this system does not say how much there is.")
    bound = int(limit) if limit.strip().isdigit() else sizes["MemTotal"]
    total, left = min(sizes["MemTotal"], bound), min(sizes["MemAvailable"], bound)
    found = f"{left / 1e9:.1f} of {total / 1e9:.1f} GB are available."
    if left >= LITTLE_MEMORY:
        return Finding("ok", "memory", found)
    return Finding(
        "warning", "memory", found, "Large models may not fit: lower batch_memory_mb, or end other programs."
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
