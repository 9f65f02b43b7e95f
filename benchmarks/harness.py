"""What every benchmark needs: claims, the machine, and the report whose last line is JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Claim:
    """One figure and what it should be.

    Attributes
    ----------
    claim
        What is measured, with its unit.
    better
        Whether ``value`` should be at least (``higher``) or at most (``lower``) ``goal``.
    """

    claim: str
    value: float
    goal: float
    better: Literal["higher", "lower"]

    @property
    def holds(self) -> bool:
        """Whether the value reaches the goal."""
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    def to_json(self) -> dict[str, Any]:
        """Return the claim as it stands in the last line."""
        return {
            "claim": self.claim,
            "value": float(f"{self.value:.6g}"),
            "goal": self.goal,
            "better": self.better,
            "holds": self.holds,
        }


class Run(Protocol):
    """The ``run`` of a benchmark's module."""

    def __call__(self, *, quick: bool) -> Sequence[Claim]:
        """Measure, in less than a minute when ``quick``."""
        ...


@dataclass(frozen=True)
class Benchmark:
    """A benchmark: the name of its module, one line about it, and its function."""

    name: str
    title: str
    run: Run


def commit() -> str:
    """Return the checkout's commit, ``+`` appended where files differ from it, or ``unknown``."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, memory, Python, pinned threads."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "threads": {name: os.environ.get(name, "not pinned") for name in THREAD_VARIABLES},
    }


def pin_threads() -> None:
    """Pin BLAS and OpenMP to one thread, here and in child processes, unless the caller has chosen."""
    for name in THREAD_VARIABLES:
        os.environ.setdefault(name, "1")


def report(name: str, claims: Sequence[Claim]) -> None:
    """Print a table of the claims, and as the last line everything as one JSON object."""
    width = max((len(claim.claim) for claim in claims), default=0)
    for claim in claims:
        sign = "≥" if claim.better == "higher" else "≤"
        state = "holds" if claim.holds else "does not hold"
        print(f"  {claim.claim:{width}}  {claim.value:10.4g}  (goal {sign} {claim.goal:g}: {state})")
    found = {
        "benchmark": name,
        "commit": commit(),
        "machine": machine(),
        "claims": [claim.to_json() for claim in claims],
    }
    print(json.dumps(found, ensure_ascii=False), flush=True)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
