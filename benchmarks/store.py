"""Reading one class, one channel, one image and everything from the store, beside a raw ``numpy.memmap``.

S of 50,000 images × 2,048 channels, float32, 1,000 classes in no order (the worst case for reading a class),
one thread. *Warm* reads find the file in the page cache; before *cold* ones it is flushed and dropped from it
(``posix_fadvise``), so that they show the disk. Each read opens its file, as a request does.

The layout was chosen by these figures. Row-major ``.npy`` is the only one in which each of the four reads is
fast while it is warm, which it is for as long as somebody looks at a layer. Its one weakness is a cold
channel, which reads the whole file: once, at the speed of the disk, after which everything is warm. A
transposed copy beside it mends that for twice the bytes and a slow second write; panels of 64 channels mend
it for slower classes and images, and S would no longer be a matrix that numpy and polars map without a copy
(Jaccard, kNN, PCA and the moments all read whole rows). Parquet decodes whatever it reads, in every process
for itself, and shares no page.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.harness import Claim
from channelexplorer_dash.store import Kind, Store, digest

FloatArray = npt.NDArray[np.float32]
Reads = Mapping[str, Callable[[], Any]]

KEY = digest("S")
OURS, RAW = "store", "numpy.memmap"
PANEL = 64
CHANNEL = 777

SHARE = """
import sys
import numpy as np
from pathlib import Path
from channelexplorer_dash.store import Kind, Store
S = Store(Path(sys.argv[1])).array(Kind.SUMMARY, sys.argv[2])
float(S.sum())
print("mapped", flush=True)
sys.stdin.readline()
found, inside = {}, False
for line in open("/proc/self/smaps"):
    if "-" in line.split()[0]:
        inside = sys.argv[2] in line
    elif inside and line.startswith(("Rss", "Pss:")):
        found[line[:3]] = found.get(line[:3], 0) + int(line.split()[1]) * 1024
