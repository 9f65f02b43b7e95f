"""Keys: digests of canonical JSON."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from channelexplorer_dash.errors import StoreError

SCHEMA_VERSION = 3
"""Raised whenever the meaning or the form of anything in the store changes."""

KEY_CHARACTERS = 40
_KEY = re.compile(rf"[0-9a-f]{{{KEY_CHARACTERS}}}")


def digest(description: Any) -> str:
    """Return the key of a JSON-able description: the same in every process, on every machine.

    Parameters
    ----------
    description
        Dicts with string keys, lists, strings, numbers, booleans and None, nested. Tuples count as lists.

    Returns
    -------
    str
        40 hexadecimal characters (160 bits of BLAKE2b), with :data:`SCHEMA_VERSION` mixed in.

    Raises
    ------
    TypeError, ValueError
        If the description holds something that is not JSON, or a number that is not finite.
    """
    canonical = json.dumps(
        [SCHEMA_VERSION, description],
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
        ensure_ascii=True,
    )
    return hashlib.blake2b(canonical.encode(), digest_size=KEY_CHARACTERS // 2).hexdigest()


def about_key(summary: str) -> str:
    """Return the key of the record beside a summary, or predictions: images left out, non-finite values."""
    return digest({"what": "about", "summary": summary})


def moments_key(summary: str) -> str:
    """Return the key of the table beside a summary: moments of every class and channel."""
    return digest({"what": "moments", "summary": summary})


def is_key(text: str) -> bool:
    """Tell whether a text has the form of a key."""
    return _KEY.fullmatch(text) is not None


def checked_key(key: str) -> str:
    """Return a key, or raise StoreError: keys become file names, and may come from a browser."""
    if not is_key(key):
        raise StoreError(f"{key[:60]!r} is not a key of the store.")
    return key
