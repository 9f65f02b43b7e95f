"""Write docs/settings.md from the settings themselves, so that the page cannot fall behind the code."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from channelexplorer_dash.settings import CONFIG_VARIABLE, ENVIRONMENT_PREFIX, Settings
from channelexplorer_dash.specs import DatasetSpec, ModelSpec

TARGET = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

INTRODUCTION = f"""<!-- Written by `make docs` from settings.py and specs.py: change those. -->

# Settings

There is one settings object, read once at start from four places. The first that names a value wins:

1. flags of the command line (`channelexplorer serve --help` lists them), or arguments of `Settings(...)`;
2. environment variables: `{ENVIRONMENT_PREFIX}` and the name in capitals;
3. TOML files: those given with `--config`, or else those named by `{CONFIG_VARIABLE}`
   (several are separated as in `PATH`). Models and datasets of several files are joined;
4. the defaults below.

Relative paths in a TOML file are relative to that file. A value that is wrong stops the start, with one line
for each mistake.

```toml
store = "/var/lib/channelexplorer"
threads = 4

[[models]]
name = "ours"
source = "timm:resnet50"
weights = "checkpoints/ours.safetensors"
options = {{ num_classes = 3 }}
class_names = ["cat", "dog", "neither"]

[[datasets]]
name = "pets"
kind = "folder"
path = "images/pets"
model = "ours"
```

## All settings
"""


def type_name(annotation: Any) -> str:
    """Return a type as a person writes it in TOML."""
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{json.dumps(value)}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list of text"
    if annotation is None or annotation is type(None):
        return "nothing"
    arguments = [a for a in get_args(annotation) if a is not type(None)]
    if arguments and get_origin(annotation) is not dict:
        return " or ".join(dict.fromkeys(type_name(a) for a in arguments))
    names = {int: "whole number", float: "number", str: "text", Path: "path", bool: "true or false"}
    return names.get(annotation, "table")


def default_of(field: FieldInfo) -> str:
    """Return a field's default as TOML, or an empty cell where there is none."""
    if field.default is PydanticUndefined and field.default_factory is None:
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ((), {}, ""):
        return "none"
    if isinstance(value, Path):
        value = str(value)
    return f"`{json.dumps(value)}`"


def attributes(spec: type) -> dict[str, str]:
    """Return the ``Attributes`` section of a docstring: ``{field: one paragraph}``."""
    section = inspect.cleandoc(spec.__doc__ or "").partition("Attributes\n----------\n")[2]
    found: dict[str, str] = {}
    for names, text in re.findall(r"^(\w[\w, ]*)\n((?:    .+\n?)+)", section, flags=re.MULTILINE):
        for name in names.split(", "):
            found[name] = markdown(" ".join(line.strip() for line in text.splitlines()))
    return found


def markdown(text: str) -> str:
    """Turn the docstring's literals and roles into Markdown's."""
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text)
    return text.replace("``", "`").replace("|", "\\|")


def spec_table(spec: type[ModelSpec] | type[DatasetSpec]) -> list[str]:
    """Return the table of what one ``[[models]]`` or ``[[datasets]]`` entry holds."""
    described = attributes(spec)
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in spec.model_fields.items():
        meaning = described.get(name) or field.description
        if not meaning:
            raise SystemExit(f"{spec.__name__}.{name} is not described in its docstring.")
        lines.append(f"| `{name}` | {type_name(field.annotation)} | {default_of(field)} | {meaning} |")
    return lines


def page() -> str:
    """Return the whole page."""
    lines = ["| setting | value | default | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        if name in {"models", "datasets"}:
            continue
        if not field.description:
            raise SystemExit(f"Settings.{name} has no description.")
        meaning = markdown(field.description)
        lines.append(f"| `{name}` | {type_name(field.annotation)} | {default_of(field)} | {meaning} |")
    sections = [
        INTRODUCTION + "\n" + "\n".join(lines),
        "## A model: `[[models]]`\n\n" + "\n".join(spec_table(ModelSpec)),
        "## A dataset: `[[datasets]]`\n\n" + "\n".join(spec_table(DatasetSpec)),
    ]
    return "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