print(found["Rss"], found["Pss"], flush=True)
sys.stdin.readline()
"""


def run(*, quick: bool) -> list[Claim]:
    """Measure; ``quick`` takes a smaller matrix and fewer reads."""
    images, channels, classes = (10_000, 1_024, 200) if quick else (50_000, 2_048, 1_000)
    times = 5 if quick else 9
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(images) % classes)
    members = np.flatnonzero(labels == 3)
    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        layouts, files = written(Path(folder), random.random((images, channels), np.float32), members)
        sizes = {
            "class": len(members) * channels * 4,
            "channel": images * 4,
            "image": channels * 4,
            "everything": images * channels * 4,
        }
        warm = measured(layouts, files, times, cold=False)
        cold = measured(layouts, files, 3, cold=True)
        show("warm", warm, sizes)
        show("cold", cold, sizes)
        shared = shared_pages(Path(folder))
    return [
        *(
            Claim(
                f"one {read} from the store, over a raw memmap (warm)",
                warm[OURS][read] / warm[RAW][read],
                1.2,
                "lower",
            )
            for read in ("class", "channel", "everything")
        ),
        Claim(
            "everything from the store, over a raw memmap (cold)",
            cold[OURS]["everything"] / cold[RAW]["everything"],
            1.2,
            "lower",
        ),
        Claim("ms to open a summary and read one image (warm)", 1000 * warm[OURS]["image"], 1.0, "lower"),
        Claim(
            "GB/s of reading everything (warm)",
            sizes["everything"] / warm[OURS]["everything"] / 1e9,
            1.0,
            "higher",
        ),
        Claim("pages of S held by two processes that read it, over its size", shared, 1.05, "lower"),
    ]


def written(
    folder: Path, S: FloatArray, members: npt.NDArray[np.int64]
) -> tuple[dict[str, Reads], dict[str, Path]]:
    """Write S in every layout; return each one's four reads, and its file."""
    images, channels = S.shape
    store = Store(folder / "store")
    path = store.path(Kind.SUMMARY, KEY)
    transposed, panels, parquet = (
        folder / name for name in ("transposed.npy", "panels.npy", "array.parquet")
    )
    timed("row-major .npy", path, lambda: store.publish_array(Kind.SUMMARY, KEY, S))
    timed("transposed copy", transposed, lambda: np.save(transposed, np.ascontiguousarray(S.T)))
    cut = S.reshape(images, channels // PANEL, PANEL).transpose(1, 0, 2)
    timed("panels of 64 channels", panels, lambda: np.save(panels, np.ascontiguousarray(cut)))
    column = pl.DataFrame({"S": pl.Series(S, dtype=pl.Array(pl.Float32, channels))})
    timed("Parquet, Array column", parquet, lambda: column.write_parquet(parquet, compression="zstd"))
    # Not the size of the whole file: the header stays out of the mapping that is compared with.
    offset = path.stat().st_size - S.nbytes

    def ours() -> FloatArray:
        return store.array(Kind.SUMMARY, KEY)

    def raw() -> FloatArray:
        return np.memmap(path, np.float32, "r", offset, S.shape)

    def saved(file: Path) -> FloatArray:
        loaded: FloatArray = np.load(file, mmap_mode="r")
        return loaded

    def rows(array: Callable[[], FloatArray]) -> Reads:
        return {
            "class": lambda: array()[members],
            "channel": lambda: array()[:, CHANNEL].copy(),
            "image": lambda: array()[images // 2].copy(),
            "everything": lambda: float(array().sum()),
        }

    scan = pl.scan_parquet(parquet)
    layouts: dict[str, Reads] = {
        RAW: rows(raw),
        OURS: rows(ours),
        "transposed": {
            "class": lambda: saved(transposed)[:, members],
            "channel": lambda: saved(transposed)[CHANNEL].copy(),
            "image": lambda: saved(transposed)[:, images // 2].copy(),
            "everything": lambda: float(saved(transposed).sum()),
        },
        "panels": {
            "class": lambda: saved(panels)[:, members],
            "channel": lambda: saved(panels)[CHANNEL // PANEL, :, CHANNEL % PANEL].copy(),
            "image": lambda: saved(panels)[:, images // 2].copy(),
            "everything": lambda: float(saved(panels).sum()),
        },
        "parquet": {
            "class": lambda: scan.collect()["S"].gather(members).to_numpy(),
            "channel": lambda: scan.select(pl.col("S").arr.get(CHANNEL)).collect(),
            "image": lambda: scan.slice(images // 2, 1).collect()["S"].to_numpy(),
            "everything": lambda: float(scan.collect()["S"].to_numpy().sum()),
        },
    }
    files = {
        RAW: path,
        OURS: path,
        "transposed": transposed,
        "panels": panels,
        "parquet": parquet,
    }
    return layouts, files


def timed(what: str, file: Path, write: Callable[[], object]) -> None:
    """Write a file, flush it to disk, and print how long that took."""
    began = time.perf_counter()
    write()
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
    print(
        f"  wrote {what}: {time.perf_counter() - began:.2f} s, {file.stat().st_size / 1e6:.0f} MB", flush=True
    )


def measured(
    layouts: Mapping[str, Reads], files: Mapping[str, Path], times: int, *, cold: bool
) -> dict[str, dict[str, float]]:
    """Return the median seconds of every read of every layout, taken in turn."""
    seconds: dict[str, dict[str, list[float]]] = {
        name: {read: [] for read in reads} for name, reads in layouts.items()
    }
    for turn in range(times + 1):
        order = list(layouts)[turn % len(layouts) :] + list(layouts)[: turn % len(layouts)]
        for name in order:
            if turn > 3 and name not in {OURS, RAW}:
                # They are told apart by factors, not by per cents; decoding Parquet takes seconds.
                continue
            for read, act in layouts[name].items():
                if cold:
                    drop(files[name])
                began = time.perf_counter()
                act()
                # The first turn fills the page cache.
                if turn or cold:
                    seconds[name][read].append(time.perf_counter() - began)
    return {name: {read: median(found) for read, found in reads.items()} for name, reads in seconds.items()}


def drop(file: Path) -> None:
    """Drop a file from the page cache."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def show(state: str, seconds: Mapping[str, Mapping[str, float]], sizes: Mapping[str, int]) -> None:
    """Print milliseconds and MB/s of every read."""
    print(f"  {state}, ms (MB/s)".ljust(24) + "".join(read.rjust(22) for read in sizes))
    for name, reads in seconds.items():
        cells = (f"{1000 * reads[read]:.2f} ({sizes[read] / reads[read] / 1e6:,.0f})" for read in sizes)
        print(f"    {name:20}" + "".join(cell.rjust(22) for cell in cells), flush=True)


def shared_pages(folder: Path) -> float:
    """Return the memory that two processes need for S together, over its size: 2 if each had its own copy."""
    store = folder / "store"
    command = [sys.executable, "-c", SHARE, str(store), KEY]
    readers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        reader.stdout.readline()
    resident, proportional = 0, 0
    for reader in readers:
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdin.write("\n")
        reader.stdin.flush()
        found = reader.stdout.readline().split()
        resident, proportional = resident + int(found[0]), proportional + int(found[1])
    for reader in readers:
        reader.communicate("\n")
    print(
        f"  two processes: {resident / 1e6:.0f} MB resident, {proportional / 1e6:.0f} MB counted once",
        flush=True,
    )
    return proportional / Store(store).path(Kind.SUMMARY, KEY).stat().st_size
