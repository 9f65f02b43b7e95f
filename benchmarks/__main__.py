"""Run one benchmark by its name, or list them."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.harness import Benchmark, pin_threads, report

_NOT_BENCHMARKS = {
    "__init__",
    "__main__",
    "chromium",
    "harness",
    "label_features",
    "requests",
    "serving",
    "visit",
    "wide",
}


def names() -> list[str]:
    """Return the benchmarks: one for each module of this package that is not a helper."""
    return sorted({file.stem for file in Path(__file__).parent.glob("*.py")} - _NOT_BENCHMARKS)


def load(name: str) -> Benchmark:
    """Return a benchmark's ``run``, and the first line of its docstring."""
    module = import_module(f"benchmarks.{name}")
    return Benchmark(name, (module.__doc__ or "").partition("\n")[0], module.run)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 whenever the benchmark ran, whether or not its claims hold."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure one thing, and end with one line of JSON.",
        epilog="\n".join(f"  {name:14}{load(name).title}" for name in names()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", choices=names(), help="what to measure")
    parser.add_argument("--quick", action="store_true", help="a minute at most: shows that it runs")
    parser.add_argument("--names", action="store_true", help="print the names and stop")
    given = parser.parse_args(arguments)
    if given.names:
        print("\n".join(names()))
        return 0
    if given.name is None:
        parser.print_help()
        return 2
    pin_threads()
    benchmark = load(given.name)
    print(benchmark.title)
    report(benchmark.name, benchmark.run(quick=given.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
