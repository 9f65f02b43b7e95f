"""The store: can it be written, is there room, who wrote it, on what disk, what did dead processes leave."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from channelexplorer_dash.doctor.finding import Finding, counted
from channelexplorer_dash.errors import StoreError
from channelexplorer_dash.settings import Settings
from channelexplorer_dash.store import JobBoard, Store
from channelexplorer_dash.store.jobs import FAILURES, JOBS
from channelexplorer_dash.store.tidying import clean

LITTLE_SPACE = 5e9
"""Bytes on the disk below which a few large layers fill it."""

NO_SPACE = 2e8
"""Bytes on the disk below which nothing can be computed."""

NETWORK_SYSTEMS = {
    *("afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs"),
    *("lustre", "nfs", "nfs4", "smb3", "smbfs"),
}
"""File systems of other machines, as Linux names them."""

_MOUNTS = Path("/proc/mounts")


def look_at_store(settings: Settings) -> list[Finding]:
    """Check the store's folder, without making it where it is not there."""
    found = [check_writable(settings.store)]
    if found[0].level == "problem":
        return found
    kept = opened(settings.store)
    if isinstance(kept, Finding):
        return [*found, kept]
    mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace") if _MOUNTS.exists() else ""
    size = kept.size().bytes if kept else 0
    found += [
        check_room(settings, size, shutil.disk_usage(existing(settings.store)).free),
        check_file_system(settings.store, mounts),
    ]
    return [*found, check_leftovers(kept)] if kept else found


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.exists())


def check_writable(folder: Path) -> Finding:
    """Write a file without a name into the store, or where it would be made; it is gone afterwards."""
    there = existing(folder)
    if not there.is_dir():
        return Finding("problem", "store", f"{there} is a file.", "Choose a folder with --store.")
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"ChannelExplorer")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Finding(
            "problem",
            "store",
            f"{there} cannot be written ({reason}).",
            "Change its permissions, or choose another folder with --store.",
        )
    return Finding("ok", "store", f"{folder} can be written{'' if there == folder else ', once it is made'}.")


def opened(folder: Path) -> Store | Finding | None:
    """Return the store, if one is there; a problem where another version wrote it."""
    if not (folder / "VERSION").exists():
        return None
    try:
        return Store(folder)
    except StoreError as error:
        return Finding("problem", "store", str(error))


def check_room(settings: Settings, size: int, free: int) -> Finding:
    """Compare what the store takes, in bytes, with its quota and with what the disk has left."""
    quota = settings.store_quota_gb * 1e9
    found = f"{size / 1e9:.1f} GB{f' of {quota / 1e9:g} GB' if quota else ''}; {free / 1e9:.1f} GB are free."
    hint = "Free some, or choose another disk with --store."
    if free < NO_SPACE:
        return Finding("problem", "space", found, hint)
    if quota and size > quota:
        return Finding("warning", "space", found, "Over the quota: run `channelexplorer gc`.")
    if quota and quota - size > free:
        return Finding("warning", "space", found, "The disk is full before the quota: lower store_quota_gb.")
    if free < LITTLE_SPACE and not quota:
        return Finding("warning", "space", found, f"{hint} store_quota_gb bounds the store.")
    return Finding("ok", "space", found)


def check_file_system(folder: Path, mounts: str) -> Finding:
    """Say whether a folder lies on another machine's disk.

    Parameters
    ----------
    mounts
        The content of ``/proc/mounts``: device, mount point and type in each line; "" where there is none.
    """
    points = {}
    for line in mounts.splitlines():
        _, point, kind, *_ = line.split(" ")
        points[Path(point.replace("\\040", " "))] = kind
    # The last mount at a point hides those before it; the longest point is nearest.
    nearest = max((p for p in points if folder.is_relative_to(p)), key=lambda p: len(p.parts), default=None)
    kind = points[nearest] if nearest else "unknown"
    if kind not in NETWORK_SYSTEMS:
        return Finding("ok", "file system", f"{kind}.")
    return Finding(
        "warning",
        "file system",
        f"{kind}: another machine's disk.",
        "Where several machines share the store, leave store_quota_gb at 0, and run `channelexplorer gc` "
        "only while servers and workers are stopped.",
    )


def check_leftovers(store: Store) -> Finding:
    """Count what killed processes left behind."""
    if not ((store.root / JOBS).is_dir() and (store.root / FAILURES).is_dir()):
        return Finding("ok", "leftovers", "nothing has been computed yet.")
    found = clean(store, JobBoard(store), dry_run=True)
    if not found:
        return Finding("ok", "leftovers", "none.")
    size = sum(item.bytes for item in found)
    kinds = ", ".join(sorted({item.what for item in found}))
    return Finding(
        "warning",
        "leftovers",
        f"{counted(len(found), 'thing')} that nobody needs, {size / 1e6:.1f} MB ({kinds}).",
        "Run `channelexplorer gc`.",
    )
