"""A table of paths: CSV or Parquet, with a column of paths and a column of labels."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from PIL import Image

from channelexplorer_dash.datasets.base import IMAGE_ID, LABEL, SOURCE
from channelexplorer_dash.datasets.decode import decode
from channelexplorer_dash.datasets.inside import is_inside, open_inside, real_file, real_folder
from channelexplorer_dash.datasets.labels import Labels, encode_labels
from channelexplorer_dash.datasets.tabled import TabledDataset, need_images, some
from channelexplorer_dash.errors import DatasetError
from channelexplorer_dash.specs import DatasetSpec

_NAMED = 20


class TableDataset(TabledDataset):
    """One row per image; further columns are kept.

    Paths are relative to ``root`` (the table's own folder by default), or absolute and below it. Rows
    without path or label, and rows whose file does not exist, are left out and named in ``notes``. A further
    column that is called ``image_id``, ``label`` or ``source`` gets ``(table)`` behind its name.

    ``digest`` is SHA-256 over the label, relative path, size and modification time (ns) of every image, in
    order: the images are not read for it.

    Raises
    ------
    DatasetError
        If the table cannot be read, lacks a column, holds a path that leads outside ``root``, or no file
        exists.
    """

    def __init__(self, spec: DatasetSpec, max_pixels: int) -> None:
        file = real_file(spec.path, spec.name, "table")
        where = f"Dataset {spec.name!r}"
        self._written_root = (spec.root or file.parent).expanduser()
        self._root = real_folder(
            self._written_root, spec.name, "as root the folder that the paths are relative to"
        )
        self._max_pixels = max_pixels
        rows = _read(file, spec, where)
        notes: list[str] = []
        complete = rows.drop_nulls([spec.path_column, spec.label_column])
        if left_out := len(rows) - len(complete):
            notes.append(f"{left_out:,} rows without path or label are left out.")
        need_images(len(complete), f"{where}: {file}")
        complete, found = self._present(complete, spec.path_column, where, notes)
        labels, class_names = encode_labels(
            complete[spec.label_column].to_numpy(), spec.class_names, f"{where}, column {spec.label_column!r}"
        )
        self._paths = [relative for relative, _, _ in found]
        super().__init__(
            name=spec.name,
            class_names=class_names,
            labels=labels,
            sources=pl.Series(self._paths, dtype=pl.String),
            digest=_digest(labels, found),
            columns=_further(complete, spec),
            notes=notes,
        )

    def _load(self, row: int) -> Image.Image:
        called = self._called(row)
        return decode(open_inside(self._root, self._paths[row], called), called, self._max_pixels)

    def _present(
        self, rows: pl.DataFrame, column: str, where: str, notes: list[str]
    ) -> tuple[pl.DataFrame, list[tuple[str, int, int]]]:
        """Return the rows whose file exists, and relative path, size and modification time of each."""
        root = str(self._root)
        written = os.path.abspath(self._written_root)  # noqa: PTH100 - Path.absolute keeps the ``..``
        found: list[tuple[str, int, int]] = []
        keep: list[bool] = []
        missing: list[str] = []
        outside: list[str] = []
        real_parents: dict[str, str] = {}
        for path in rows[column].to_list():
            full = _normal(root, written, path)
            info = _inspect(full, root, real_parents) if is_inside(full, root) else None
            if info is None:
                outside.append(path)
            elif not stat.S_ISREG(info.st_mode):
                missing.append(path)
            else:
                found.append((full.removeprefix(root).lstrip(os.sep), info.st_size, info.st_mtime_ns))
            keep.append(info is not None and stat.S_ISREG(info.st_mode))
        if outside:
            raise DatasetError(
                f"{where}: {len(outside):,} paths lead outside {root} ({some(outside)}). "
                "Set root to a folder that contains all images."
            )
        if not found:
            raise DatasetError(
                f"{where}: none of the {len(rows):,} files exists ({some(missing)}), looked for in {root}. "
                "Set root to the folder that the paths are relative to."
            )
        if missing:
            notes.append(
                f"{len(missing):,} rows whose file does not exist are left out: {some(missing, _NAMED)}."
            )
        return rows.filter(pl.Series(keep)), found


def _read(file: Path, spec: DatasetSpec, where: str) -> pl.DataFrame:
    kind = file.suffix.lower()
    try:
        if kind == ".csv":
            rows = pl.read_csv(
                file, schema_overrides={spec.path_column: pl.String}, infer_schema_length=None, glob=False
            )
        elif kind == ".parquet":
            rows = pl.read_parquet(file, glob=False)
        else:
            raise DatasetError(
                f"{where}: {file} is neither .csv nor .parquet. Save the table as one of them."
            )
    except pl.exceptions.NoDataError as error:
        raise DatasetError(f"{where}: {file} is empty. Give it a header, and a row per image.") from error
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"{where}: {file} cannot be read: {reason}. Save it as UTF-8 CSV, or Parquet."
        ) from error
    for what, column in (("path", spec.path_column), ("label", spec.label_column)):
        if column not in rows.columns:
            raise DatasetError(
                f"{where}: {file} has no column {column!r} for the {what}. "
                f"It has {some(rows.columns, _NAMED)}: "
                f"set {what}_column to one of them."
            )
    if rows.schema[spec.path_column] != pl.String:
        raise DatasetError(f"{where}: column {spec.path_column!r} of {file} does not hold text. Give paths.")
    return rows


def _normal(root: str, written: str, path: str) -> str:
    """Return the absolute path below ``root``, without ``..``; links in it are not followed yet.

    ``written`` is the root as the person wrote it: absolute paths begin with that, not with the real one.
    """
    full = os.path.normpath(os.path.join(root, path))  # noqa: PTH118 - once per row; Path would keep the ``..``
    return root + full.removeprefix(written) if is_inside(full, written) else full


def _inspect(full: str, root: str, real_parents: dict[str, str]) -> os.stat_result | None:
    """Return the file's status, or None if a link on its way leads outside ``root``.

    A missing file has the status of what is no regular file.
    """
    parent = os.path.dirname(full)  # noqa: PTH120 - once per row
    if parent not in real_parents:
        real_parents[parent] = os.path.realpath(parent)
    inside = real_parents[parent] == root or is_inside(real_parents[parent], root)
    try:
        info = os.lstat(full)
        if stat.S_ISLNK(info.st_mode):
            inside = inside and is_inside(os.path.realpath(full), root)
            info = os.stat(full) if inside else info  # noqa: PTH116 - once per row
    except (OSError, ValueError):
        info = os.stat_result((0,) * 10)
    return info if inside else None


def _further(rows: pl.DataFrame, spec: DatasetSpec) -> pl.DataFrame:
    kept = rows.drop(spec.path_column, spec.label_column)
    return kept.rename(
        {name: f"{name} (table)" for name in kept.columns if name in {IMAGE_ID, LABEL, SOURCE}}
    )


def _digest(labels: Labels, found: Sequence[tuple[str, int, int]]) -> str:
    rows = (
        f"{label}\0{path}\0{size}\0{mtime_ns}"
        for label, (path, size, mtime_ns) in zip(labels.tolist(), found, strict=True)
    )
    return hashlib.sha256(("table\0" + "\0".join(rows)).encode()).hexdigest()
