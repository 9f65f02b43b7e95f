"""What makes one model's numbers its own, as plain values for the keys of the store; imports no torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from channelexplorer_dash.errors import ModelError
from channelexplorer_dash.models.registry import resolve_object
from channelexplorer_dash.specs import ModelSpec

_CHUNK = 1 << 20
_PIPELINE = {".json", ".safetensors", ".txt", ".model"}
_digests: dict[tuple[str, int, int], str] = {}


def identity(spec: ModelSpec) -> dict[str, Any]:
    """Return what the activations of ``spec`` depend on, JSON-able.

    The name, the title and the class names are left out: they change no number.

    Returns
    -------
    dict
        ``source``, ``options``, ``preprocessing`` (the overrides), ``weights`` (``random``, ``hub`` or
        ``sha256:`` and the digest of the checkpoint), ``seed`` (where weights are random, else None) and
        ``code``: the digest of a factory's source file or of a registered module, or the versions of
        timm and torch where random or hub weights depend on them, else None.

    Raises
    ------
    ModelError
        If the checkpoint cannot be read, or the registered object is not known in this process.
    """
    kind, _, rest = spec.source.partition(":")
    path = spec.checkpoint
    code: str | None = None
    if kind == "object":
        code = resolve_object(rest).digest
    elif kind == "factory":
        code = _source_digest(rest.partition(":")[0])
    elif kind == "diffusers":
        code = _folder_digest(Path(rest))
    elif path is None:
        code = f"timm {importlib.metadata.version('timm')}, torch {importlib.metadata.version('torch')}"
    # A folder may be moved: its files are what counts.
    found = {
        "source": kind if kind == "diffusers" else spec.source,
        "options": spec.options,
        "preprocessing": spec.preprocessing,
        "weights": spec.weights if path is None else f"sha256:{file_digest(path)}",
        "seed": spec.seed if spec.weights == "random" and kind != "object" else None,
        "code": code,
    }
    return found if spec.takes == "image" else {**found, "takes": spec.takes}


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file; read again only when its size or time of change differ.

    Raises
    ------
    ModelError
        If the file is not there or cannot be read.
    """
    try:
        stat = path.stat()
        key = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if key not in _digests:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            _digests[key] = digest.hexdigest()
    except OSError as error:
        raise ModelError(
            f"The checkpoint {path} cannot be read: {error.strerror or error}. Check the path in `weights`."
        ) from error
    return _digests[key]


def _folder_digest(folder: Path) -> str:
    """Digest of every file of a saved pipeline, by name."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in _PIPELINE and path.is_file())
    if not files:
        raise ModelError(
            f"There is no saved pipeline in {folder}. Save one with save_pretrained, or download it there."
        )
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder)}\0{file_digest(path)}\0".encode())
    return f"sha256:{digest.hexdigest()}"


def _source_digest(module: str) -> str | None:
    """Digest of a module's file, found without importing it or its packages; None where there is no file."""
    spec = _find(module)
    origin = Path(spec.origin) if spec and spec.origin else None
    return f"sha256:{file_digest(origin)}" if origin and origin.is_file() else None


def _find(module: str) -> ModuleSpec | None:
    top, *rest = module.split(".")
    try:
        # Only the top-level name goes through all finders: for a dotted one its parents would be imported.
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    name = top
    for part in rest:
        if found is None or found.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        found = PathFinder.find_spec(name, list(found.submodule_search_locations))
    return found
