"""Strict JSON, quickly: a fast decoder, and proof that it lost nothing.

msgspec refuses what is not UTF-8, not JSON, NaN and Infinity, but of a key that an object has twice it keeps the last.
Each string is two quotes in the text, and each key that was dropped is a string that is missing in the result: where
the numbers agree there was none.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

IN_DOUBT: Final = object()
_decode = msgspec.json.Decoder().decode


def quick(body: bytes, most_levels: int) -> Any:
    """The decoded body; `IN_DOUBT` when it is wrong in any way, or cannot be proven right without reading it slowly."""
    if b"\\\\" in body:  # a quote after it may or may not be escaped
        return IN_DOUBT
    try:
        found = _decode(body)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return IN_DOUBT
    quotes = body.count(b'"') - body.count(b'\\"')
    return found if _strings(found, most_levels) * 2 == quotes else IN_DOUBT


def _strings(found: Any, most_levels: int) -> int:
    """How many keys and text values there are; -1 when it nests deeper than `most_levels`."""
    count = 0
    level = [[found]]
    for _ in range(most_levels + 1):
        below: list[Any] = []
        for holder in level:
            values: Any = holder
            if type(holder) is dict:
                count += len(holder)
                values = holder.values()
            for value in values:
                if type(value) is str:
                    count += 1
                elif type(value) is dict or type(value) is list:
                    below.append(value)
        if not below:
            return count
        level = below
    return -1
