"""Salesforce record ids: 15 characters that matter, 3 that guard their case.

Source: Salesforce help 000324087 ("What are the differences between 15 and 18 character IDs"), read 2026-10.
"""

from __future__ import annotations

import re

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\Z")


def checksum(id15: str) -> str:
    """Return the three characters that say which letters of a 15-character id are capitals."""
    return "".join(
        CHECKSUM[sum(1 << bit for bit, letter in enumerate(id15[start : start + 5]) if "A" <= letter <= "Z")]
        for start in (0, 5, 10)
    )


def widen(text: object) -> str | None:
    """Return the 18-character form of an id, or None when it is not an id.

    An 18-character id whose case was lost is mended from its checksum, as Salesforce does; one whose letters
    contradict the checksum's alphabet is not an id.
    """
    if not isinstance(text, str) or not SHAPE.match(text):
        return None
    if len(text) == 15:
        return text + checksum(text)
    body, guard = text[:15], text[15:].upper()
    if checksum(body) == guard:
        return body + guard
    if any(letter not in CHECKSUM for letter in guard):
        return None
    mended = "".join(
        letter.upper() if CHECKSUM.index(guard[at // 5]) >> (at % 5) & 1 else letter.lower()
        for at, letter in enumerate(body)
    )
    return mended + guard if checksum(mended) == guard else None


def mint(key_prefix: str, number: int) -> str:
    """Return the 18-character id of the ``number``-th record of an object, ascending in its number."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    id15 = f"{key_prefix}Cv0{digits.rjust(9, '0')}"
    return id15 + checksum(id15)
