"""Trees as text: Newick and nested JSON, written and read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from channelexplorer_dash.core.trees import Tree
from channelexplorer_dash.errors import DatasetError

_PLAIN = re.compile(r"[^\s()\[\]':;,_]+")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$")
_SEEN = 24


def to_newick(tree: Tree) -> str:
    """Write a tree in the Newick format (Olsen 1990), with the lengths of the branches that have one.

    A name that is not a plain word is quoted, and a quote in it doubled: any name comes back as it is.
    """
    below = tree.children()
    parts: list[str] = []
    # (node, whether what is below it has been written)
    waiting: list[tuple[int, bool]] = [(0, False)]
    while waiting:
        node, written = waiting.pop()
        if below[node] and not written:
            parts.append("(")
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(below[node])]
            continue
        if written:
            parts.append(")")
        parts.append(_quoted(tree.names[node]))
        if np.isfinite(tree.lengths[node]):
            parts.append(f":{_number(tree.lengths[node])}")
        if node and below[tree.parents[node]][-1] != node:
            parts.append(",")
    return "".join(parts) + ";"


def to_json(tree: Tree) -> str:
    """Write a tree as nested objects with ``name``, ``length`` and ``children``, each where there is one."""
    below = tree.children()
    parts: list[str] = []
    waiting: list[tuple[int, bool]] = [(0, False)]
    # Written piece by piece, as json.dumps gives up on trees of a thousand levels.
    while waiting:
        node, written = waiting.pop()
        if not written:
            entries: dict[str, Any] = {"name": tree.names[node]} if tree.names[node] else {}
            if np.isfinite(tree.lengths[node]):
                entries["length"] = float(_number(tree.lengths[node]))
            text = json.dumps(entries, ensure_ascii=False)[:-1]
            parts.append(text)
            if below[node]:
                parts.append((", " if entries else "") + '"children": [')
                waiting.append((node, True))
                waiting += [(child, False) for child in reversed(below[node])]
                continue
        parts.append("]}" if written else "}")
        if node and below[tree.parents[node]][-1] != node:
            parts.append(", ")
    return "".join(parts) + "\n"


def read_tree(text: str) -> Tree:
    """Read a tree in Newick or in nested JSON, whichever it is.

    Raises
    ------
    DatasetError
        If it cannot be read: the message says where, and what is expected there.
    """
    stripped = text.lstrip("\ufeff").strip()
    if not stripped:
        raise DatasetError("The tree is empty. Write it in Newick, as ((cat,dog),car);, or as nested JSON.")
    return read_json(stripped) if stripped[0] in "{[" and not _is_comment(stripped) else read_newick(stripped)


def read_newick(text: str) -> Tree:
    """Read a tree in the Newick format: names plain or in single quotes, lengths after ``:``, ``[comments]``.

    As the format has it, ``_`` in a plain name stands for a blank.

    Raises
    ------
    DatasetError
        With the line and the column of the first thing that cannot be read.
    """
    reader = _Newick(text)
    return reader.tree()


def read_json(text: str) -> Tree:
    """Read a tree of nested objects with ``name``, ``length`` (optional) and ``children`` (a list).

    A text stands for a leaf of that name.

    Raises
    ------
    DatasetError
        With the line and the column, or the place in the tree, of the first thing that cannot be read.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"The tree is no valid JSON, at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError as error:
        raise DatasetError("The tree is nested too deeply for JSON. Write it in Newick.") from error
    growing = _Growing()
    waiting: list[tuple[Any, int, str]] = [(found, -1, "the root")]
    while waiting:
        value, parent, place = waiting.pop()
        entry: Mapping[str, Any] = {"name": value} if isinstance(value, str) else value
        if not isinstance(entry, dict):
            raise DatasetError(f"In the tree, {place} must be an object or a name.")
        if unknown := set(entry) - {"name", "length", "children"}:
            raise DatasetError(
                f"In the tree, {place} has {sorted(unknown)[0][:40]!r}; known are name, length and children."
            )
        name, length, below = entry.get("name", ""), entry.get("length"), entry.get("children", [])
        if not isinstance(name, str):
            raise DatasetError(f"In the tree, the name of {place} must be a text.")
        if length is not None and not _is_length(length):
            raise DatasetError(f"In the tree, the length of {place} must be a finite number.")
        if not isinstance(below, list):
            raise DatasetError(f"In the tree, the children of {place} must be a list.")
        node = growing.add(name, parent, np.nan if length is None else float(length))
        inside = "" if parent < 0 else f"{place}."
        children = [(child, node, f"{inside}children[{i}]") for i, child in enumerate(below)]
        waiting += reversed(children)
    return growing.tree()


