"""Image folders: one sub-folder per class."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from PIL import Image

from channelexplorer_dash.datasets.decode import SUFFIXES, decode
from channelexplorer_dash.datasets.inside import is_inside, open_inside, real_folder
from channelexplorer_dash.datasets.tabled import TabledDataset, some
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec


class _File(NamedTuple):
    relative: str
    size: int
    mtime_ns: int


@dataclass
class _Skipped:
    """What was passed over on the way, by reason."""

    loose: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    linked_folders: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in self.other)
        other = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(5))
        said = {
            "Images outside of any class folder, left out": self.loose,
            f"Files that are not images, left out ({other})": self.other,
            "Links that lead outside the dataset's folder or nowhere, left out": self.outside,
            "Links to folders, not followed": self.linked_folders,
            "Not readable, left out": self.unreadable,
            "Class folders without images, left out": self.empty,
        }
        return [f"{what}: {some(names)}." for what, names in said.items() if names]


class FolderDataset(TabledDataset):
    """One sub-folder per class; images in deeper sub-folders belong to the class of the topmost one.

    Classes and images are in the order of their names, by code point. Names that begin with a dot are
    passed over in silence; whatever else is left out is said in ``notes``. Links to files are followed
    inside the folder only.

    ``digest`` is SHA-256 over the label, relative path, size and modification time (ns) of every image,
    in order: the files are not read for it.

    With ``class_names`` in the spec, the names decide the order of the classes if every folder is among
    them; otherwise they are the titles of the folders in sorted order, and must be as many.

    Raises
    ------
    DatasetError
        If the folder is missing or a file, or holds no image in a class folder.
    """

    def __init__(self, spec: DatasetSpec, max_pixels: int) -> None:
        if spec.path is None:
            raise DatasetError(f"Dataset {spec.name!r}: no folder is given. Set its path.")
        self._root = real_folder(
            spec.path,
            spec.name,
            "the folder that holds one sub-folder per class, or choose the kind 'arrays' or 'table'",
        )
        self._max_pixels = max_pixels
        skipped = _Skipped()
        found = _classes(self._root, skipped)
        if not found:
            raise DatasetError(_why_no_images(spec.name, self._root, skipped))
        class_names, ordered = _order(found, spec.class_names, spec.name)
        files = [file for _, members in ordered for file in members]
        labels = np.repeat(
            np.array([label for label, _ in ordered], np.int64), [len(members) for _, members in ordered]
        )
        self._paths = [file.relative for file in files]
        super().__init__(
            name=spec.name,
            class_names=class_names,
            labels=labels,
            sources=pl.Series([_printable(path) for path in self._paths], dtype=pl.String),
            digest=_digest(labels, files),
            notes=skipped.notes(),
        )

    def _load(self, row: int) -> Image.Image:
        called = self._called(row)
        return decode(open_inside(self._root, self._paths[row], called), called, self._max_pixels)


def _classes(root: Path, skipped: _Skipped) -> dict[str, list[_File]]:
    """List the images of every class folder, in one pass over the tree."""
    found: dict[str, list[_File]] = {}
    folders: list[str] = []
    for entry in _entries(root, "", skipped):
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        elif entry.is_symlink() and entry.is_dir():
            skipped.linked_folders.append(_printable(entry.name))
        elif _is_image(entry.name):
            skipped.loose.append(_printable(entry.name))
        else:
            skipped.other.append(_printable(entry.name))
    for folder in sorted(folders):
        if members := sorted(_files(root, folder, skipped)):
            found[folder] = members
        else:
            skipped.empty.append(_printable(folder))
    return found


def _files(root: Path, top: str, skipped: _Skipped) -> Iterator[_File]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root, folder, skipped):
            relative = f"{folder}/{entry.name}"
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(relative)
                    continue
                if entry.is_symlink():
                    if entry.is_dir():
                        skipped.linked_folders.append(_printable(relative))
                        continue
                    if not (is_inside(os.path.realpath(entry.path), str(root)) and entry.is_file()):
                        skipped.outside.append(_printable(relative))
                        continue
                if not _is_image(entry.name) or not entry.is_file():
                    skipped.other.append(_printable(relative))
                    continue
                stat = entry.stat()
            except OSError:
                skipped.unreadable.append(_printable(relative))
                continue
            yield _File(relative, stat.st_size, stat.st_mtime_ns)


def _entries(root: Path, folder: str, skipped: _Skipped) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        skipped.unreadable.append(_printable(folder) or str(root))
        return []


def _order(
    found: dict[str, list[_File]], names: Sequence[str] | None, dataset: str
) -> tuple[tuple[str, ...], list[tuple[int, list[_File]]]]:
    """Return the class names, and the files of each label in ascending order of the labels."""
    if names is None:
        return tuple(_printable(folder) for folder in found), list(enumerate(found.values()))
    if found.keys() <= set(names):
        return tuple(names), [(label, found[name]) for label, name in enumerate(names) if name in found]
    if len(names) == len(found):
        return tuple(names), list(enumerate(found.values()))
    unknown = next(folder for folder in found if folder not in names)
    raise DatasetError(
        f"Dataset {dataset!r}: {len(names)} class_names are given for {len(found)} class folders, and "
        f"{_printable(unknown)!r} is not among them. Name every folder, or leave class_names out."
    )


def _digest(labels: np.ndarray[tuple[int], np.dtype[np.int64]], files: Sequence[_File]) -> str:
    rows = (
        f"{label}\0{file.relative}\0{file.size}\0{file.mtime_ns}"
        for label, file in zip(labels.tolist(), files, strict=True)
    )
    return hashlib.sha256(os.fsencode("folder\0" + "\0".join(rows))).hexdigest()


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _printable(name: str) -> str:
    """Return a file name as valid Unicode; bytes that are none become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")


def _why_no_images(name: str, root: Path, skipped: _Skipped) -> str:
    if skipped.loose:
        what = (
            f"its {len(skipped.loose):,} images lie in {root} itself. Put them in one sub-folder per class, "
            "or choose the kind 'table'"
        )
    elif skipped.unreadable:
        what = f"{some(skipped.unreadable)} cannot be read. Make the folder readable"
    elif skipped.empty:
        what = f"no class folder in {root} holds an image ({some(skipped.empty)})"
    else:
        what = f"{root} is empty or holds no sub-folder. Put the images in one sub-folder per class"
    notes = " ".join(skipped.notes()) if skipped.other or skipped.outside or skipped.linked_folders else ""
    return f"Dataset {name!r} has no images: {what}. {notes}".strip()
