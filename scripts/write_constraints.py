"""Write constraints.txt: the installed version of everything that ``.[dev]`` brings along.

Only what the project's requirements reach is pinned, not whatever else the environment holds. Local version
suffixes (``+cpu``) are dropped, so that a CPU wheel and the registry's own wheel both satisfy the pin.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = "channelexplorer-dash"
TARGET = Path(__file__).resolve().parent.parent / "constraints.txt"


def closure(name: str, extras: set[str]) -> dict[str, str]:
    """Return ``{canonical name: public version}`` of a distribution and all that it requires."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in {"", *extras}]
    while waiting:
        current, extra = waiting.pop()
        key = canonicalize_name(current)
        if (key, extra) in seen:
            continue
        seen.add((key, extra))
        try:
            dist = distribution(current)
        except PackageNotFoundError as error:
            raise SystemExit(f"{current} is not installed: run `make lock` after `make test`.") from error
        found[key] = Version(dist.version).public
        for line in dist.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(requirement.name, wanted) for wanted in {"", *requirement.extras}]
    return found


def main() -> None:
    """Write the file."""
    versions = closure(PROJECT, {"dev"})
    del versions[canonicalize_name(PROJECT)]
    # timm asks for torchvision without a bound: it must be the one built for the pinned torch.
    lines = [
        "# Written by `make lock`: the versions that the tests ran with. No local version suffixes,",
        "# so that a CPU build of torch satisfies the pin as well as the registry's own.",
        *(f"{name}=={version}" for name, version in sorted(versions.items())),
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(versions)} versions")


if __name__ == "__main__":
    main()
