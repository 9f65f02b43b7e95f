"""Keys: digests of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SCHEMA_VERSION = 1
"""Raised whenever the meaning or the form of anything in the store changes."""

KEY_CHARACTERS = 40


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
