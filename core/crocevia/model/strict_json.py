"""Strict JSON, quickly: a fast decoder, and proof that it lost nothing.

msgspec refuses what is not UTF-8, not JSON, NaN and Infinity, but of a key that an object has twice it keeps the last.
Each string has two quotes, and each key that was dropped is a string that is missing when the result is encoded again:
where the quotes are as many as before there was none.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

IN_DOUBT: Final = object()
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def quick(body: bytes, most_levels: int) -> Any:
    """The decoded body; `IN_DOUBT` when it is wrong in any way, or cannot be proven right without reading it slowly."""
    if b"\\\\" in body:  # a quote after it may or may not be escaped
        return IN_DOUBT
    try:
        found = _decode(body)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return IN_DOUBT
    if _quotes(_encode(found)) != _quotes(body):
        return IN_DOUBT
    if body.count(b"[") + body.count(b"{") > most_levels and _deeper(found, most_levels):
        return IN_DOUBT
    return found


def _quotes(text: bytes) -> int:
    """How many quotes begin or end a string. Too few, never too many, where a text ends in a backslash."""
    return text.count(b'"') - text.count(b'\\"')


def _deeper(found: Any, most_levels: int) -> bool:
    level = _containers([found])
    for _ in range(most_levels):
        level = _containers([value for holder in level for value in _values(holder)])
    return bool(level)


def _containers(values: list[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _values(holder: Any) -> Any:
    return holder.values() if isinstance(holder, dict) else holder