@dataclass
class _Growing:
    """A tree that nodes are added to, in preorder."""

    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    def add(self, name: str, parent: int, length: float = np.nan) -> int:
        self.names.append(name)
        self.parents.append(parent)
        self.lengths.append(length)
        return len(self.names) - 1

    def tree(self) -> Tree:
        return Tree(tuple(self.names), np.array(self.parents, np.int64), np.array(self.lengths))


class _Newick:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def tree(self) -> Tree:
        growing = _Growing()
        node = growing.add("", -1)
        while True:
            self._skip()
            if self._take("("):
                node = growing.add("", node)
                continue
            growing.names[node] = self._name()
            growing.lengths[node] = self._length()
            # Up, as far as groups end here.
            while self._take(")"):
                node = growing.parents[node]
                if node < 0:
                    raise self._wrong("a `)` without its `(`", back=1)
                growing.names[node] = self._name()
                growing.lengths[node] = self._length()
            if self._take(","):
                if growing.parents[node] < 0:
                    raise self._wrong("a `,` outside all parentheses", back=1)
                node = growing.add("", growing.parents[node])
                continue
            break
        if growing.parents[node] >= 0:
            raise self._wrong("`,` or `)` is expected; names with blanks stand in single quotes")
        if not self._take(";"):
            raise self._wrong("`;` is expected at the end of the tree")
        self._skip()
        if self.at < len(self.text):
            raise self._wrong("nothing may follow the `;`: one tree is expected")
        return growing.tree()

    def _name(self) -> str:
        self._skip()
        if self._at("'"):
            return self._quoted()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in "()[]':;,\n\r\t ":
            self.at += 1
        return self.text[start : self.at].replace("_", " ")

    def _quoted(self) -> str:
        start = self.at
        self.at += 1
        name = ""
        while True:
            end = self.text.find("'", self.at)
            if end < 0:
                self.at = start
                raise self._wrong("a quoted name does not end")
            name += self.text[self.at : end]
            self.at = end + 1
            if not self._at("'"):
                return name
            name += "'"
            self.at += 1

    def _length(self) -> float:
        if not self._take(":"):
            return np.nan
        self._skip()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in "()[]':;,\n\r\t ":
            self.at += 1
        word = self.text[start : self.at]
        if not _NUMBER.match(word) or not np.isfinite(float(word)):
            self.at = start
            raise self._wrong("a number is expected after `:`")
        return float(word)

    def _take(self, character: str) -> bool:
        self._skip()
        found = self._at(character)
        self.at += found
        return found

    def _at(self, character: str) -> bool:
        return self.text[self.at : self.at + 1] == character

    def _skip(self) -> None:
        """Step over blanks and comments."""
        while self.at < len(self.text):
            if self._at("["):
                end = self.text.find("]", self.at)
                if end < 0:
                    raise self._wrong("a comment does not end")
                self.at = end + 1
            elif self.text[self.at].isspace():
                self.at += 1
            else:
                return

    def _wrong(self, what: str, back: int = 0) -> DatasetError:
        at = self.at - back
        before = self.text[:at]
        line, column = before.count("\n") + 1, at - before.rfind("\n")
        seen = self.text[at : at + _SEEN]
        found = f", before {seen!r}" if seen else ", where the text ends"
        return DatasetError(f"The tree cannot be read at line {line}, column {column}{found}: {what}.")


def _is_comment(text: str) -> bool:
    """Tell a Newick comment before the tree from a JSON list, which is no tree either way."""
    return text[0] == "[" and text[text.find("]") + 1 :].lstrip()[:1] in {"(", "'", "["}


def _is_length(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and bool(np.isfinite(value))  # type: ignore[call-overload]


def _quoted(name: str) -> str:
    if not name or _PLAIN.fullmatch(name):
        return name
    return "'" + name.replace("'", "''") + "'"


def _number(value: float) -> str:
    return f"{value:.9g}"
