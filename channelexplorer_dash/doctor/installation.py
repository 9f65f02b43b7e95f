"""The installation: Python and packages against what pyproject.toml requires."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from channelexplorer_dash.doctor.finding import Finding, counted

DISTRIBUTION = "channelexplorer-dash"


def check_python(required: str | None = None, running: str | None = None) -> Finding:
    """Compare the running Python with what is required; both are read from where they stand by default."""
    required = required or str(metadata(DISTRIBUTION)["Requires-Python"])
    running = running or platform.python_version()
    if SpecifierSet(required).contains(running, prereleases=True):
        return Finding("ok", "python", f"{running} ({required} is required).")
    return Finding(
        "problem",
        "python",
        f"{running}, but {required} is required.",
        "Make a new .venv with another Python.",
    )


def check_packages(extras: Iterable[str] = (), requirements: Iterable[str] | None = None) -> list[Finding]:
    """Compare the installed packages with what is required.

    Parameters
    ----------
    extras
        Optional sets of packages that count, too.
    requirements
        As in pyproject.toml; those of the installed ChannelExplorer by default.

    Returns
    -------
    list of Finding
        One for each package that is missing or of another version; one alone where there is none.
    """
    written = (requires(DISTRIBUTION) or ()) if requirements is None else requirements
    wanted = [
        requirement
        for requirement in map(Requirement, written)
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]
    wrong = [finding for requirement in wanted if (finding := _check_package(requirement))]
    return wrong or [Finding("ok", "packages", f"{counted(len(wanted), 'package')}, all as required.")]


def _check_package(requirement: Requirement) -> Finding | None:
    hint = f"Run `pip install '{requirement}'`, or install ChannelExplorer again with -c constraints.txt."
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Finding("problem", f"package {requirement.name}", "is not installed.", hint)
    if requirement.specifier.contains(found, prereleases=True):
        return None
    needed = f"{found} is installed, but {requirement.specifier} is required."
    return Finding("problem", f"package {requirement.name}", needed, hint)
