"""Cores, threads and memory, by what a kernel says."""

from __future__ import annotations

import pytest

from channelexplorer_dash import Settings
from channelexplorer_dash.doctor.machine import check_cores, check_memory, look_at_machine

MEMINFO = "MemTotal:       16000000 kB\nMemFree:         100000 kB\nMemAvailable:    8000000 kB\n"


def test_this_machine_is_described(settings: Settings) -> None:
    assert [one.what for one in look_at_machine(settings)] == ["cores", "memory"]


@pytest.mark.parametrize(
    ("workers", "threads", "limit", "fitting"),
    [
        (1, 0, "", None),
        (2, 0, "max 100000", None),
        (2, 4, "", None),
        # More workers than cores: one thread each is all that can be done.
        (16, 1, "", None),
        (1, 9, "", 8),
        (2, 8, "", 4),
        (1, 0, "200000 100000", 2),
        (1, 0, "50000 100000", 1),
    ],
)
def test_threads_are_to_fit_the_cores(workers: int, threads: int, limit: str, fitting: int | None) -> None:
    found = check_cores(Settings(engine_workers=workers, threads=threads), 8, limit)
    assert found.level == ("ok" if fitting is None else "warning")
    assert fitting is None or f"threads = {fitting}." in found.hint


def test_memory_is_what_the_machine_and_its_container_leave() -> None:
    assert check_memory(MEMINFO, "").found == "8.2 of 16.4 GB are available."
    assert check_memory(MEMINFO, "max\n").level == "ok"
    small = check_memory(MEMINFO, "1000000000\n")
    assert small.level == "warning" and small.found.startswith("1.0 of 1.0 GB")
    assert check_memory("", "").level == "ok"
