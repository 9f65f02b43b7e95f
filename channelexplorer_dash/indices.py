"""Lists of images, classes or channels in few characters, as links and the page's script write them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any

from channelexplorer_dash.errors import SelectionError

_RUN = re.compile(r"^[0-9a-z]+(\.[0-9a-z]+)*$")


def encode_indices(indices: Iterable[int]) -> str:
    """Write distinct non-negative integers compactly, in characters that a URL leaves as they are.

    The shorter of two forms: ``r`` and base-36 runs (gap, length less one, gap, …), or ``b``, the
    base-36 start, ``-`` and the base64url bitset from there. The page's script reads and writes the same.
    """
    ordered = sorted({int(i) for i in indices})
    if not ordered:
        return ""
    if ordered[0] < 0:
        raise SelectionError("An index cannot be negative.")
    tokens: list[str] = []
    end = 0
    start = previous = ordered[0]
    for index in [*ordered[1:], -1]:
        if index != previous + 1:
            tokens += [_base36(start - end), _base36(previous - start)]
            end, start = previous + 1, index
        previous = index
    runs = "r" + ".".join(tokens)
    first = ordered[0]
    bits = bytearray((ordered[-1] - first) // 8 + 1)
    if len(bits) > 1_000_000 or len(runs) <= len(bits):
        return runs
    for index in ordered:
        bits[(index - first) >> 3] |= 1 << ((index - first) & 7)
    bitset = f"b{_base36(first)}-{base64.urlsafe_b64encode(bytes(bits)).decode().rstrip('=')}"
    return min(runs, bitset, key=len)


def decode_indices(text: str, *, limit: int = 2_000_000) -> tuple[int, ...]:
    """Read :func:`encode_indices` back; raise SelectionError where the text is not of that form."""
    if not text:
        return ()
    broken = SelectionError("The link's list of images or classes cannot be read. Ask for the link again.")
    # No list of so few needs more characters; and eight million of them would stand for gigabytes.
    if len(text) > limit:
        raise broken
    try:
        if text[0] == "b":
            first, _, payload = text[1:].partition("-")
            bits = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
            start = int(first, 36)
            if int.from_bytes(bits, "little").bit_count() > limit:
                raise broken
            found = tuple(
                start + 8 * i + b for i, byte in enumerate(bits) if byte for b in range(8) if byte >> b & 1
            )
            return found if not found or found[-1] < 2**53 else _raise(broken)
        if text[0] != "r" or not _RUN.match(text[1:]):
            raise broken
        numbers = [int(token, 36) for token in text[1:].split(".")]
    except ValueError as error:
        raise broken from error
    if len(numbers) % 2 or sum(numbers) > 2**53 or sum(n + 1 for n in numbers[1::2]) > limit:
        raise broken
    out: list[int] = []
    end = 0
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        start = end + gap
        end = start + length + 1
        out.extend(range(start, end))
    return tuple(out)


def _raise(error: Exception) -> Any:
    raise error


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
        if not number:
            return text
