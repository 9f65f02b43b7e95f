"""The settings: do the files parse, is every key known, and who else may reach or change what they say."""

from __future__ import annotations

import difflib
import ipaddress
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from channelexplorer_dash.doctor.finding import Finding, counted
from channelexplorer_dash.errors import SettingsError
from channelexplorer_dash.extraction.engine import SCHEDULER_FILE
from channelexplorer_dash.settings import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, Settings, read_settings_file
from channelexplorer_dash.specs import DatasetSpec, ModelSpec


def settings_files(given: Iterable[Path], environment: Mapping[str, str]) -> list[Path]:
    """Return the files that are read: those given, or else those that the environment names."""
    named = environment.get(CONFIG_VARIABLE, "").split(os.pathsep)
    return list(given) or [Path(name) for name in named if name]


def check_file(file: Path) -> list[Finding]:
    """Read a settings file: can it be parsed, is every key known, may others write it."""
    what = f"settings {file}"
    try:
        values = read_settings_file(file)
    except SettingsError as error:
        return [Finding("problem", what, str(error))]
    found = [Finding("problem", what, f"unknown key {key!r}.", hint) for key, hint in _unknown(values)]
    if file.stat().st_mode & stat.S_IWOTH:
        found.append(
            Finding(
                "problem",
                what,
                "every account of this machine may change it, and it can name code that is run.",
                f"Run `chmod o-w {file}`.",
            )
        )
    return found or [Finding("ok", what, f"{counted(len(values), 'key')}, all known.")]


def _unknown(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each key that no setting, model or dataset has, with the nearest that one has."""
    tables = [("", values, Settings.model_fields)]
    for kind, fields in (("models", ModelSpec.model_fields), ("datasets", DatasetSpec.model_fields)):
        tables += [(f"{kind}.", entry, fields) for entry in values.get(kind, ())]
    for where, table, fields in tables:
        for key in table:
            if key not in fields:
                near = difflib.get_close_matches(key, fields, n=1)
                yield f"{where}{key}", f"Did you mean {near[0]!r}?" if near else "Remove it."


def check_environment(environment: Mapping[str, str]) -> Finding:
    """Look for variables that look like settings and are none: they count for nothing."""
    named = [name for name in environment if name.upper().startswith(ENVIRONMENT_PREFIX)]
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    wrong = sorted(name for name in named if name.upper() not in known)
    if not wrong:
        return Finding("ok", "environment", f"{counted(len(named), 'variable')} {ENVIRONMENT_PREFIX}….")
    near = difflib.get_close_matches(wrong[0].upper(), known, n=1)
    hint = f"Did you mean {near[0]}?" if near else "docs/settings.md lists what can be set."
    return Finding("warning", "environment", f"{', '.join(wrong)}: no such setting, so it is ignored.", hint)


def check_declared(settings: Settings) -> Finding:
    """Say what is registered; `serve` needs a model and a dataset."""
    names = f"{counted(len(settings.models), 'model')}, {counted(len(settings.datasets), 'dataset')}."
    if settings.models and settings.datasets:
        return Finding("ok", "settings", names)
    return Finding("problem", "settings", names, "Add what is missing with --model, --images or --config.")


def check_exposure(settings: Settings) -> list[Finding]:
    """Look for settings by which others could read, change or run what they should not."""
    found = []
    if not _is_loopback(settings.host):
        found.append(
            Finding(
                "warning",
                "exposure",
                f"`serve` listens on {settings.host}, and has no login: who reaches it sees every dataset.",
                "Listen on 127.0.0.1, behind a proxy that authenticates, or mount it in an application.",
            )
        )
    cluster = urlsplit(settings.engine)
    if cluster.scheme == "tcp" and not _is_loopback(cluster.hostname or ""):
        found.append(
            Finding(
                "warning",
                "exposure",
                f"the Dask cluster {settings.engine} runs any code that it is sent, unencrypted.",
                "Protect it by its network.",
            )
        )
    if settings.engine == "inline":
        found.append(
            Finding(
                "warning",
                "engine",
                "inline: the work is done within the web process.",
                'For a server set engine = "embedded".',
            )
        )
    for path, mask, mend, danger in (
        (settings.store, stat.S_IWOTH, "o-w", "every account of this machine may change results"),
        (
            settings.store / "engine" / SCHEDULER_FILE,
            stat.S_IRWXG | stat.S_IRWXO,
            "go-rwx",
            "other accounts may send the engine code",
        ),
    ):
        if path.exists() and path.stat().st_mode & mask:
            found.append(Finding("problem", "exposure", f"{danger} ({path}).", f"Run `chmod {mend} {path}`."))
    return found or [Finding("ok", "exposure", f"`serve` listens on {settings.host} alone.")]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
